# The model on disk, and the prompts that it is asked.


rule prepare_model:
    input:
        files=list(map(str, MODEL_FILES)),
    output:
        f"{RESULTS}/model/prepared.json",
    threads: MODEL_THREADS
    resources:
        mem_mb=growing(config["model"]["memory_mb"]),
        runtime=growing(config["model"]["minutes"]),
    params:
        sources=MODEL_SOURCES,
        fingerprint=model_fingerprint,
        folder=lambda wildcards, output: Path(output[0]).parent.as_posix(),
        trust_remote_code="--trust-remote-code" if config["model"]["trust_remote_code"] else "",
        # A function, which Snakemake does not compare: under another dtype the folder is the same.
        run=lambda wildcards: f"--dtype {config['model']['dtype']}"
        f" --attention {config['model']['attention']}",
    shell:
        "python scripts/prepare_model.py --sources {params.sources:q} --root ."
        " {params.trust_remote_code} {params.run}"
        " --fingerprint {params.fingerprint:q} --out {params.folder:q} --log {log:q}"


rule build_prompts:
    input:
        original=f"{SOURCE}/variants/original.parquet",
        variants=f"{SOURCE}/variants/{{edit}}.parquet",
        model=f"{RESULTS}/model/prepared.json",
    output:
        prompts=f"{RESULTS}/prompts/{{edit}}.parquet",
        rejected=f"{RESULTS}/rejected/build_prompts/{{edit}}.parquet",
    group:
        "prompts"
    threads: EDIT_THREADS
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        **config["prompt"],
        max_new_tokens=config["predict"]["max_new_tokens"],
        model=model_folder,
    shell:
        "python scripts/build_prompts.py --original {input.original:q}"
        " --variants {input.variants:q} --model {params.model:q} --format {params.format}"
        " --max-tokens {params.max_tokens} --max-new-tokens {params.max_new_tokens}"
        " --golds {params.golds} --workers {threads}"
        " --out {output.prompts:q} --out-rejected {output.rejected:q} --log {log:q}"
