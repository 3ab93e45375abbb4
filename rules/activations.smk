# What the model computed: every point of every prompt, at the named positions.


rule cache_activations:
    input:
        prompts=f"{RESULTS}/prompts/{{edit}}.parquet",
        model=f"{RESULTS}/model/prepared.json",
        read=READ,
    output:
        manifest=f"{RESULTS}/activations/{{edit}}/manifest.json",
        index=f"{RESULTS}/activations/{{edit}}/index.parquet",
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        model=MODEL,
        positions=POSITIONS,
        cache=CACHE,
        outs=out_folder,
    shell:
        "python scripts/cache_activations.py --prompts {input.prompts:q} {params.model}"
        " --threads {threads} --positions {params.positions} --cache {params.cache:q}"
        " {params.outs} --log {log:q}"
