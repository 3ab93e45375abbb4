# Whose activation goes where, and what the model then says.


rule pair_examples:
    input:
        programs=f"{SOURCE}/programs.parquet",
        original=f"{RESULTS}/predictions/original.parquet",
        variants=f"{RESULTS}/predictions/{PATCHED}.parquet",
    output:
        pairs=f"{RESULTS}/pairs.parquet",
        rejected=f"{RESULTS}/rejected/pair_examples.parquet",
    group:
        "answers"
    params:
        conditions=CONDITIONS,
        max_pairs=config["patch"]["max_pairs"],
        seed=config["seed"],
    shell:
        "python scripts/pair_examples.py --programs {input.programs:q}"
        " --original {input.original:q} --variants {input.variants:q}"
        " --conditions {params.conditions} --max-pairs {params.max_pairs} --seed {params.seed}"
        " --out {output.pairs:q} --out-rejected {output.rejected:q} --log {log:q}"


rule sweep_patches:
    input:
        pairs=f"{RESULTS}/pairs.parquet",
        prompts=expand(f"{RESULTS}/prompts/{{edit}}.parquet", edit=COMPARED),
        activations=expand(f"{RESULTS}/activations/{{edit}}/manifest.json", edit=COMPARED),
        model=f"{RESULTS}/model/prepared.json",
        shards=shards("sweep_patches", RESULTS, each=""),
    output:
        expand(f"{RESULTS}/patches/{{condition}}.parquet", condition=CONDITIONS),
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        model=MODEL,
        activations=lambda wildcards, input: [
            Path(manifest).parent.as_posix() for manifest in input.activations
        ],
        cache=CACHE,
        outs=out_folder,
        conditions=CONDITIONS,
        min_gap=config["patch"]["min_gap"],
        seed=config["seed"],
    shell:
        "python scripts/sweep_patches.py --pairs {input.pairs:q} --prompts {input.prompts:q}"
        " --activations {params.activations:q} {params.model} --threads {threads}"
        " --min-gap {params.min_gap} --seed {params.seed} --conditions {params.conditions}"
        " --cache {params.cache:q} {params.outs} --log {log:q}"


use rule sweep_patches as sweep_patches_shard with:
    input:
        **all_but_shards(rules.sweep_patches.input),
    output:
        temp(touch(f"{RESULTS}/shards/sweep_patches/{{shard}}")),
    params:
        outs=of_shard,


rule plot_patches:
    input:
        pairs=f"{RESULTS}/pairs.parquet",
        patches=expand(f"{RESULTS}/patches/{{condition}}.parquet", condition=CONDITIONS),
    output:
        svg=report(
            f"{FIGURES}/patches.svg",
            category="3. Patches",
            caption="../config/captions/patches.rst",
        ),
        png=f"{FIGURES}/patches.png",
        curve_svg=f"{FIGURES}/patch_curve.svg",
        curve_png=f"{FIGURES}/patch_curve.png",
        section=f"{RESULTS}/sections/patches.json",
    params:
        draws=DRAWS,
        margins=MARGINS,
    shell:
        "python scripts/plot_patches.py --patches {input.patches:q} --pairs {input.pairs:q}"
        " {params.draws} {params.margins} --out-svg {output.svg:q} --out-png {output.png:q}"
        " --out-curve-svg {output.curve_svg:q} --out-curve-png {output.curve_png:q}"
        " --out-section {output.section:q} --log {log:q}"
