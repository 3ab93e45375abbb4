# Is the right type known though not said? Many completions of every hole.


rule sample_types:
    input:
        original=f"{RESULTS}/completions/original.parquet",
        completions=f"{RESULTS}/completions/{{edit}}.parquet",
        model=f"{RESULTS}/model/prepared.json",
        shards=shards("sample_types", RESULTS),
    output:
        types=f"{RESULTS}/drawn_types/{{edit}}.parquet",
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        **config["sample"],
        model=MODEL,
        max_new_tokens=config["answers"]["max_new_tokens"],
        seed=config["seed"],
        cache=CACHE,
        outs=out_tables,
    shell:
        "python scripts/sample_types.py --original {input.original:q}"
        " --completions {input.completions:q} {params.model}"
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


rule judge_samples:
    input:
        variants=f"{SOURCE}/variants/{{edit}}.parquet",
        drawn=f"{RESULTS}/drawn_types/{{edit}}.parquet",
    output:
        samples=f"{RESULTS}/samples/{{edit}}.parquet",
        types=f"{RESULTS}/sampled_types/{{edit}}.parquet",
        rejected=f"{RESULTS}/rejected/judge_samples/{{edit}}.parquet",
    threads: MODEL_THREADS
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        right=config["answers"]["right"],
        cache=CACHE,
        outs=out_tables,
    shell:
        "python scripts/judge_samples.py --variants {input.variants:q}"
        " --drawn {input.drawn:q} --right {params.right} --workers {threads}"
        " --cache {params.cache:q} {params.outs} --log {log:q}"


rule plot_samples:
    input:
        examples=f"{SOURCE}/examples.parquet",
        variants=expand(f"{SOURCE}/variants/{{edit}}.parquet", edit=EDITS),
        samples=expand(f"{RESULTS}/samples/{{edit}}.parquet", edit=EDITS),
        completions=expand(f"{RESULTS}/completions/{{edit}}.parquet", edit=EDITS),
        verdicts=expand(f"{RESULTS}/verdicts/{{edit}}.parquet", edit=EDITS),
    output:
        svg=f"{FIGURES}/samples.svg",
        png=f"{FIGURES}/samples.png",
        section=f"{RESULTS}/sections/samples.json",
    params:
        **config["sample"],
        right=config["answers"]["right"],
        max_new_tokens=config["answers"]["max_new_tokens"],
        margins=MARGINS,
    shell:
        "python scripts/plot_samples.py --examples {input.examples:q}"
        " --variants {input.variants:q} --samples {input.samples:q}"
        " --completions {input.completions:q} --verdicts {input.verdicts:q}"
        " --temperature {params.temperature}"
        " --top-p {params.top_p} --max-new-tokens {params.max_new_tokens}"
        " --right {params.right} {params.margins} --out-svg {output.svg:q}"
        " --out-png {output.png:q} --out-section {output.section:q} --log {log:q}"
