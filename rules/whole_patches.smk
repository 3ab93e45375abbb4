# From which point does a lent whole type arrive, and do its tokens arrive together?


rule pair_whole_types:
    input:
        programs=f"{SOURCE}/programs.parquet",
        completions=expand(f"{RESULTS}/completions/{{edit}}.parquet", edit=COMPARED),
        verdicts=expand(f"{RESULTS}/verdicts/{{edit}}.parquet", edit=COMPARED),
    output:
        pairs=f"{RESULTS}/whole_patches/pairs.parquet",
        rejected=f"{RESULTS}/rejected/pair_whole_types.parquet",
    group:
        "answers"
    params:
        **config["whole_patches"],
        seed=config["seed"],
    shell:
        "python scripts/pair_whole_types.py --programs {input.programs:q}"
        " --completions {input.completions:q} --verdicts {input.verdicts:q}"
        " --conditions {params.conditions} --max-pairs {params.max_pairs}"
        " --max-type-tokens {params.max_type_tokens} --seed {params.seed}"
        " --out {output.pairs:q} --out-rejected {output.rejected:q} --log {log:q}"


rule sweep_whole_types:
    input:
        pairs=f"{RESULTS}/whole_patches/pairs.parquet",
        completions=expand(f"{RESULTS}/completions/{{edit}}.parquet", edit=COMPARED),
        model=f"{RESULTS}/model/prepared.json",
    output:
        f"{RESULTS}/whole_patches/patches.parquet",
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        model=MODEL,
        min_gap=config["patch"]["min_gap"],
        seed=config["seed"],
        cache=CACHE,
    shell:
        "python scripts/sweep_whole_types.py --pairs {input.pairs:q}"
        " --completions {input.completions:q} {params.model} --threads {threads}"
        " --min-gap {params.min_gap} --seed {params.seed} --cache {params.cache:q}"
        " --out {output:q} --log {log:q}"


rule plot_whole_patches:
    input:
        pairs=f"{RESULTS}/whole_patches/pairs.parquet",
        patches=f"{RESULTS}/whole_patches/patches.parquet",
    output:
        svg=f"{FIGURES}/whole_patches.svg",
        png=f"{FIGURES}/whole_patches.png",
        section=f"{RESULTS}/sections/whole_patches.json",
    params:
        **config["whole_patches"],
        min_gap=config["patch"]["min_gap"],
        draws=DRAWS,
        margins=MARGINS,
    shell:
        "python scripts/plot_whole_patches.py --pairs {input.pairs:q} --patches {input.patches:q}"
        " --min-gap {params.min_gap} --max-pairs {params.max_pairs}"
        " --max-type-tokens {params.max_type_tokens} {params.draws} {params.margins}"
        " --out-svg {output.svg:q} --out-png {output.png:q} --out-section {output.section:q}"
        " --log {log:q}"
