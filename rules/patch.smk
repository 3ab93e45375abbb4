# The patch sweep: whose activation goes where, and what the model then says.


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
        prompts=f"{RESULTS}/prompts/{PATCHED}.parquet",
        activations=expand(
            f"{RESULTS}/activations/{{edit}}/manifest.json", edit=["original", PATCHED]
        ),
        model=f"{RESULTS}/model/prepared.json",
        code=step_sources("sweep_patches"),
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
        folder=lambda wildcards, output: Path(output[0]).parent.as_posix(),
        flags=MODEL_FLAGS,
        conditions=CONDITIONS,
        min_gap=config["patch"]["min_gap"],
        batch_tokens=config["predict"]["batch_tokens"],
        seed=config["seed"],
    shell:
        "python scripts/sweep_patches.py --pairs {input.pairs:q} --prompts {input.prompts:q}"
        " --activations {params.activations:q} --model {params.model:q} {params.flags}"
        " --threads {threads} --min-gap {params.min_gap} --batch-tokens {params.batch_tokens}"
        " --seed {params.seed} --conditions {params.conditions} --out {params.folder:q}"
        " --log {log:q}"
