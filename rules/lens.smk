# What the model would say at every point.


rule read_lens:
    input:
        prompts=f"{RESULTS}/prompts/{{edit}}.parquet",
        predictions=f"{RESULTS}/predictions/{{edit}}.parquet",
        broken_by=lambda wildcards: (
            [
                f"{RESULTS}/predictions/{edit}.parquet"
                for edit in sorted(EDITS[1:], key=PATCHED.__ne__)
            ]
            if wildcards.edit == "original"
            else []
        ),
        model=f"{RESULTS}/model/prepared.json",
        read=READ,
    output:
        lens=f"{RESULTS}/lens/{{edit}}.parquet",
        direct=f"{RESULTS}/direct_logits/{{edit}}.parquet",
        heads=f"{RESULTS}/direct_heads/{{edit}}.parquet",
        rejected=f"{RESULTS}/rejected/read_lens/{{edit}}.parquet",
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        model=MODEL,
        positions=POSITIONS,
        cache=CACHE,
        outs=out_tables,
    shell:
        "python scripts/read_lens.py --prompts {input.prompts:q}"
        " --predictions {input.predictions:q} --broken-by {input.broken_by:q} {params.model}"
        " --threads {threads} --positions {params.positions} --cache {params.cache:q}"
        " {params.outs} --log {log:q}"


rule fit_linear_lens:
    input:
        examples=f"{SOURCE}/examples.parquet",
        lens=expand(f"{RESULTS}/lens/{{edit}}.parquet", edit=COMPARED),
        predictions=expand(f"{RESULTS}/predictions/{{edit}}.parquet", edit=COMPARED),
        activations=expand(f"{RESULTS}/activations/{{edit}}/manifest.json", edit=COMPARED),
        model=f"{RESULTS}/model/prepared.json",
    output:
        f"{RESULTS}/linear_lens.parquet",
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        model=MODEL,
        activations=lambda wildcards, input: Path(input.activations[0]).parents[1].as_posix(),
        l2=config["lens"]["l2"],
        seed=config["seed"],
    shell:
        "python scripts/fit_linear_lens.py --examples {input.examples:q} --lens {input.lens:q}"
        " --predictions {input.predictions:q} --activations {params.activations:q} {params.model}"
        " --threads {threads} --l2 {params.l2} --seed {params.seed} --out {output:q} --log {log:q}"


rule read_lens_tokens:
    input:
        prompts=expand(f"{RESULTS}/prompts/{{edit}}.parquet", edit=COMPARED),
        lens=expand(f"{RESULTS}/lens/{{edit}}.parquet", edit=COMPARED),
        splits=expand(f"{RESULTS}/split/{{edit}}.parquet", edit=COMPARED),
        model=f"{RESULTS}/model/prepared.json",
    output:
        f"{RESULTS}/lens_tokens.parquet",
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        model=MODEL,
    shell:
        "python scripts/read_lens_tokens.py --prompts {input.prompts:q} --lens {input.lens:q}"
        " --splits {input.splits:q} {params.model} --threads {threads}"
        " --out {output:q} --log {log:q}"


rule plot_lens_examples:
    input:
        tokens=f"{RESULTS}/lens_tokens.parquet",
        splits=expand(f"{RESULTS}/split/{{edit}}.parquet", edit=COMPARED),
    output:
        svg=f"{FIGURES}/lens_examples.svg",
        png=f"{FIGURES}/lens_examples.png",
    shell:
        "python scripts/plot_lens_examples.py --tokens {input.tokens:q} --splits {input.splits:q}"
        " --out-svg {output.svg:q} --out-png {output.png:q} --log {log:q}"


rule plot_lens:
    input:
        lens=expand(f"{RESULTS}/lens/{{edit}}.parquet", edit=EDITS),
        splits=expand(f"{RESULTS}/split/{{edit}}.parquet", edit=EDITS),
        linear=f"{RESULTS}/linear_lens.parquet",
        examples=f"{FIGURES}/lens_examples.svg",
    output:
        figures=expand(
            f"{FIGURES}/{{figure}}.{{kind}}",
            figure=["lens", "lens_pairs", "lens_linear", "lens_positions"],
            kind=["svg", "png"],
        ),
        section=f"{RESULTS}/sections/lens.json",
    params:
        edit=PATCHED,
        margins=MARGINS,
        folder=lambda wildcards, output: Path(output.figures[0]).parent.as_posix(),
    shell:
        "python scripts/plot_lens.py --lens {input.lens:q} --splits {input.splits:q}"
        " --linear {input.linear:q} --edit {params.edit:q}"
        " --examples-figure {input.examples:q} {params.margins}"
        " --out-figures {params.folder:q} --out-section {output.section:q} --log {log:q}"
