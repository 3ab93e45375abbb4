# The patch sweeps: whose activation goes where, and what the model then says.

POSITION_CONDITIONS = config["patch"]["position_conditions"]
COMPONENT_CONDITIONS = config["patch"]["component_conditions"]


rule pair_examples:
    input:
        programs=f"{SOURCE}/programs.parquet",
        original=f"{RESULTS}/predictions/original.parquet",
        variants=f"{RESULTS}/predictions/{PATCHED}.parquet",
        code=step_sources("pair_examples"),
    output:
        pairs=f"{RESULTS}/pairs.parquet",
        rejected=f"{RESULTS}/rejected/pair_examples.parquet",
    log:
        f"{RESULTS}/logs/pair_examples.log",
    benchmark:
        f"{RESULTS}/benchmarks/pair_examples.tsv"
    conda:
        "envs/steps.yaml"
    resources:
        **SMALL_RESOURCES,
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
        prompts=expand(f"{RESULTS}/prompts/{{edit}}.parquet", edit=["original", PATCHED]),
        activations=expand(
            f"{RESULTS}/activations/{{edit}}/manifest.json", edit=["original", PATCHED]
        ),
        model=f"{RESULTS}/model/prepared.json",
        code=step_sources("sweep_patches"),
        shards=shards("sweep_patches", RESULTS, each=""),
    output:
        expand(f"{RESULTS}/patches/{{condition}}.parquet", condition=CONDITIONS),
    log:
        f"{RESULTS}/logs/sweep_patches.log",
    benchmark:
        f"{RESULTS}/benchmarks/sweep_patches.tsv"
    conda:
        "envs/steps.yaml"
    threads: workflow.cores
    resources:
        **MODEL_RESOURCES,
    params:
        model=lambda wildcards, input: Path(input.model).parent.as_posix(),
        activations=lambda wildcards, input: [
            Path(manifest).parent.as_posix() for manifest in input.activations
        ],
        flags=MODEL_FLAGS,
        cache=CACHE,
        outs=lambda wildcards, output: f"--out {shlex.quote(str(Path(output[0]).parent))}",
        conditions=CONDITIONS,
        min_gap=config["patch"]["min_gap"],
        batch_tokens=config["predict"]["batch_tokens"],
        seed=config["seed"],
    shell:
        "python scripts/sweep_patches.py --pairs {input.pairs:q} --prompts {input.prompts:q}"
        " --activations {params.activations:q} --model {params.model:q} {params.flags}"
        " --threads {threads} --min-gap {params.min_gap} --batch-tokens {params.batch_tokens}"
        " --seed {params.seed} --conditions {params.conditions} --cache {params.cache:q}"
        " {params.outs} --log {log:q}"


use rule sweep_patches as sweep_patches_shard with:
    input:
        **all_but_shards(rules.sweep_patches.input),
    output:
        temp(touch(f"{RESULTS}/shards/sweep_patches/{{shard}}")),
    log:
        f"{RESULTS}/logs/sweep_patches/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/sweep_patches/{{shard}}.tsv"
    params:
        outs=of_shard,


rule sweep_positions:
    input:
        pairs=f"{RESULTS}/pairs.parquet",
        prompts=expand(f"{RESULTS}/prompts/{{edit}}.parquet", edit=["original", PATCHED]),
        model=f"{RESULTS}/model/prepared.json",
        code=step_sources("sweep_positions"),
        shards=shards("sweep_positions", RESULTS, each=""),
    output:
        tables=expand(
            f"{RESULTS}/patch_positions/{{condition}}.parquet", condition=POSITION_CONDITIONS
        ),
        rejected=f"{RESULTS}/rejected/sweep_positions.parquet",
    log:
        f"{RESULTS}/logs/sweep_positions.log",
    benchmark:
        f"{RESULTS}/benchmarks/sweep_positions.tsv"
    conda:
        "envs/steps.yaml"
    threads: workflow.cores
    resources:
        **MODEL_RESOURCES,
    params:
        model=lambda wildcards, input: Path(input.model).parent.as_posix(),
        flags=MODEL_FLAGS,
        cache=CACHE,
        outs=lambda wildcards, output: (
            f"--out {shlex.quote(str(Path(output.tables[0]).parent))}"
            f" --out-rejected {shlex.quote(output.rejected)}"
        ),
        conditions=POSITION_CONDITIONS,
        positions=config["patch"]["positions"],
        windows=config["patch"]["windows"],
        max_pairs=config["patch"]["max_pairs_positions"],
        max_points=config["patch"]["max_points_positions"],
        min_gap=config["patch"]["min_gap"],
        batch_tokens=config["predict"]["batch_tokens"],
        seed=config["seed"],
    shell:
        "python scripts/sweep_positions.py --pairs {input.pairs:q} --prompts {input.prompts:q}"
        " --model {params.model:q} {params.flags} --threads {threads}"
        " --positions {params.positions} --windows {params.windows}"
        " --max-pairs {params.max_pairs} --max-points {params.max_points}"
        " --min-gap {params.min_gap} --batch-tokens {params.batch_tokens} --seed {params.seed}"
        " --conditions {params.conditions} --cache {params.cache:q} {params.outs} --log {log:q}"


use rule sweep_positions as sweep_positions_shard with:
    input:
        **all_but_shards(rules.sweep_positions.input),
    output:
        temp(touch(f"{RESULTS}/shards/sweep_positions/{{shard}}")),
    log:
        f"{RESULTS}/logs/sweep_positions/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/sweep_positions/{{shard}}.tsv"
    params:
        outs=of_shard,


rule sweep_components:
    input:
        pairs=f"{RESULTS}/pairs.parquet",
        prompts=expand(f"{RESULTS}/prompts/{{edit}}.parquet", edit=["original", PATCHED]),
        model=f"{RESULTS}/model/prepared.json",
        code=step_sources("sweep_components"),
        shards=shards("sweep_components", RESULTS, each=""),
    output:
        expand(f"{RESULTS}/components/{{condition}}.parquet", condition=COMPONENT_CONDITIONS),
    log:
        f"{RESULTS}/logs/sweep_components.log",
    benchmark:
        f"{RESULTS}/benchmarks/sweep_components.tsv"
    conda:
        "envs/steps.yaml"
    threads: workflow.cores
    resources:
        **MODEL_RESOURCES,
    params:
        model=lambda wildcards, input: Path(input.model).parent.as_posix(),
        flags=MODEL_FLAGS,
        cache=CACHE,
        outs=lambda wildcards, output: f"--out {shlex.quote(str(Path(output[0]).parent))}",
        conditions=COMPONENT_CONDITIONS,
        max_pairs=config["patch"]["max_pairs_components"],
        min_gap=config["patch"]["min_gap"],
        batch_tokens=config["predict"]["batch_tokens"],
        seed=config["seed"],
    shell:
        "python scripts/sweep_components.py --pairs {input.pairs:q} --prompts {input.prompts:q}"
        " --model {params.model:q} {params.flags} --threads {threads}"
        " --max-pairs {params.max_pairs} --min-gap {params.min_gap}"
        " --batch-tokens {params.batch_tokens} --seed {params.seed}"
        " --conditions {params.conditions} --cache {params.cache:q} {params.outs} --log {log:q}"


use rule sweep_components as sweep_components_shard with:
    input:
        **all_but_shards(rules.sweep_components.input),
    output:
        temp(touch(f"{RESULTS}/shards/sweep_components/{{shard}}")),
    log:
        f"{RESULTS}/logs/sweep_components/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/sweep_components/{{shard}}.tsv"
    params:
        outs=of_shard,


rule plot_patches:
    input:
        pairs=f"{RESULTS}/pairs.parquet",
        patches=expand(f"{RESULTS}/patches/{{condition}}.parquet", condition=CONDITIONS),
        code=step_sources("plot_patches"),
    output:
        svg=report(
            f"{FIGURES}/patches.svg",
            category="3. Patches",
            caption="../config/captions/patches.rst",
        ),
        png=f"{FIGURES}/patches.png",
        section=f"{RESULTS}/sections/patches.json",
    log:
        f"{RESULTS}/logs/plot_patches.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_patches.tsv"
    conda:
        "envs/steps.yaml"
    resources:
        **SMALL_RESOURCES,
    params:
        draws=DRAWS,
    shell:
        "python scripts/plot_patches.py --patches {input.patches:q} --pairs {input.pairs:q}"
        " {params.draws} --out-svg {output.svg:q} --out-png {output.png:q}"
        " --out-section {output.section:q} --log {log:q}"


rule plot_patch_positions:
    input:
        pairs=f"{RESULTS}/pairs.parquet",
        patches=expand(
            f"{RESULTS}/patch_positions/{{condition}}.parquet", condition=POSITION_CONDITIONS
        ),
        code=step_sources("plot_patch_positions"),
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
    log:
        f"{RESULTS}/logs/plot_patch_positions.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_patch_positions.tsv"
    conda:
        "envs/steps.yaml"
    resources:
        **SMALL_RESOURCES,
    params:
        draws=DRAWS,
    shell:
        "python scripts/plot_patch_positions.py --patches {input.patches:q} --pairs {input.pairs:q}"
        " {params.draws} --out-svg {output.svg:q} --out-png {output.png:q}"
        " --out-windows-svg {output.windows_svg:q} --out-windows-png {output.windows_png:q}"
        " --out-section {output.section:q} --log {log:q}"


rule plot_components:
    input:
        pairs=f"{RESULTS}/pairs.parquet",
        components=expand(
            f"{RESULTS}/components/{{condition}}.parquet", condition=COMPONENT_CONDITIONS
        ),
        code=step_sources("plot_components"),
    output:
        svg=report(
            f"{FIGURES}/components.svg",
            category="3. Patches",
            caption="../config/captions/components.rst",
        ),
        png=f"{FIGURES}/components.png",
        section=f"{RESULTS}/sections/components.json",
    log:
        f"{RESULTS}/logs/plot_components.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_components.tsv"
    conda:
        "envs/steps.yaml"
    resources:
        **SMALL_RESOURCES,
    params:
        draws=DRAWS,
    shell:
        "python scripts/plot_components.py --components {input.components:q} --pairs {input.pairs:q}"
        " {params.draws} --out-svg {output.svg:q} --out-png {output.png:q}"
        " --out-section {output.section:q} --log {log:q}"
