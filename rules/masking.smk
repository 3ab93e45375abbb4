# What in the prompt keeps the model from the right type?


rule mask_distractors:
    input:
        original=f"{SOURCE}/variants/original.parquet",
        variants=of_edit("variants/{edit}.parquet", PATCHED),
        prompts=f"{RESULTS}/prompts/{PATCHED}.parquet",
        split=f"{RESULTS}/split/{PATCHED}.parquet",
        model=f"{RESULTS}/model/prepared.json",
    output:
        masking=f"{RESULTS}/masking.parquet",
        rejected=f"{RESULTS}/rejected/mask_distractors.parquet",
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        **config["prompt"],
        model=MODEL,
        max_examples=config["masking"]["max_examples"],
        max_new_tokens=config["predict"]["max_new_tokens"],
        seed=config["seed"],
        cache=CACHE,
    shell:
        "python scripts/mask_distractors.py --original {input.original:q}"
        " --variants {input.variants:q} --prompts {input.prompts:q} --split {input.split:q}"
        " {params.model} --threads {threads} --workers {threads}"
        " --format {params.format} --max-tokens {params.max_tokens} --golds {params.golds}"
        " --max-examples {params.max_examples} --max-new-tokens {params.max_new_tokens}"
        " --seed {params.seed} --cache {params.cache:q}"
        " --out {output.masking:q} --out-rejected {output.rejected:q} --log {log:q}"


rule plot_masking:
    input:
        masking=f"{RESULTS}/masking.parquet",
    output:
        svg=f"{FIGURES}/masking.svg",
        png=f"{FIGURES}/masking.png",
        section=f"{RESULTS}/sections/masking.json",
    params:
        edit=PATCHED,
        margins=MARGINS,
    shell:
        "python scripts/plot_masking.py --masking {input.masking:q} --edit {params.edit:q}"
        " {params.margins} --out-svg {output.svg:q} --out-png {output.png:q}"
        " --out-section {output.section:q} --log {log:q}"
