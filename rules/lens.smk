# What the model would say at every point, and where it looks.


rule read_lens:
    input:
        prompts=f"{RESULTS}/prompts/{{edit}}.parquet",
        model=f"{RESULTS}/model/prepared.json",
        code=step_sources("read_lens"),
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
        positions=config["activations"]["positions"],
    shell:
        "python scripts/read_lens.py --prompts {input.prompts:q} --model {params.model:q}"
        " {params.flags} --threads {threads} --positions {params.positions}"
        " --batch-tokens {params.batch_tokens} --out {output.lens:q}"
        " --out-rejected {output.rejected:q} --log {log:q}"


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
        flags=MODEL_FLAGS,
    shell:
        "python scripts/view_attention.py --prompts {input.prompts:q} --model {params.model:q}"
        " {params.flags} --attention eager --threads {threads}"
        " --batch-tokens {params.batch_tokens} --out {output:q} --log {log:q}"
