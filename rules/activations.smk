# What the model computed: every point of every prompt, at the named positions.


rule cache_activations:
    input:
        prompts=f"{RESULTS}/prompts/{{edit}}.parquet",
        model=f"{RESULTS}/model/prepared.json",
        code=step_sources("cache_activations"),
        shards=shards("cache_activations", RESULTS),
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
        flags=MODEL_FLAGS,
        positions=config["activations"]["positions"],
        batch_tokens=config["predict"]["batch_tokens"],
        cache=CACHE,
        outs=lambda wildcards, output: f"--out {shlex.quote(str(Path(output[0]).parent))}",
    shell:
        "python scripts/cache_activations.py --prompts {input.prompts:q} --model {params.model:q}"
        " {params.flags} --threads {threads} --positions {params.positions}"
        " --batch-tokens {params.batch_tokens} --cache {params.cache:q} {params.outs}"
        " --log {log:q}"


use rule cache_activations as cache_activations_shard with:
    input:
        **all_but_shards(rules.cache_activations.input),
    output:
        temp(touch(f"{RESULTS}/shards/cache_activations/{{edit}}/{{shard}}")),
    log:
        f"{RESULTS}/logs/cache_activations/{{edit}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/cache_activations/{{edit}}/{{shard}}.tsv"
    params:
        outs=of_shard,
