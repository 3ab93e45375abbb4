# Do solved examples in the prompt help, and is it the type that they show?


rule compare_icl:
    input:
        examples=f"{SOURCE}/examples.parquet",
        prompts=f"{RESULTS}/prompts/{{edit}}.parquet",
        split=f"{RESULTS}/split/{{edit}}.parquet",
        model=f"{RESULTS}/model/prepared.json",
    output:
        icl=f"{RESULTS}/icl/{{edit}}.parquet",
        rejected=f"{RESULTS}/rejected/compare_icl/{{edit}}.parquet",
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        **config["icl"],
        model=MODEL,
        format=config["prompt"]["format"],
        max_new_tokens=config["predict"]["max_new_tokens"],
        seed=config["seed"],
        cache=CACHE,
    shell:
        "python scripts/compare_icl.py --examples {input.examples:q} --prompts {input.prompts:q}"
        " --split {input.split:q} {params.model} --threads {threads}"
        " --workers {threads} --format {params.format} --choices {params.choices}"
        " --n-shots {params.n_shots} --shot-tokens {params.shot_tokens} --n-seeds {params.n_seeds}"
        " --max-examples {params.max_examples} --max-new-tokens {params.max_new_tokens}"
        " --seed {params.seed} --cache {params.cache:q}"
        " --out {output.icl:q} --out-rejected {output.rejected:q} --log {log:q}"


rule plot_icl:
    input:
        icl=f"{RESULTS}/icl/{PATCHED}.parquet",
        split=f"{RESULTS}/split/{PATCHED}.parquet",
    output:
        svg=f"{FIGURES}/icl.svg",
        png=f"{FIGURES}/icl.png",
        section=f"{RESULTS}/sections/icl.json",
    params:
        **config["icl"],
        margins=MARGINS,
    shell:
        "python scripts/plot_icl.py --icl {input.icl:q} --choices {params.choices}"
        " --n-shots {params.n_shots} --n-seeds {params.n_seeds}"
        " --shot-tokens {params.shot_tokens} --split {input.split:q}"
        " {params.margins} --out-svg {output.svg:q} --out-png {output.png:q}"
        " --out-section {output.section:q} --log {log:q}"
