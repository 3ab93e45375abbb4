# Examples -> variants, each proven to keep the program's meaning.
# Those of an edit that keeps a model's tokens in place are made with its tokenizer.


rule edit_examples:
    input:
        examples=f"{SOURCE}/examples.parquet",
        names=config["new_names"]["list"] or [],
        model=lambda wildcards: (
            f"{RESULTS}/model/prepared.json" if is_aligned(wildcards.edit) else []
        ),
        shards=shards("edit_examples", SOURCE),
    output:
        edited=f"{SOURCE}/edited/{{edit}}.parquet",
        rejected=f"{SOURCE}/rejected/edit_examples/{{edit}}.parquet",
    threads: EDIT_THREADS
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        seed=config["seed"],
        syllables=config["new_names"]["syllables"],
        exported="--exported" if config["new_names"]["exported"] else "",
        names=lambda wildcards, input: ["--names", input.names] if input.names else [],
        model=lambda wildcards, input: (
            ["--model", model_folder(wildcards, input)] if input.model else []
        ),
        cache=CACHE,
        outs=out_tables,
    shell:
        "python scripts/edit_examples.py --examples {input.examples:q} --edit {wildcards.edit:q}"
        " --seed {params.seed} --syllables {params.syllables} {params.exported}"
        " {params.names:q} {params.model:q} --workers {threads} --cache {params.cache:q} {params.outs} --log {log:q}"


use rule edit_examples as edit_examples_shard with:
    input:
        **all_but_shards(rules.edit_examples.input),
    output:
        temp(touch(f"{SOURCE}/shards/edit_examples/{{edit}}/{{shard}}")),
    params:
        outs=of_shard,


rule check_types:
    input:
        examples=f"{SOURCE}/examples.parquet",
        edited=f"{SOURCE}/edited/{{edit}}.parquet",
        shards=shards("check_types", SOURCE),
    output:
        variants=f"{SOURCE}/variants/{{edit}}.parquet",
        rejected=f"{SOURCE}/rejected/check_types/{{edit}}.parquet",
    threads: EDIT_THREADS
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        cache=CACHE,
        outs=out_tables,
    shell:
        "python scripts/check_types.py --examples {input.examples:q} --edited {input.edited:q}"
        " --workers {threads} --cache {params.cache:q} {params.outs} --log {log:q}"


use rule check_types as check_types_shard with:
    input:
        **all_but_shards(rules.check_types.input),
    output:
        temp(touch(f"{SOURCE}/shards/check_types/{{edit}}/{{shard}}")),
    params:
        outs=of_shard,
