# A small model of StarCoderBase's architecture: pinned packages -> corpus -> tokenizer -> weights.
# Not part of `all`; it takes about 70 minutes on one core. Installs the corpus beside its lock file first.

CORPUS = "models/embedded/corpus"
TRAINING = "results/training"


rule install_corpus:
    input:
        f"{CORPUS}/package.json",
        f"{CORPUS}/package-lock.json",
        f"{CORPUS}/.npmrc",
    output:
        f"{CORPUS}/node_modules/.package-lock.json",
    log:
        f"{TRAINING}/logs/install_corpus.log",
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        corpus=lambda wildcards, input: Path(input[0]).parent.as_posix(),
    shell:
        "npm ci --prefix {params.corpus:q} --no-progress > {log:q} 2>&1"


rule collect_training:
    input:
        installed=f"{CORPUS}/node_modules/.package-lock.json",
        settings="config/training.yaml",
    output:
        programs=f"{TRAINING}/programs.parquet",
        packages=f"{TRAINING}/packages.parquet",
        rejected=f"{TRAINING}/rejected.parquet",
        tokenizer=f"{TRAINING}/tokenizer.json",
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        corpus=lambda wildcards, input: Path(input.installed).parent.parent.as_posix(),
        study=json.dumps(config["source"]),
    shell:
        "python scripts/collect_training.py --settings {input.settings:q}"
        " --corpus {params.corpus:q} --study {params.study:q} --root ."
        " --out-programs {output.programs:q} --out-packages {output.packages:q}"
        " --out-rejected {output.rejected:q} --out-tokenizer {output.tokenizer:q} --log {log:q}"


rule train_model:
    input:
        settings="config/training.yaml",
        programs=rules.collect_training.output.programs,
        tokenizer=rules.collect_training.output.tokenizer,
    output:
        weights=f"{TRAINING}/model/model.safetensors",
        tokenizer=f"{TRAINING}/model/tokenizer.json",
        curve=f"{TRAINING}/curve.parquet",
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(1440),
    params:
        # Not an output: Snakemake takes a failed rule's outputs away, and the checkpoint must stay.
        work=f"{TRAINING}/checkpoint",
        folder=lambda wildcards, output: Path(output.weights).parent.as_posix(),
        device=lambda wildcards: "cpu" if config["model"]["device"] == "cpu" else "cuda",
        changes="{}",
    shell:
        "python scripts/train_model.py --settings {input.settings:q} --changes {params.changes:q}"
        " --programs {input.programs:q} --tokenizer {input.tokenizer:q}"
        " --device {params.device} --threads {threads}"
        " --work {params.work:q} --out-curve {output.curve:q}"
        " --out {params.folder:q} --log {log:q}"


rule embedded_model:
    """The model that ships with the project, trained anew: 70 minutes on one core."""
    input:
        rules.train_model.output,


# What a model is good for: golds of any length, and which of its blocks do work.
rule measure_quality:
    input:
        examples=f"{SOURCE}/examples.parquet",
        prompts=f"{RESULTS}/prompts/original.parquet",
        original=f"{RESULTS}/predictions/original.parquet",
        edited=f"{RESULTS}/predictions/{PATCHED}.parquet",
        model=f"{RESULTS}/model/prepared.json",
    output:
        f"{RESULTS}/quality.json",
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        model=MODEL,
        draws=DRAWS,
    shell:
        "python scripts/measure_quality.py --examples {input.examples:q}"
        " --prompts {input.prompts:q} --original {input.original:q} --edited {input.edited:q}"
        " {params.model} --threads {threads} {params.draws}"
        " --out {output:q} --log {log:q}"


rule write_model_card:
    input:
        weights="models/embedded/model.safetensors",
        settings="config/training.yaml",
        curve=f"{TRAINING}/curve.parquet",
        packages=f"{TRAINING}/packages.parquet",
        measured="models/embedded/measured.md",
        history="models/embedded/history.md",
    output:
        f"{RESULTS}/model_card.md",
    params:
        model=lambda wildcards, input: Path(input.weights).parent.as_posix(),
    shell:
        "python scripts/write_model_card.py --model {params.model:q} --settings {input.settings:q}"
        " --curve {input.curve:q} --packages {input.packages:q} --measured {input.measured:q}"
        " --history {input.history:q} --out {output:q} --log {log:q}"


rule quality:
    """What a model is good for: golds of any length, and which blocks work (config/quality.yaml)."""
    input:
        f"{RESULTS}/quality.json",


rule model_card:
    """The card of the embedded model."""
    input:
        f"{RESULTS}/model_card.md",
