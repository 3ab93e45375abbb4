# Is the right type known though not said? Many completions of every hole.


rule sample_types:
    input:
        prompts=f"{RESULTS}/prompts/{{edit}}.parquet",
        model=f"{RESULTS}/model/prepared.json",
        code=step_sources("sample_types"),
        shards=shards("sample_types", RESULTS),
    output:
        f"{RESULTS}/samples/{{edit}}.parquet",
    log:
        f"{RESULTS}/logs/sample_types/{{edit}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/sample_types/{{edit}}.tsv"
    conda:
        "envs/steps.yaml"
    threads: workflow.cores
    resources:
        **MODEL_RESOURCES,
    params:
        model=lambda wildcards, input: Path(input.model).parent.as_posix(),
        batch_tokens=config["predict"]["batch_tokens"],
        flags=MODEL_FLAGS,
        n=config["sample"]["n"],
        max_examples=config["sample"]["max_examples"],
        temperature=config["sample"]["temperature"],
        top_p=config["sample"]["top_p"],
        max_new_tokens=config["predict"]["max_new_tokens"],
        seed=config["seed"],
        cache=CACHE,
        outs=lambda wildcards, output: f"--out {shlex.quote(output[0])}",
    shell:
        "python scripts/sample_types.py --prompts {input.prompts:q} --model {params.model:q}"
        " {params.flags} --threads {threads} --n-samples {params.n}"
        " --max-examples {params.max_examples}"
        " --max-new-tokens {params.max_new_tokens} --temperature {params.temperature}"
        " --top-p {params.top_p} --seed {params.seed} --batch-tokens {params.batch_tokens}"
        " --cache {params.cache:q} {params.outs} --log {log:q}"


use rule sample_types as sample_types_shard with:
    input:
        **all_but_shards(rules.sample_types.input),
    output:
        temp(touch(f"{RESULTS}/shards/sample_types/{{edit}}/{{shard}}")),
    log:
        f"{RESULTS}/logs/sample_types/{{edit}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/sample_types/{{edit}}/{{shard}}.tsv"
    params:
        outs=of_shard,


rule plot_samples:
    input:
        samples=expand(f"{RESULTS}/samples/{{edit}}.parquet", edit=EDITS),
        predictions=expand(f"{RESULTS}/predictions/{{edit}}.parquet", edit=EDITS),
        splits=expand(f"{RESULTS}/split/{{edit}}.parquet", edit=EDITS),
        code=step_sources("plot_samples"),
    output:
        svg=f"{FIGURES}/samples.svg",
        png=f"{FIGURES}/samples.png",
        section=f"{RESULTS}/sections/samples.json",
    log:
        f"{RESULTS}/logs/plot_samples.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_samples.tsv"
    conda:
        "envs/steps.yaml"
    resources:
        **SMALL_RESOURCES,
    params:
        draws=DRAWS,
    shell:
        "python scripts/plot_samples.py --samples {input.samples:q}"
        " --predictions {input.predictions:q} --splits {input.splits:q} {params.draws}"
        " --out-svg {output.svg:q} --out-png {output.png:q} --out-section {output.section:q}"
        " --log {log:q}"
