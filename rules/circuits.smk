# Do wrong answers come through the edges that right ones come through?

ALIGNED = EXPERIMENTS["circuits"].edits(config)


rule attribute_edges:
    input:
        examples=f"{SOURCE}/examples.parquet",
        prompts=expand(f"{RESULTS}/prompts/{{edit}}.parquet", edit=ALIGNED),
        predictions=expand(f"{RESULTS}/predictions/{{edit}}.parquet", edit=ALIGNED),
        model=f"{RESULTS}/model/prepared.json",
    output:
        runs=f"{RESULTS}/circuits/runs.parquet",
        edges=f"{RESULTS}/circuits/edges.parquet",
        rejected=f"{RESULTS}/rejected/attribute_edges.parquet",
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        model=MODEL,
        max_find=config["circuits"]["max_find"],
        max_test=config["circuits"]["max_test"],
        n_steps=config["circuits"]["n_steps"],
        seed=config["seed"],
        cache=CACHE,
    shell:
        "python scripts/attribute_edges.py --examples {input.examples:q}"
        " --prompts {input.prompts:q} --predictions {input.predictions:q}"
        " {params.model} --threads {threads} --max-find {params.max_find}"
        " --max-test {params.max_test} --n-steps {params.n_steps} --seed {params.seed}"
        " --cache {params.cache:q} --out {output.runs:q} --out-edges {output.edges:q}"
        " --out-rejected {output.rejected:q} --log {log:q}"


rule run_circuits:
    input:
        runs=f"{RESULTS}/circuits/runs.parquet",
        edges=f"{RESULTS}/circuits/edges.parquet",
        prompts=expand(f"{RESULTS}/prompts/{{edit}}.parquet", edit=ALIGNED),
        model=f"{RESULTS}/model/prepared.json",
    output:
        faithfulness=f"{RESULTS}/circuits/faithfulness.parquet",
        cuts=f"{RESULTS}/circuits/cuts.parquet",
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        model=MODEL,
        shares=config["circuits"]["shares"],
        min_gap=config["patch"]["min_gap"],
        n_checked=config["circuits"]["n_checked"],
        max_checked=config["circuits"]["max_checked"],
        n_steps=config["circuits"]["n_steps"],
        seed=config["seed"],
        cache=CACHE,
    shell:
        "python scripts/run_circuits.py --runs {input.runs:q} --edges {input.edges:q}"
        " --prompts {input.prompts:q} {params.model} --threads {threads}"
        " --shares {params.shares} --min-gap {params.min_gap} --n-checked {params.n_checked}"
        " --max-checked {params.max_checked} --n-steps {params.n_steps} --seed {params.seed}"
        " --cache {params.cache:q} --out {output.faithfulness:q} --out-cuts {output.cuts:q}"
        " --log {log:q}"


rule patch_paths:
    input:
        runs=f"{RESULTS}/circuits/runs.parquet",
        prompts=expand(f"{RESULTS}/prompts/{{edit}}.parquet", edit=ALIGNED),
        model=f"{RESULTS}/model/prepared.json",
    output:
        f"{RESULTS}/circuits/paths.parquet",
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        model=MODEL,
        depths=config["circuits"]["depths"],
        min_gap=config["patch"]["min_gap"],
        seed=config["seed"],
        cache=CACHE,
    shell:
        "python scripts/patch_paths.py --runs {input.runs:q} --prompts {input.prompts:q}"
        " {params.model} --threads {threads} --depths {params.depths} --min-gap {params.min_gap}"
        " --seed {params.seed} --cache {params.cache:q} --out {output:q} --log {log:q}"


rule plot_circuits:
    input:
        runs=f"{RESULTS}/circuits/runs.parquet",
        edges=f"{RESULTS}/circuits/edges.parquet",
        faithfulness=f"{RESULTS}/circuits/faithfulness.parquet",
        cuts=f"{RESULTS}/circuits/cuts.parquet",
        paths=f"{RESULTS}/circuits/paths.parquet",
    output:
        svg=report(
            f"{FIGURES}/circuits.svg",
            category="3. Patches",
            caption="../config/captions/circuits.rst",
        ),
        png=f"{FIGURES}/circuits.png",
        section=f"{RESULTS}/sections/circuits.json",
    params:
        draws=config["circuits"]["draws"],
        margins=MARGINS,
        seed=config["seed"],
    shell:
        "python scripts/plot_circuits.py --runs {input.runs:q} --edges {input.edges:q}"
        " --faithfulness {input.faithfulness:q} --cuts {input.cuts:q} --paths {input.paths:q}"
        " --draws {params.draws} --seed {params.seed} {params.margins}"
        " --out-svg {output.svg:q} --out-png {output.png:q} --out-section {output.section:q}"
        " --log {log:q}"
