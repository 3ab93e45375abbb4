# The model's answers, right and wrong.


rule predict_types:
    input:
        prompts=f"{RESULTS}/prompts/{{edit}}.parquet",
        model=f"{RESULTS}/model/prepared.json",
        shards=shards("predict_types", RESULTS),
    output:
        predictions=f"{RESULTS}/predictions/{{edit}}.parquet",
    threads: workflow.cores
    resources:
        **MODEL_RESOURCES,
    params:
        model=MODEL,
        max_new_tokens=config["predict"]["max_new_tokens"],
        cache=CACHE,
        outs=out_tables,
    shell:
        "python scripts/predict_types.py --prompts {input.prompts:q} {params.model}"
        " --threads {threads} --max-new-tokens {params.max_new_tokens} --cache {params.cache:q}"
        " {params.outs} --log {log:q}"


use rule predict_types as predict_types_shard with:
    input:
        **all_but_shards(rules.predict_types.input),
    output:
        temp(touch(f"{RESULTS}/shards/predict_types/{{edit}}/{{shard}}")),
    params:
        outs=of_shard,


rule split_examples:
    input:
        programs=f"{SOURCE}/programs.parquet",
        examples=f"{SOURCE}/examples.parquet",
        edited=f"{SOURCE}/edited/{{edit}}.parquet",
        variants=f"{SOURCE}/variants/{{edit}}.parquet",
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
