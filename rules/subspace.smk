# How many dimensions of the stream carry the type?

OF_LEARNED = ("learned_ranks", "max_fit", "n_steps")


rule sweep_subspace:
    input:
        examples=f"{SOURCE}/examples.parquet",
        predictions=expand(f"{RESULTS}/predictions/{{edit}}.parquet", edit=COMPARED),
        prompts=expand(f"{RESULTS}/prompts/{{edit}}.parquet", edit=COMPARED),
        activations=expand(f"{RESULTS}/activations/{{edit}}/manifest.json", edit=COMPARED),
        pairs=f"{RESULTS}/pairs.parquet",
        patches=expand(f"{RESULTS}/patches/{{condition}}.parquet", condition=CONDITIONS),
        model=f"{RESULTS}/model/prepared.json",
    output:
        patches=f"{RESULTS}/subspace/patches.parquet",
        means=f"{RESULTS}/subspace/means.parquet",
        directions=f"{RESULTS}/subspace/directions.parquet",
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        **{key: value for key, value in config["subspace"].items() if key not in OF_LEARNED},
        model=MODEL,
        activations=lambda wildcards, input: [
            Path(manifest).parent.as_posix() for manifest in input.activations
        ],
        min_gap=config["patch"]["min_gap"],
        seed=config["seed"],
        cache=CACHE,
        outs=out_tables,
    shell:
        "python scripts/sweep_subspace.py --examples {input.examples:q}"
        " --predictions {input.predictions:q} --prompts {input.prompts:q}"
        " --activations {params.activations:q} --pairs {input.pairs:q} --patches {input.patches:q}"
        " {params.model} --threads {threads}"
        " --conditions {params.conditions} --shares {params.shares} --ranks {params.ranks}"
        " --n-random {params.n_random} --min-examples {params.min_examples}"
        " --max-examples {params.max_examples} --min-gap {params.min_gap} --seed {params.seed}"
        " --cache {params.cache:q} {params.outs} --log {log:q}"


rule learn_subspaces:
    input:
        examples=f"{SOURCE}/examples.parquet",
        predictions=expand(f"{RESULTS}/predictions/{{edit}}.parquet", edit=COMPARED),
        prompts=expand(f"{RESULTS}/prompts/{{edit}}.parquet", edit=COMPARED),
        activations=expand(f"{RESULTS}/activations/{{edit}}/manifest.json", edit=COMPARED),
        pairs=f"{RESULTS}/pairs.parquet",
        patches=expand(f"{RESULTS}/patches/{{condition}}.parquet", condition=CONDITIONS),
        model=f"{RESULTS}/model/prepared.json",
    output:
        learned=f"{RESULTS}/subspace/learned.parquet",
        patches=f"{RESULTS}/subspace/learned_patches.parquet",
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        **{
            key: config["subspace"][key]
            for key in ("conditions", "shares", "min_examples", *OF_LEARNED)
        },
        model=MODEL,
        activations=lambda wildcards, input: [
            Path(manifest).parent.as_posix() for manifest in input.activations
        ],
        min_gap=config["patch"]["min_gap"],
        seed=config["seed"],
        cache=CACHE,
        outs=out_tables,
    shell:
        "python scripts/learn_subspaces.py --examples {input.examples:q}"
        " --predictions {input.predictions:q} --prompts {input.prompts:q}"
        " --activations {params.activations:q} --pairs {input.pairs:q} --patches {input.patches:q}"
        " {params.model} --threads {threads}"
        " --conditions {params.conditions} --shares {params.shares}"
        " --learned-ranks {params.learned_ranks} --max-fit {params.max_fit}"
        " --n-steps {params.n_steps} --min-examples {params.min_examples}"
        " --min-gap {params.min_gap} --seed {params.seed}"
        " --cache {params.cache:q} {params.outs} --log {log:q}"


rule plot_subspace:
    input:
        directions=f"{RESULTS}/subspace/directions.parquet",
        patches=f"{RESULTS}/subspace/patches.parquet",
        means=f"{RESULTS}/subspace/means.parquet",
        learned=f"{RESULTS}/subspace/learned.parquet",
        learned_patches=f"{RESULTS}/subspace/learned_patches.parquet",
    output:
        svg=report(
            f"{FIGURES}/subspace.svg",
            category="3. Patches",
            caption="../config/captions/subspace.rst",
        ),
        png=f"{FIGURES}/subspace.png",
        section=f"{RESULTS}/sections/subspace.json",
    params:
        draws=DRAWS,
        margins=MARGINS,
    shell:
        "python scripts/plot_subspace.py --directions {input.directions:q}"
        " --patches {input.patches:q} --means {input.means:q} --learned {input.learned:q}"
        " --learned-patches {input.learned_patches:q} {params.draws} {params.margins}"
        " --out-svg {output.svg:q} --out-png {output.png:q} --out-section {output.section:q}"
        " --log {log:q}"
