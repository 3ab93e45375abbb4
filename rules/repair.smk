# Is a wrong answer mended where what its algorithm reads is taken from it?


rule repair_copies:
    input:
        examples=f"{SOURCE}/examples.parquet",
        prompts=expand(f"{RESULTS}/prompts/{{edit}}.parquet", edit=COMPARED),
        predictions=expand(f"{RESULTS}/predictions/{{edit}}.parquet", edit=COMPARED),
        model=f"{RESULTS}/model/prepared.json",
    output:
        copies=f"{RESULTS}/repair/copies.parquet",
        heads=f"{RESULTS}/repair/heads.parquet",
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        **{key: config["repair"][key] for key in ("shares", "n_random", "max_examples")},
        model=MODEL,
        seed=config["seed"],
        cache=CACHE,
        outs=out_tables,
    shell:
        "python scripts/repair_copies.py --examples {input.examples:q} --prompts {input.prompts:q}"
        " --predictions {input.predictions:q} {params.model} --threads {threads}"
        " --shares {params.shares} --n-random {params.n_random}"
        " --max-examples {params.max_examples} --seed {params.seed}"
        " --cache {params.cache:q} {params.outs} --log {log:q}"


rule repair_names:
    input:
        examples=f"{SOURCE}/examples.parquet",
        prompts=expand(f"{RESULTS}/prompts/{{edit}}.parquet", edit=COMPARED),
        predictions=expand(f"{RESULTS}/predictions/{{edit}}.parquet", edit=COMPARED),
        algorithms=expand(f"{RESULTS}/algorithms/{{edit}}.parquet", edit=COMPARED),
        model=f"{RESULTS}/model/prepared.json",
    output:
        f"{RESULTS}/repair/names.parquet",
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        **{key: value for key, value in config["repair"].items() if key != "shares"},
        model=MODEL,
        seed=config["seed"],
        cache=CACHE,
    shell:
        "python scripts/repair_names.py --examples {input.examples:q} --prompts {input.prompts:q}"
        " --predictions {input.predictions:q} --algorithms {input.algorithms:q}"
        " {params.model} --threads {threads} --depths {params.depths} --ranks {params.ranks}"
        " --n-random {params.n_random} --min-examples {params.min_examples}"
        " --max-examples {params.max_examples} --seed {params.seed}"
        " --cache {params.cache:q} --out {output:q} --log {log:q}"


rule plot_repair:
    input:
        copies=f"{RESULTS}/repair/copies.parquet",
        names=f"{RESULTS}/repair/names.parquet",
        heads=f"{RESULTS}/repair/heads.parquet",
    output:
        svg=f"{FIGURES}/repair.svg",
        png=f"{FIGURES}/repair.png",
        section=f"{RESULTS}/sections/repair.json",
    params:
        edit=PATCHED,
        margins=MARGINS,
    shell:
        "python scripts/plot_repair.py --copies {input.copies:q} --names {input.names:q}"
        " --heads {input.heads:q} --edit {params.edit:q} {params.margins}"
        " --out-svg {output.svg:q} --out-png {output.png:q} --out-section {output.section:q}"
        " --log {log:q}"
