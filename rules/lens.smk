# What the model would say at every point.

# The edit whose broken variants stand beside their originals, in every look inside the model.
COMPARED = ["original", PATCHED]


rule read_lens:
    input:
        prompts=f"{RESULTS}/prompts/{{edit}}.parquet",
        predictions=f"{RESULTS}/predictions/{{edit}}.parquet",
        broken_by=lambda wildcards: (
            [
                f"{RESULTS}/predictions/{edit}.parquet"
                for edit in sorted(EDITS[1:], key=COMPARED[-1].__ne__)
            ]
            if wildcards.edit == "original"
            else []
        ),
        model=f"{RESULTS}/model/prepared.json",
        code=step_sources("read_lens"),
        shards=shards("read_lens", RESULTS),
    output:
        lens=f"{RESULTS}/lens/{{edit}}.parquet",
        rejected=f"{RESULTS}/rejected/read_lens/{{edit}}.parquet",
    log:
        f"{RESULTS}/logs/read_lens/{{edit}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/read_lens/{{edit}}.tsv"
    conda:
        "envs/steps.yaml"
    threads: workflow.cores
    resources:
        **MODEL_RESOURCES,
    params:
        model=lambda wildcards, input: Path(input.model).parent.as_posix(),
        batch_tokens=config["predict"]["batch_tokens"],
        flags=MODEL_FLAGS,
        positions=["last", *filter("last".__ne__, config["activations"]["positions"])],
        cache=CACHE,
        outs=outs_of_two,
    shell:
        "python scripts/read_lens.py --prompts {input.prompts:q}"
        " --predictions {input.predictions:q} --broken-by {input.broken_by:q}"
        " --model {params.model:q} {params.flags} --threads {threads}"
        " --positions {params.positions} --batch-tokens {params.batch_tokens}"
        " --cache {params.cache:q} {params.outs} --log {log:q}"


use rule read_lens as read_lens_shard with:
    input:
        **all_but_shards(rules.read_lens.input),
    output:
        temp(touch(f"{RESULTS}/shards/read_lens/{{edit}}/{{shard}}")),
    log:
        f"{RESULTS}/logs/read_lens/{{edit}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/read_lens/{{edit}}/{{shard}}.tsv"
    params:
        outs=of_shard,


rule read_lens_tokens:
    input:
        prompts=expand(f"{RESULTS}/prompts/{{edit}}.parquet", edit=COMPARED),
        lens=expand(f"{RESULTS}/lens/{{edit}}.parquet", edit=COMPARED),
        splits=expand(f"{RESULTS}/split/{{edit}}.parquet", edit=COMPARED),
        model=f"{RESULTS}/model/prepared.json",
        code=step_sources("read_lens_tokens"),
    output:
        f"{RESULTS}/lens_tokens.parquet",
    log:
        f"{RESULTS}/logs/read_lens_tokens.log",
    benchmark:
        f"{RESULTS}/benchmarks/read_lens_tokens.tsv"
    conda:
        "envs/steps.yaml"
    threads: workflow.cores
    resources:
        **MODEL_RESOURCES,
    params:
        model=lambda wildcards, input: Path(input.model).parent.as_posix(),
        flags=MODEL_FLAGS,
    shell:
        "python scripts/read_lens_tokens.py --prompts {input.prompts:q} --lens {input.lens:q}"
        " --splits {input.splits:q} --model {params.model:q} {params.flags} --threads {threads}"
        " --out {output:q} --log {log:q}"


rule plot_lens_examples:
    input:
        tokens=f"{RESULTS}/lens_tokens.parquet",
        splits=expand(f"{RESULTS}/split/{{edit}}.parquet", edit=COMPARED),
        code=step_sources("plot_lens_examples"),
    output:
        svg=f"{FIGURES}/lens_examples.svg",
        png=f"{FIGURES}/lens_examples.png",
    log:
        f"{RESULTS}/logs/plot_lens_examples.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_lens_examples.tsv"
    conda:
        "envs/steps.yaml"
    resources:
        **SMALL_RESOURCES,
    shell:
        "python scripts/plot_lens_examples.py --tokens {input.tokens:q} --splits {input.splits:q}"
        " --out-svg {output.svg:q} --out-png {output.png:q} --log {log:q}"


rule plot_lens:
    input:
        lens=expand(f"{RESULTS}/lens/{{edit}}.parquet", edit=EDITS),
        splits=expand(f"{RESULTS}/split/{{edit}}.parquet", edit=EDITS),
        examples=f"{FIGURES}/lens_examples.svg",
        code=step_sources("plot_lens"),
    output:
        figures=expand(
            f"{FIGURES}/{{figure}}.{{kind}}",
            figure=["lens", "lens_pairs", "lens_positions"],
            kind=["svg", "png"],
        ),
        section=f"{RESULTS}/sections/lens.json",
    log:
        f"{RESULTS}/logs/plot_lens.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_lens.tsv"
    conda:
        "envs/steps.yaml"
    resources:
        **SMALL_RESOURCES,
    params:
        edit=COMPARED[-1],
        folder=lambda wildcards, output: Path(output.figures[0]).parent.as_posix(),
        draws=DRAWS,
    shell:
        "python scripts/plot_lens.py --lens {input.lens:q} --splits {input.splits:q}"
        " --edit {params.edit:q} --examples-figure {input.examples:q} {params.draws}"
        " --out-figures {params.folder:q} --out-section {output.section:q} --log {log:q}"
