# Does the steering protocol that others published do here what they report?

PUBLISHED = "config/published/codetrace.yaml"


rule replicate_codetrace:
    input:
        examples=f"{SOURCE}/examples.parquet",
        original=f"{RESULTS}/predictions/original.parquet",
        original_prompts=f"{RESULTS}/prompts/original.parquet",
        variants=f"{RESULTS}/predictions/{{edit}}.parquet",
        variants_prompts=f"{RESULTS}/prompts/{{edit}}.parquet",
        model=f"{RESULTS}/model/prepared.json",
    output:
        results=f"{RESULTS}/replication/{{edit}}.parquet",
        vectors=f"{RESULTS}/replication/vectors/{{edit}}.parquet",
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        **config["replication"],
        model=MODEL,
        cache=CACHE,
        seed=config["seed"],
    shell:
        "python scripts/replicate_codetrace.py --examples {input.examples:q}"
        " --original {input.original:q} --original-prompts {input.original_prompts:q}"
        " --variants {input.variants:q} --variants-prompts {input.variants_prompts:q}"
        " {params.model} --threads {threads} --windows {params.windows}"
        " --n-random {params.n_random} --max-examples {params.max_examples} --seed {params.seed}"
        " --cache {params.cache:q} --out {output.results:q} --out-vectors {output.vectors:q}"
        " --log {log:q}"


rule plot_replication:
    input:
        published=PUBLISHED,
        examples=f"{SOURCE}/examples.parquet",
        splits=expand(f"{RESULTS}/split/{{edit}}.parquet", edit=config["edits"]),
        results=expand(f"{RESULTS}/replication/{{edit}}.parquet", edit=config["edits"]),
        vectors=expand(f"{RESULTS}/replication/vectors/{{edit}}.parquet", edit=config["edits"]),
        model=f"{RESULTS}/model/prepared.json",
    output:
        svg=f"{FIGURES}/replication.svg",
        png=f"{FIGURES}/replication.png",
        section=f"{RESULTS}/sections/replication.json",
    shell:
        "python scripts/plot_replication.py --published {input.published:q}"
        " --examples {input.examples:q} --splits {input.splits:q} --results {input.results:q}"
        " --vectors {input.vectors:q} --model-info {input.model:q}"
        " --out-svg {output.svg:q} --out-png {output.png:q} --out-section {output.section:q}"
        " --log {log:q}"
