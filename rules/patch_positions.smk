# Patches at other tokens than the last, at sets of them, over windows of points.

POSITION_CONDITIONS = config["patch"]["position_conditions"]


rule sweep_positions:
    input:
        pairs=f"{RESULTS}/pairs.parquet",
        prompts=expand(f"{RESULTS}/prompts/{{edit}}.parquet", edit=COMPARED),
        model=f"{RESULTS}/model/prepared.json",
        shards=shards("sweep_positions", RESULTS, each=""),
    output:
        tables=expand(
            f"{RESULTS}/patch_positions/{{condition}}.parquet", condition=POSITION_CONDITIONS
        ),
        rejected=f"{RESULTS}/rejected/sweep_positions.parquet",
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        model=MODEL,
        cache=CACHE,
        outs=lambda wildcards, output: (
            f"{out_folder(wildcards, output)} --out-rejected {shlex.quote(output.rejected)}"
        ),
        conditions=POSITION_CONDITIONS,
        positions=config["patch"]["positions"],
        windows=config["patch"]["windows"],
        max_pairs=config["patch"]["max_pairs_positions"],
        max_points=config["patch"]["max_points_positions"],
        min_gap=config["patch"]["min_gap"],
        seed=config["seed"],
    shell:
        "python scripts/sweep_positions.py --pairs {input.pairs:q} --prompts {input.prompts:q}"
        " {params.model} --threads {threads} --positions {params.positions}"
        " --windows {params.windows} --max-pairs {params.max_pairs}"
        " --max-points {params.max_points} --min-gap {params.min_gap} --seed {params.seed}"
        " --conditions {params.conditions} --cache {params.cache:q} {params.outs} --log {log:q}"


use rule sweep_positions as sweep_positions_shard with:
    input:
        **all_but_shards(rules.sweep_positions.input),
    output:
        temp(touch(f"{RESULTS}/shards/sweep_positions/{{shard}}")),
    params:
        outs=of_shard,


rule plot_patch_positions:
    input:
        pairs=f"{RESULTS}/pairs.parquet",
        patches=expand(
            f"{RESULTS}/patch_positions/{{condition}}.parquet", condition=POSITION_CONDITIONS
        ),
    output:
        svg=report(
            f"{FIGURES}/patch_positions.svg",
            category="3. Patches",
            caption="../config/captions/patch_positions.rst",
        ),
        png=f"{FIGURES}/patch_positions.png",
        windows_svg=report(
            f"{FIGURES}/patch_windows.svg",
            category="3. Patches",
            caption="../config/captions/patch_windows.rst",
        ),
        windows_png=f"{FIGURES}/patch_windows.png",
        section=f"{RESULTS}/sections/patch_positions.json",
    params:
        draws=DRAWS,
        margins=MARGINS,
    shell:
        "python scripts/plot_patch_positions.py --patches {input.patches:q} --pairs {input.pairs:q}"
        " {params.draws} {params.margins} --out-svg {output.svg:q} --out-png {output.png:q}"
        " --out-windows-svg {output.windows_svg:q} --out-windows-png {output.windows_png:q}"
        " --out-section {output.section:q} --log {log:q}"
