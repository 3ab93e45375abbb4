# How often is a whole type right, whatever the length of the gold?


rule complete_types:
    input:
        original=f"{SOURCE}/variants/original.parquet",
        variants=f"{SOURCE}/variants/{{edit}}.parquet",
        prompts=f"{RESULTS}/prompts/{{edit}}.parquet",
        model=f"{RESULTS}/model/prepared.json",
    output:
        completions=f"{RESULTS}/completions/{{edit}}.parquet",
        rejected=f"{RESULTS}/rejected/complete_types/{{edit}}.parquet",
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        **config["answers"],
        model=MODEL,
        format=config["prompt"]["format"],
        max_tokens=config["prompt"]["max_tokens"],
        seed=config["seed"],
        cache=CACHE,
    shell:
        "python scripts/complete_types.py --original {input.original:q}"
        " --variants {input.variants:q} --prompts {input.prompts:q}"
        " {params.model} --threads {threads} --workers {threads}"
        " --format {params.format} --max-tokens {params.max_tokens}"
        " --max-examples {params.max_examples} --max-new-tokens {params.max_new_tokens}"
        " --seed {params.seed} --cache {params.cache:q}"
        " --out {output.completions:q} --out-rejected {output.rejected:q} --log {log:q}"


rule judge_answers:
    input:
        variants=f"{SOURCE}/variants/{{edit}}.parquet",
        completions=f"{RESULTS}/completions/{{edit}}.parquet",
    output:
        verdicts=f"{RESULTS}/verdicts/{{edit}}.parquet",
        rejected=f"{RESULTS}/rejected/judge_answers/{{edit}}.parquet",
    threads: MODEL_THREADS
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        right=config["answers"]["right"],
        cache=CACHE,
    shell:
        "python scripts/judge_answers.py --variants {input.variants:q}"
        " --completions {input.completions:q} --right {params.right} --workers {threads}"
        " --cache {params.cache:q} --out {output.verdicts:q} --out-rejected {output.rejected:q}"
        " --log {log:q}"


rule plot_whole_types:
    input:
        examples=f"{SOURCE}/examples.parquet",
        completions=expand(f"{RESULTS}/completions/{{edit}}.parquet", edit=EDITS),
        verdicts=expand(f"{RESULTS}/verdicts/{{edit}}.parquet", edit=EDITS),
    output:
        svg=f"{FIGURES}/whole_types.svg",
        png=f"{FIGURES}/whole_types.png",
        section=f"{RESULTS}/sections/whole_types.json",
    params:
        **config["answers"],
        margins=MARGINS,
    shell:
        "python scripts/plot_whole_types.py --verdicts {input.verdicts:q}"
        " --completions {input.completions:q} --examples {input.examples:q}"
        " --right {params.right}"
        " --max-examples {params.max_examples} --max-new-tokens {params.max_new_tokens}"
        " {params.margins} --out-svg {output.svg:q} --out-png {output.png:q}"
        " --out-section {output.section:q} --log {log:q}"
