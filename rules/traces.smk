# Which token carries the type at which point? Every one of them, patched between aligned prompts.

TRACED = EXPERIMENTS["traces"].edits(config)


rule trace_tokens:
    input:
        prompts=expand(f"{RESULTS}/prompts/{{edit}}.parquet", edit=TRACED),
        predictions=expand(f"{RESULTS}/predictions/{{edit}}.parquet", edit=TRACED),
        model=f"{RESULTS}/model/prepared.json",
    output:
        traces=f"{RESULTS}/traces.parquet",
        rejected=f"{RESULTS}/rejected/trace_tokens.parquet",
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        **config["traces"],
        model=MODEL,
        min_gap=config["patch"]["min_gap"],
        seed=config["seed"],
        cache=CACHE,
    shell:
        "python scripts/trace_tokens.py --prompts {input.prompts:q}"
        " --predictions {input.predictions:q} {params.model} --threads {threads}"
        " --max-pairs {params.max_pairs} --max-tokens {params.max_tokens}"
        " --max-points {params.max_points} --min-gap {params.min_gap} --seed {params.seed}"
        " --cache {params.cache:q} --out {output.traces:q} --out-rejected {output.rejected:q}"
        " --log {log:q}"


rule plot_traces:
    input:
        traces=f"{RESULTS}/traces.parquet",
        predictions=expand(f"{RESULTS}/predictions/{{edit}}.parquet", edit=TRACED),
    output:
        svg=f"{FIGURES}/traces.svg",
        png=f"{FIGURES}/traces.png",
        section=f"{RESULTS}/sections/traces.json",
    params:
        margins=MARGINS,
    shell:
        "python scripts/plot_traces.py --traces {input.traces:q}"
        " --predictions {input.predictions:q} {params.margins}"
        " --out-svg {output.svg:q} --out-png {output.png:q}"
        " --out-section {output.section:q} --log {log:q}"
