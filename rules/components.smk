# Patches of the parts of blocks: attention, MLPs, single heads.

COMPONENT_CONDITIONS = config["patch"]["component_conditions"]


rule sweep_components:
    input:
        pairs=f"{RESULTS}/pairs.parquet",
        prompts=expand(f"{RESULTS}/prompts/{{edit}}.parquet", edit=COMPARED),
        model=f"{RESULTS}/model/prepared.json",
        shards=shards("sweep_components", RESULTS, each=""),
    output:
        expand(f"{RESULTS}/components/{{condition}}.parquet", condition=COMPONENT_CONDITIONS),
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        model=MODEL,
        cache=CACHE,
        outs=out_folder,
        conditions=COMPONENT_CONDITIONS,
        max_pairs=config["patch"]["max_pairs_components"],
        min_gap=config["patch"]["min_gap"],
        seed=config["seed"],
    shell:
        "python scripts/sweep_components.py --pairs {input.pairs:q} --prompts {input.prompts:q}"
        " {params.model} --threads {threads} --max-pairs {params.max_pairs}"
        " --min-gap {params.min_gap} --seed {params.seed} --conditions {params.conditions}"
        " --cache {params.cache:q} {params.outs} --log {log:q}"


use rule sweep_components as sweep_components_shard with:
    input:
        **all_but_shards(rules.sweep_components.input),
    output:
        temp(touch(f"{RESULTS}/shards/sweep_components/{{shard}}")),
    params:
        outs=of_shard,


rule plot_components:
    input:
        pairs=f"{RESULTS}/pairs.parquet",
        components=expand(
            f"{RESULTS}/components/{{condition}}.parquet", condition=COMPONENT_CONDITIONS
        ),
    output:
        svg=report(
            f"{FIGURES}/components.svg",
            category="3. Patches",
            caption="../config/captions/components.rst",
        ),
        png=f"{FIGURES}/components.png",
        section=f"{RESULTS}/sections/components.json",
    params:
        draws=DRAWS,
        margins=MARGINS,
    shell:
        "python scripts/plot_components.py --components {input.components:q} --pairs {input.pairs:q}"
        " {params.draws} {params.margins} --out-svg {output.svg:q} --out-png {output.png:q}"
        " --out-section {output.section:q} --log {log:q}"
