# Every prompt through the model, once; the model's answers, right and wrong.

# What the steps that read of this forward wait for. It stays: one of them that runs again finds the
# parts, and has nothing read again for it. Not ancient: of a step with an ancient input that is made
# again Snakemake would overlook, in that run, what else has changed.
READ = [
    f"{RESULTS}/shards/read_prompts/{{edit}}/{i}-of-{n_shards('read_prompts')}"
    for i in range(1, n_shards("read_prompts") + 1)
]


rule read_prompts:
    input:
        prompts=f"{RESULTS}/prompts/{{edit}}.parquet",
        model=f"{RESULTS}/model/prepared.json",
    output:
        touch(f"{RESULTS}/shards/read_prompts/{{edit}}/{{shard}}"),
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        model=MODEL,
        max_new_tokens=config["predict"]["max_new_tokens"],
        kept=kept_readings,
        cache=CACHE,
        shard=of_shard,
    shell:
        "python scripts/read_prompts.py --prompts {input.prompts:q} {params.model}"
        " --threads {threads} --max-new-tokens {params.max_new_tokens} {params.kept}"
        " --cache {params.cache:q} {params.shard} --log {log:q}"


rule predict_types:
    input:
        prompts=f"{RESULTS}/prompts/{{edit}}.parquet",
        model=f"{RESULTS}/model/prepared.json",
        read=READ,
    output:
        f"{RESULTS}/predictions/{{edit}}.parquet",
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        model=MODEL,
        max_new_tokens=config["predict"]["max_new_tokens"],
        cache=CACHE,
    shell:
        "python scripts/predict_types.py --prompts {input.prompts:q} {params.model}"
        " --threads {threads} --max-new-tokens {params.max_new_tokens} --cache {params.cache:q}"
        " --out {output:q} --log {log:q}"


rule split_examples:
    input:
        programs=f"{SOURCE}/programs.parquet",
        examples=f"{SOURCE}/examples.parquet",
        edited=edited,
        variants=variants,
        predictions=f"{RESULTS}/predictions/{{edit}}.parquet",
        original=f"{RESULTS}/predictions/original.parquet",
    output:
        split=f"{RESULTS}/split/{{edit}}.parquet",
        funnel=f"{RESULTS}/funnel/{{edit}}.parquet",
    group:
        "answers"
    shell:
        "python scripts/split_examples.py --programs {input.programs:q}"
        " --examples {input.examples:q} --edited {input.edited:q} --variants {input.variants:q}"
        " --predictions {input.predictions:q} --original {input.original:q}"
        " --edit {wildcards.edit:q} --out {output.split:q} --out-funnel {output.funnel:q}"
        " --log {log:q}"
