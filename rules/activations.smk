# What the model computed: every point of every prompt, at the named positions.


rule cache_activations:
    input:
        prompts=f"{RESULTS}/prompts/{{edit}}.parquet",
        model=f"{RESULTS}/model/prepared.json",
        shards=shards("cache_activations", RESULTS),
    output:
        manifest=f"{RESULTS}/activations/{{edit}}/manifest.json",
        index=f"{RESULTS}/activations/{{edit}}/index.parquet",
    threads: workflow.cores
    resources:
        **MODEL_RESOURCES,
    params:
        model=MODEL,
        positions=config["activations"]["positions"],
        cache=CACHE,
        outs=out_folder,
    shell:
        "python scripts/cache_activations.py --prompts {input.prompts:q} {params.model}"
        " --threads {threads} --positions {params.positions} --cache {params.cache:q}"
        " {params.outs} --log {log:q}"


use rule cache_activations as cache_activations_shard with:
    input:
        **all_but_shards(rules.cache_activations.input),
    output:
        temp(touch(f"{RESULTS}/shards/cache_activations/{{edit}}/{{shard}}")),
    params:
        outs=of_shard,
