# Is the right type known though not said? Many completions of every hole.


rule sample_types:
    input:
        prompts=f"{RESULTS}/prompts/{{edit}}.parquet",
        model=f"{RESULTS}/model/prepared.json",
        shards=shards("sample_types", RESULTS),
    output:
        samples=f"{RESULTS}/samples/{{edit}}.parquet",
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        **config["sample"],
        model=MODEL,
        max_new_tokens=config["predict"]["max_new_tokens"],
        seed=config["seed"],
        cache=CACHE,
        outs=out_tables,
    shell:
        "python scripts/sample_types.py --prompts {input.prompts:q} {params.model}"
        " --threads {threads} --n-samples {params.n} --max-examples {params.max_examples}"
        " --max-new-tokens {params.max_new_tokens} --temperature {params.temperature}"
        " --top-p {params.top_p} --seed {params.seed} --cache {params.cache:q} {params.outs}"
        " --log {log:q}"


use rule sample_types as sample_types_shard with:
    input:
        **all_but_shards(rules.sample_types.input),
    output:
        temp(touch(f"{RESULTS}/shards/sample_types/{{edit}}/{{shard}}")),
    params:
        outs=of_shard,


rule plot_samples:
    input:
        examples=f"{SOURCE}/examples.parquet",
        samples=expand(f"{RESULTS}/samples/{{edit}}.parquet", edit=EDITS),
        predictions=expand(f"{RESULTS}/predictions/{{edit}}.parquet", edit=EDITS),
        splits=expand(f"{RESULTS}/split/{{edit}}.parquet", edit=EDITS),
    output:
        svg=f"{FIGURES}/samples.svg",
        png=f"{FIGURES}/samples.png",
        section=f"{RESULTS}/sections/samples.json",
    params:
        margins=MARGINS,
    shell:
        "python scripts/plot_samples.py --examples {input.examples:q} --samples {input.samples:q}"
        " --predictions {input.predictions:q} --splits {input.splits:q}"
        " {params.margins} --out-svg {output.svg:q} --out-png {output.png:q}"
        " --out-section {output.section:q} --log {log:q}"
