# Can the wrong answer be turned right by one vector?

STEERED = config["steer"]["edit"]
STEERING = f"{RESULTS}/steering"


rule fit_steering:
    input:
        examples=f"{SOURCE}/examples.parquet",
        original=f"{RESULTS}/predictions/original.parquet",
        variants=f"{RESULTS}/predictions/{STEERED}.parquet",
        others=[
            f"{RESULTS}/predictions/{edit}.parquet"
            for edit in EDITS
            if edit not in ("original", STEERED)
        ],
        activations=expand(f"{RESULTS}/activations/{{edit}}/manifest.json", edit=EDITS),
    output:
        vectors=f"{STEERING}/vectors.safetensors",
        table=f"{STEERING}/vectors.parquet",
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        activations=lambda wildcards, input: Path(input.activations[0]).parents[1].as_posix(),
        n_random=config["steer"]["n_random"],
        n_shuffled=config["steer"]["n_shuffled"],
        min_examples=config["steer"]["min_examples"],
        seed=config["seed"],
    shell:
        "python scripts/fit_steering.py --examples {input.examples:q} --original {input.original:q}"
        " --variants {input.variants:q} --others {input.others:q}"
        " --activations {params.activations:q} --n-random {params.n_random}"
        " --n-shuffled {params.n_shuffled} --min-examples {params.min_examples}"
        " --seed {params.seed} --out {output.vectors:q} --out-table {output.table:q} --log {log:q}"


rule apply_steering:
    input:
        examples=f"{SOURCE}/examples.parquet",
        prompts=f"{RESULTS}/prompts/{STEERED}.parquet",
        predictions=f"{RESULTS}/predictions/{STEERED}.parquet",
        split=f"{RESULTS}/split/{STEERED}.parquet",
        vectors=f"{STEERING}/vectors.safetensors",
        table=f"{STEERING}/vectors.parquet",
        model=f"{RESULTS}/model/prepared.json",
        shards=shards("apply_steering", RESULTS, each="test/"),
    output:
        results=f"{STEERING}/results.parquet",
        settings=f"{STEERING}/settings.parquet",
        disturbance=f"{STEERING}/disturbance.parquet",
        completions=f"{STEERING}/completions.parquet",
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        model=MODEL,
        strengths=config["steer"]["strengths"],
        window=config["steer"]["window"],
        max_examples=config["steer"]["max_examples"],
        n_tokens=config["steer"]["n_tokens"],
        max_new_tokens=config["predict"]["max_new_tokens"],
        seed=config["seed"],
        cache=CACHE,
        outs=out_tables,
    shell:
        "python scripts/apply_steering.py --examples {input.examples:q} --prompts {input.prompts:q}"
        " --predictions {input.predictions:q} --split {input.split:q} --vectors {input.vectors:q}"
        " --vectors-table {input.table:q} {params.model}"
        " --threads {threads} --strengths {params.strengths} --window {params.window}"
        " --max-examples {params.max_examples} --n-tokens {params.n_tokens}"
        " --max-new-tokens {params.max_new_tokens}"
        " --seed {params.seed} --cache {params.cache:q} {params.outs} --log {log:q}"


use rule apply_steering as apply_steering_shard with:
    input:
        **all_but_shards(rules.apply_steering.input),
        # What is done on test was chosen on select, of which a shard has only its share.
        before=lambda wildcards: (
            shards("apply_steering", RESULTS, each="select/") if wildcards.group == "test" else []
        ),
    output:
        temp(touch(f"{RESULTS}/shards/apply_steering/{{group}}/{{shard}}")),
    params:
        outs=lambda wildcards: f"{of_shard(wildcards)} --group {wildcards.group}",


rule check_steering:
    input:
        variants=of_edit("variants/{edit}.parquet", STEERED),
        completions=f"{STEERING}/completions.parquet",
    output:
        f"{STEERING}/types.parquet",
    threads: MODEL_THREADS
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    shell:
        "python scripts/check_steering.py --variants {input.variants:q}"
        " --completions {input.completions:q} --workers {threads} --out {output:q} --log {log:q}"


rule plot_steering:
    input:
        examples=f"{SOURCE}/examples.parquet",
        split=f"{RESULTS}/split/{STEERED}.parquet",
        vectors=f"{STEERING}/vectors.parquet",
        results=f"{STEERING}/results.parquet",
        settings=f"{STEERING}/settings.parquet",
        disturbance=f"{STEERING}/disturbance.parquet",
        types=f"{STEERING}/types.parquet",
        # Solved examples in the prompt, beside the vectors, where they are asked under this edit.
        icl=of_experiment("icl", f"{RESULTS}/icl/{STEERED}.parquet") if STEERED == PATCHED else [],
    output:
        svg=f"{FIGURES}/steering.svg",
        png=f"{FIGURES}/steering.png",
        section=f"{RESULTS}/sections/steering.json",
    params:
        margins=MARGINS,
        icl=lambda wildcards, input: ["--icl", input.icl] if input.icl else [],
    shell:
        "python scripts/plot_steering.py --examples {input.examples:q} --split {input.split:q}"
        " --vectors {input.vectors:q} --results {input.results:q} --settings {input.settings:q}"
        " --disturbance {input.disturbance:q} --types {input.types:q} {params.icl:q}"
        " {params.margins} --out-svg {output.svg:q} --out-png {output.png:q}"
        " --out-section {output.section:q} --log {log:q}"
