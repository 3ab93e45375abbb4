# The model's answers, right and wrong.


rule predict_types:
    input:
        prompts=f"{RESULTS}/prompts/{{edit}}.parquet",
        model=f"{RESULTS}/model/prepared.json",
        code=step_sources("predict_types"),
        shards=shards("predict_types", RESULTS),
    output:
        f"{RESULTS}/predictions/{{edit}}.parquet",
    log:
        f"{RESULTS}/logs/predict_types/{{edit}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/predict_types/{{edit}}.tsv"
    conda:
        "envs/steps.yaml"
    threads: workflow.cores
    resources:
        **MODEL_RESOURCES,
    params:
        folder=lambda wildcards, input: Path(input.model).parent.as_posix(),
        flags=MODEL_FLAGS,
        max_new_tokens=config["predict"]["max_new_tokens"],
        batch_tokens=config["predict"]["batch_tokens"],
        cache=CACHE,
        outs=lambda wildcards, output: f"--out {shlex.quote(output[0])}",
    shell:
        "python scripts/predict_types.py --prompts {input.prompts:q} --model {params.folder:q}"
        " {params.flags} --threads {threads} --max-new-tokens {params.max_new_tokens}"
        " --batch-tokens {params.batch_tokens} --cache {params.cache:q} {params.outs}"
        " --log {log:q}"


use rule predict_types as predict_types_shard with:
    input:
        **all_but_shards(rules.predict_types.input),
    output:
        temp(touch(f"{RESULTS}/shards/predict_types/{{edit}}/{{shard}}")),
    log:
        f"{RESULTS}/logs/predict_types/{{edit}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/predict_types/{{edit}}/{{shard}}.tsv"
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
        code=step_sources("split_examples"),
    output:
        split=f"{RESULTS}/split/{{edit}}.parquet",
        funnel=f"{RESULTS}/funnel/{{edit}}.parquet",
    log:
        f"{RESULTS}/logs/split_examples/{{edit}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/split_examples/{{edit}}.tsv"
    conda:
        "envs/steps.yaml"
    resources:
        **SMALL_RESOURCES,
    shell:
        "python scripts/split_examples.py --programs {input.programs:q}"
        " --examples {input.examples:q} --edited {input.edited:q} --variants {input.variants:q}"
        " --predictions {input.predictions:q} --original {input.original:q}"
        " --edit {wildcards.edit:q} --out {output.split:q} --out-funnel {output.funnel:q}"
        " --log {log:q}"
