# Plots, tables, one page.


rule plot_funnel:
    input:
        funnel=expand(f"{RESULTS}/funnel/{{edit}}.parquet", edit=EDITS),
        code=step_sources("plot_funnel"),
    output:
        svg=report(
            f"{FIGURES}/funnel.svg",
            category="1. Examples",
            caption="../config/captions/funnel.rst",
        ),
        png=f"{FIGURES}/funnel.png",
    log:
        f"{RESULTS}/logs/plot_funnel.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_funnel.tsv"
    conda:
        "envs/steps.yaml"
    resources:
        **SMALL_RESOURCES,
    shell:
        "python scripts/plot_funnel.py --funnel {input.funnel:q} --out-svg {output.svg:q}"
        " --out-png {output.png:q} --log {log:q}"


rule plot_accuracy:
    input:
        predictions=expand(f"{RESULTS}/predictions/{{edit}}.parquet", edit=EDITS),
        code=step_sources("plot_accuracy"),
    output:
        svg=report(
            f"{FIGURES}/accuracy.svg",
            category="2. Answers",
            caption="../config/captions/accuracy.rst",
        ),
        png=f"{FIGURES}/accuracy.png",
    log:
        f"{RESULTS}/logs/plot_accuracy.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_accuracy.tsv"
    conda:
        "envs/steps.yaml"
    resources:
        **SMALL_RESOURCES,
    params:
        draws=DRAWS,
    shell:
        "python scripts/plot_accuracy.py --predictions {input.predictions:q} {params.draws}"
        " --out-svg {output.svg:q} --out-png {output.png:q} --log {log:q}"


rule plot_wrong_answers:
    input:
        predictions=expand(f"{RESULTS}/predictions/{{edit}}.parquet", edit=EDITS),
        code=step_sources("plot_wrong_answers"),
    output:
        svg=report(
            f"{FIGURES}/wrong_answers.svg",
            category="2. Answers",
            caption="../config/captions/wrong_answers.rst",
        ),
        png=f"{FIGURES}/wrong_answers.png",
    log:
        f"{RESULTS}/logs/plot_wrong_answers.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_wrong_answers.tsv"
    conda:
        "envs/steps.yaml"
    resources:
        **SMALL_RESOURCES,
    shell:
        "python scripts/plot_wrong_answers.py --predictions {input.predictions:q}"
        " --out-svg {output.svg:q} --out-png {output.png:q} --log {log:q}"


ASKED_EDITS = [
    *EDITS,
    *(edit for edit in DOSED_EDITS if edit not in EDITS and "robustness" in config["experiments"]),
]
# What the steps of an experiment leave out.
REJECTED_BY = {
    "lens": expand(f"{RESULTS}/rejected/read_lens/{{edit}}.parquet", edit=EDITS),
    "patch_positions": [f"{RESULTS}/rejected/sweep_positions.parquet"],
    "icl": [f"{RESULTS}/rejected/compare_icl/{PATCHED}.parquet"],
    "masking": [f"{RESULTS}/rejected/mask_distractors.parquet"],
}
REJECTED = {
    "source": [
        f"{SOURCE}/rejected/collect_programs.parquet",
        f"{SOURCE}/rejected/make_examples.parquet",
        *expand(f"{SOURCE}/rejected/edit_examples/{{edit}}.parquet", edit=ASKED_EDITS),
        *expand(f"{SOURCE}/rejected/check_types/{{edit}}.parquet", edit=ASKED_EDITS),
    ],
    config["model"]["name"]: [
        *expand(f"{RESULTS}/rejected/build_prompts/{{edit}}.parquet", edit=ASKED_EDITS),
        f"{RESULTS}/rejected/pair_examples.parquet",
        *(table for name in config["experiments"] for table in REJECTED_BY.get(name, [])),
    ],
}


rule gather_rejected:
    input:
        tables=lambda wildcards: REJECTED[wildcards.folder],
        code=step_sources("gather_rejected"),
    output:
        "results/{folder}/rejected.parquet",
    log:
        "results/{folder}/logs/gather_rejected.log",
    benchmark:
        "results/{folder}/benchmarks/gather_rejected.tsv"
    conda:
        "envs/steps.yaml"
    resources:
        **SMALL_RESOURCES,
    shell:
        "python scripts/gather_rejected.py --tables {input.tables:q} --out {output:q} --log {log:q}"


rule write_summary:
    input:
        funnel=expand(f"{RESULTS}/funnel/{{edit}}.parquet", edit=EDITS),
        predictions=expand(f"{RESULTS}/predictions/{{edit}}.parquet", edit=EDITS),
        splits=expand(f"{RESULTS}/split/{{edit}}.parquet", edit=EDITS),
        sections=expand(f"{RESULTS}/sections/{{name}}.json", name=config["experiments"]),
        rejected=["results/source/rejected.parquet", f"{RESULTS}/rejected.parquet"],
        model=f"{RESULTS}/model/prepared.json",
        figures=expand(
            f"{FIGURES}/{{figure}}.svg",
            figure=["funnel", "accuracy", "wrong_answers"],
        ),
        code=step_sources("write_summary"),
    output:
        summary=report(
            f"{RESULTS}/summary.md",
            category="4. Summary",
            caption="../config/captions/summary.rst",
        ),
        figures=f"{RESULTS}/figures.json",
    log:
        f"{RESULTS}/logs/write_summary.log",
    benchmark:
        f"{RESULTS}/benchmarks/write_summary.tsv"
    conda:
        "envs/steps.yaml"
    resources:
        **SMALL_RESOURCES,
    params:
        config=json.dumps(config, sort_keys=True),
        benchmarks=[f"{SOURCE}/benchmarks", f"{RESULTS}/benchmarks"],
        logs=[f"{SOURCE}/logs", f"{RESULTS}/logs"],
        draws=DRAWS,
    shell:
        "python scripts/write_summary.py --funnel {input.funnel:q}"
        " --predictions {input.predictions:q} --splits {input.splits:q}"
        " --sections {input.sections:q}"
        " --config {params.config:q}"
        " --model-info {input.model:q} --benchmarks {params.benchmarks:q} --logs {params.logs:q}"
        " {params.draws} --out {output.summary:q} --out-figures {output.figures:q} --log {log:q}"


rule build_report:
    input:
        summary=f"{RESULTS}/summary.md",
        figures=expand(
            f"{FIGURES}/{{figure}}.svg",
            figure=["funnel", "accuracy", "wrong_answers"],
        ),
        code=step_sources("build_report"),
    output:
        f"{RESULTS}/report.html",
    log:
        f"{RESULTS}/logs/build_report.log",
    benchmark:
        f"{RESULTS}/benchmarks/build_report.tsv"
    conda:
        "envs/steps.yaml"
    resources:
        **SMALL_RESOURCES,
    params:
        figures=lambda wildcards, input: Path(input.figures[0]).parent.as_posix(),
    shell:
        "python scripts/build_report.py --summary {input.summary:q}"
        " --figures-folder {params.figures:q} --out {output:q} --log {log:q}"
