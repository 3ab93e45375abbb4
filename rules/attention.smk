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
        mem_mb=config["model"]["memory_mb"],
    params:
        model=lambda wildcards, input: Path(input.model).parent.as_posix(),
        batch_tokens=config["predict"]["batch_tokens"],
        flags=MODEL_FLAGS,
    shell:
        "python scripts/view_attention.py --prompts {input.prompts:q} --model {params.model:q}"
        " {params.flags} --attention eager --threads {threads}"
        " --batch-tokens {params.batch_tokens} --out {output:q} --log {log:q}"
