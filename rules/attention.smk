# Where the deciding token looks.


rule view_attention:
    input:
        prompts=f"{RESULTS}/prompts/{{edit}}.parquet",
        model=f"{RESULTS}/model/prepared.json",
        read=READ,
    output:
        f"{RESULTS}/attention/{{edit}}.parquet",
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        model=MODEL,
        cache=CACHE,
    shell:
        "python scripts/view_attention.py --prompts {input.prompts:q} {params.model}"
        " --threads {threads} --cache {params.cache:q} --out {output:q} --log {log:q}"


rule compare_attention:
    input:
        attention=expand(f"{RESULTS}/attention/{{edit}}.parquet", edit=COMPARED),
        splits=expand(f"{RESULTS}/split/{{edit}}.parquet", edit=COMPARED),
    output:
        f"{RESULTS}/attention_differences.parquet",
    group:
        "attention"
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
    output:
        f"{RESULTS}/attention_heads.parquet",
    group:
        "attention"  # with the model: it waits for nothing but the comparison
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        model=MODEL,
    shell:
        "python scripts/view_heads.py --prompts {input.prompts:q} --shares {input.attention:q}"
        " --splits {input.splits:q} --differences {input.differences:q} {params.model}"
        " --threads {threads} --out {output:q} --log {log:q}"


rule plot_attention:
    input:
        differences=f"{RESULTS}/attention_differences.parquet",
        heads=f"{RESULTS}/attention_heads.parquet",
    output:
        figures=expand(
            f"{FIGURES}/{{figure}}.{{kind}}",
            figure=["attention", "attention_text"],
            kind=["svg", "png"],
        ),
        section=f"{RESULTS}/sections/attention.json",
    params:
        edit=PATCHED,
        folder=lambda wildcards, output: Path(output.figures[0]).parent.as_posix(),
    shell:
        "python scripts/plot_attention.py --differences {input.differences:q}"
        " --heads {input.heads:q} --edit {params.edit:q} --out-figures {params.folder:q}"
        " --out-section {output.section:q} --log {log:q}"
