# Pages that show every example, from the disk.

# These tables are made on request; the explorer shows those that are there.
REQUESTED = {
    "shares": expand(f"{RESULTS}/attention/{{edit}}.parquet", edit=EDITS),
    "samples": expand(f"{RESULTS}/samples/{{edit}}.parquet", edit=EDITS),
    "steering": [f"{RESULTS}/steering/results.parquet"],
}


rule list_attended:
    input:
        prompts=f"{RESULTS}/prompts/{{edit}}.parquet",
        model=f"{RESULTS}/model/prepared.json",
        code=step_sources("list_attended"),
    output:
        f"{RESULTS}/attention_tokens/{{edit}}.parquet",
    log:
        f"{RESULTS}/logs/list_attended/{{edit}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/list_attended/{{edit}}.tsv"
    conda:
        "envs/steps.yaml"
    threads: workflow.cores
    resources:
        **MODEL_RESOURCES,
    params:
        model=lambda wildcards, input: Path(input.model).parent.as_posix(),
        batch_tokens=config["predict"]["batch_tokens"],
        flags=model_flags("eager"),
        cache=CACHE,
    shell:
        "python scripts/list_attended.py --prompts {input.prompts:q} --model {params.model:q}"
        " {params.flags} --threads {threads}"
        " --batch-tokens {params.batch_tokens} --cache {params.cache:q} --out {output:q}"
        " --log {log:q}"


rule build_explorer:
    input:
        examples=f"{SOURCE}/examples.parquet",
        variants=expand(f"{SOURCE}/variants/{{edit}}.parquet", edit=EDITS),
        prompts=expand(f"{RESULTS}/prompts/{{edit}}.parquet", edit=EDITS),
        predictions=expand(f"{RESULTS}/predictions/{{edit}}.parquet", edit=EDITS),
        split=expand(f"{RESULTS}/split/{{edit}}.parquet", edit=EDITS),
        lens=expand(f"{RESULTS}/lens/{{edit}}.parquet", edit=EDITS),
        patches=expand(f"{RESULTS}/patches/{{condition}}.parquet", condition=CONDITIONS),
        attended=expand(f"{RESULTS}/attention_tokens/{{edit}}.parquet", edit=EDITS),
        shares=list(filter(Path.is_file, map(Path, REQUESTED["shares"]))),
        samples=list(filter(Path.is_file, map(Path, REQUESTED["samples"]))),
        steering=list(filter(Path.is_file, map(Path, REQUESTED["steering"]))),
        model=f"{RESULTS}/model/prepared.json",
        lock="package-lock.json",
        page=sorted(Path("scripts/explorer").glob("*.*")),
        code=step_sources("build_explorer"),
    output:
        folder=directory(f"{RESULTS}/explorer"),
        single=f"{RESULTS}/explorer.html",
    log:
        f"{RESULTS}/logs/build_explorer.log",
    benchmark:
        f"{RESULTS}/benchmarks/build_explorer.tsv"
    conda:
        "envs/steps.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        model=lambda wildcards, input: Path(input.model).parent.as_posix(),
        name=config["model"]["name"],
    shell:
        "python scripts/build_explorer.py --examples {input.examples:q}"
        " --variants {input.variants:q} --prompts {input.prompts:q}"
        " --predictions {input.predictions:q} --split {input.split:q} --lens {input.lens:q}"
        " --patches {input.patches:q} --attention-tokens {input.attended:q}"
        " --attention-shares {input.shares:q} --samples {input.samples:q}"
        " --steering {input.steering:q} --model {params.model:q} --model-name {params.name:q}"
        " --out {output.folder:q} --out-single {output.single:q} --log {log:q}"
