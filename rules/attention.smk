# Where the deciding token looks.


rule view_attention:
    input:
        prompts=f"{RESULTS}/prompts/{{edit}}.parquet",
        model=f"{RESULTS}/model/prepared.json",
        code=step_sources("view_attention"),
    output:
        f"{RESULTS}/attention/{{edit}}.parquet",
    log:
        f"{RESULTS}/logs/view_attention/{{edit}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/view_attention/{{edit}}.tsv"
    conda:
        "envs/steps.yaml"
    threads: workflow.cores
    resources:
        **MODEL_RESOURCES,
    params:
        model=lambda wildcards, input: Path(input.model).parent.as_posix(),
        batch_tokens=config["predict"]["batch_tokens"],
        flags=model_flags("eager"),
        cache=CACHE,
    shell:
        "python scripts/view_attention.py --prompts {input.prompts:q} --model {params.model:q}"
        " {params.flags} --threads {threads}"
        " --batch-tokens {params.batch_tokens} --cache {params.cache:q} --out {output:q}"
        " --log {log:q}"


rule compare_attention:
    input:
        attention=expand(f"{RESULTS}/attention/{{edit}}.parquet", edit=COMPARED),
        splits=expand(f"{RESULTS}/split/{{edit}}.parquet", edit=COMPARED),
        code=step_sources("compare_attention"),
    output:
        f"{RESULTS}/attention_differences.parquet",
    log:
        f"{RESULTS}/logs/compare_attention.log",
    benchmark:
        f"{RESULTS}/benchmarks/compare_attention.tsv"
    conda:
        "envs/steps.yaml"
    resources:
        **SMALL_RESOURCES,
    shell:
        "python scripts/compare_attention.py --shares {input.attention:q}"
        " --splits {input.splits:q} --out {output:q} --log {log:q}"


rule view_heads:
    input:
        prompts=expand(f"{RESULTS}/prompts/{{edit}}.parquet", edit=COMPARED),
        attention=expand(f"{RESULTS}/attention/{{edit}}.parquet", edit=COMPARED),
        splits=expand(f"{RESULTS}/split/{{edit}}.parquet", edit=COMPARED),
        differences=f"{RESULTS}/attention_differences.parquet",
        model=f"{RESULTS}/model/prepared.json",
        code=step_sources("view_heads"),
    output:
        f"{RESULTS}/attention_heads.parquet",
    log:
        f"{RESULTS}/logs/view_heads.log",
    benchmark:
        f"{RESULTS}/benchmarks/view_heads.tsv"
    conda:
        "envs/steps.yaml"
    threads: workflow.cores
    resources:
        **MODEL_RESOURCES,
    params:
        model=lambda wildcards, input: Path(input.model).parent.as_posix(),
        flags=model_flags("eager"),
    shell:
        "python scripts/view_heads.py --prompts {input.prompts:q} --shares {input.attention:q}"
        " --splits {input.splits:q} --differences {input.differences:q} --model {params.model:q}"
        " {params.flags} --threads {threads} --out {output:q}"
        " --log {log:q}"


rule plot_attention:
    input:
        differences=f"{RESULTS}/attention_differences.parquet",
        heads=f"{RESULTS}/attention_heads.parquet",
        code=step_sources("plot_attention"),
    output:
        figures=expand(
            f"{FIGURES}/{{figure}}.{{kind}}",
            figure=["attention", "attention_text"],
            kind=["svg", "png"],
        ),
        section=f"{RESULTS}/sections/attention.json",
    log:
        f"{RESULTS}/logs/plot_attention.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_attention.tsv"
    conda:
        "envs/steps.yaml"
    resources:
        **SMALL_RESOURCES,
    params:
        edit=COMPARED[-1],
        folder=lambda wildcards, output: Path(output.figures[0]).parent.as_posix(),
    shell:
        "python scripts/plot_attention.py --differences {input.differences:q}"
        " --heads {input.heads:q} --edit {params.edit:q} --out-figures {params.folder:q}"
        " --out-section {output.section:q} --log {log:q}"
