# What was left out, the summary, one page.

ASKED_EDITS = list(dict.fromkeys([*EDITS, *(e for one in ASKED for e in one.edits(config))]))
REJECTED = [
    f"{SOURCE}/rejected/collect_programs.parquet",
    f"{SOURCE}/rejected/make_examples.parquet",
    *expand(f"{SOURCE}/rejected/edit_examples/{{edit}}.parquet", edit=ASKED_EDITS),
    *expand(f"{SOURCE}/rejected/check_types/{{edit}}.parquet", edit=ASKED_EDITS),
    *expand(f"{RESULTS}/rejected/build_prompts/{{edit}}.parquet", edit=ASKED_EDITS),
    f"{RESULTS}/rejected/pair_examples.parquet",
    # Once each: what experiments share is a step of both.
    *dict.fromkeys(
        file
        for one in ASKED
        for table in one.rejected
        for file in expand(f"{RESULTS}/rejected/{table}.parquet", edit=EDITS, patched=PATCHED)
    ),
]


rule gather_rejected:
    input:
        tables=REJECTED,
    output:
        f"{RESULTS}/rejected.parquet",
    group:
        "report"
    shell:
        "python scripts/gather_rejected.py --tables {input.tables:q} --out {output:q} --log {log:q}"


rule write_summary:
    input:
        examples=f"{SOURCE}/examples.parquet",
        funnel=expand(f"{RESULTS}/funnel/{{edit}}.parquet", edit=EDITS),
        predictions=expand(f"{RESULTS}/predictions/{{edit}}.parquet", edit=EDITS),
        splits=expand(f"{RESULTS}/split/{{edit}}.parquet", edit=EDITS),
        sections=expand(f"{RESULTS}/sections/{{name}}.json", name=config["experiments"]),
        rejected=f"{RESULTS}/rejected.parquet",
        model=f"{RESULTS}/model/prepared.json",
        figures=expand(
            f"{FIGURES}/{{figure}}.svg",
            figure=["funnel", "accuracy", "wrong_answers"],
        ),
    output:
        summary=report(
            f"{RESULTS}/summary.md",
            category="4. Summary",
            caption="../config/captions/summary.rst",
        ),
        report=f"{RESULTS}/report.json",
        figures=f"{RESULTS}/figures.json",
    group:
        "report"
    params:
        config=json.dumps(config, sort_keys=True),
        benchmarks=f"{RESULTS}/benchmarks",
        logs=f"{RESULTS}/logs",
        margins=MARGINS,
    shell:
        "python scripts/write_summary.py --examples {input.examples:q} --funnel {input.funnel:q}"
        " --predictions {input.predictions:q} --splits {input.splits:q}"
        " --sections {input.sections:q} --config {params.config:q} --model-info {input.model:q}"
        " --benchmarks {params.benchmarks:q} --logs {params.logs:q}"
        " {params.margins} --out {output.summary:q} --out-report {output.report:q}"
        " --out-figures {output.figures:q} --log {log:q}"


rule build_report:
    input:
        report=f"{RESULTS}/report.json",
        figures=expand(
            f"{FIGURES}/{{figure}}.svg",
            figure=["funnel", "accuracy", "wrong_answers"],
        ),
        docs=expand("docs/{page}", page=DOCS_PAGES),
    output:
        page=f"{RESULTS}/report.html",
        docs=directory(f"{RESULTS}/docs"),
    group:
        "report"
    params:
        figures=lambda wildcards, input: Path(input.figures[0]).parent.as_posix(),
    shell:
        "python scripts/build_report.py --report {input.report:q}"
        " --figures-folder {params.figures:q} --docs docs --out {output.page:q}"
        " --out-docs {output.docs:q} --log {log:q}"
