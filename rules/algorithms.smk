# By which algorithm is the type found? What is planted for each, and what the answers follow.


rule plant_types:
    input:
        examples=f"{SOURCE}/examples.parquet",
        original=f"{SOURCE}/variants/original.parquet",
        variants=f"{SOURCE}/variants/{{edit}}.parquet",
        prompts=f"{RESULTS}/prompts/{{edit}}.parquet",
        predictions=f"{RESULTS}/predictions/{{edit}}.parquet",
        unedited=f"{RESULTS}/predictions/original.parquet",
        split=f"{RESULTS}/split/{{edit}}.parquet",
        drawn=f"{RESULTS}/split/{PATCHED}.parquet",
        model=f"{RESULTS}/model/prepared.json",
    output:
        algorithms=f"{RESULTS}/algorithms/{{edit}}.parquet",
        rejected=f"{RESULTS}/rejected/plant_types/{{edit}}.parquet",
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        **config["prompt"],
        **config["algorithms"],
        model=MODEL,
        max_new_tokens=config["predict"]["max_new_tokens"],
        seed=config["seed"],
        cache=CACHE,
    shell:
        "python scripts/plant_types.py --examples {input.examples:q}"
        " --original {input.original:q} --variants {input.variants:q}"
        " --prompts {input.prompts:q} --predictions {input.predictions:q}"
        " --unedited {input.unedited:q} --split {input.split:q} --drawn {input.drawn:q}"
        " {params.model} --threads {threads} --workers {threads}"
        " --format {params.format} --max-tokens {params.max_tokens} --golds {params.golds}"
        " --max-examples {params.max_examples} --min-programs {params.min_programs}"
        " --max-new-tokens {params.max_new_tokens}"
        " --seed {params.seed} --cache {params.cache:q}"
        " --out {output.algorithms:q} --out-rejected {output.rejected:q} --log {log:q}"


rule plot_algorithms:
    input:
        algorithms=expand(f"{RESULTS}/algorithms/{{edit}}.parquet", edit=COMPARED),
    output:
        svg=f"{FIGURES}/algorithms.svg",
        png=f"{FIGURES}/algorithms.png",
        section=f"{RESULTS}/sections/algorithms.json",
    params:
        margins=MARGINS,
    shell:
        "python scripts/plot_algorithms.py --algorithms {input.algorithms:q} {params.margins}"
        " --out-svg {output.svg:q} --out-png {output.png:q}"
        " --out-section {output.section:q} --log {log:q}"
