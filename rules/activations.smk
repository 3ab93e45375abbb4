# What the model computed: every point of every prompt, at the named positions.


rule cache_activations:
    input:
        prompts=f"{RESULTS}/prompts/{{edit}}.parquet",
        model=f"{RESULTS}/model/prepared.json",
        code=step_sources("cache_activations"),
    output:
        manifest=f"{RESULTS}/activations/{{edit}}/manifest.json",
        index=f"{RESULTS}/activations/{{edit}}/index.parquet",
    log:
        f"{RESULTS}/logs/cache_activations/{{edit}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/cache_activations/{{edit}}.tsv"
    conda:
        "envs/steps.yaml"
    threads: workflow.cores
    resources:
        **MODEL_RESOURCES,
    params:
        model=lambda wildcards, input: Path(input.model).parent.as_posix(),
        folder=lambda wildcards, output: Path(output.manifest).parent.as_posix(),
        flags=MODEL_FLAGS,
        positions=config["activations"]["positions"],
        batch_tokens=config["predict"]["batch_tokens"],
    shell:
        "python scripts/cache_activations.py --prompts {input.prompts:q} --model {params.model:q}"
        " {params.flags} --threads {threads} --positions {params.positions}"
        " --batch-tokens {params.batch_tokens} --out {params.folder:q} --log {log:q}"
