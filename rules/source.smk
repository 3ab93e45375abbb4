# Raw TypeScript -> programs -> examples.

if other_sources(config["source"], Path(SOURCE) / "programs.parquet"):
    logger.warning(f"{SOURCE} is of other sources; it is made anew, as `source` has changed.")


rule collect_programs:
    input:
        lock="package-lock.json",
    output:
        programs=f"{SOURCE}/programs.parquet",
        rejected=f"{SOURCE}/rejected/collect_programs.parquet",
    group:
        "source"
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        sources=json.dumps(config["source"]),
        fingerprint=source_fingerprint,
        licenses=config["programs"]["licenses"],
        max_bytes=config["programs"]["max_bytes"],
        per_package=config["programs"]["per_package"],
        seed=config["seed"],
    shell:
        "python scripts/collect_programs.py --sources {params.sources:q} --root ."
        " --licenses {params.licenses:q} --max-bytes {params.max_bytes}"
        " --per-package {params.per_package} --seed {params.seed}"
        " --fingerprint {params.fingerprint:q}"
        " --out {output.programs:q} --out-rejected {output.rejected:q} --log {log:q}"


rule make_examples:
    input:
        programs=f"{SOURCE}/programs.parquet",
    output:
        examples=f"{SOURCE}/examples.parquet",
        rejected=f"{SOURCE}/rejected/make_examples.parquet",
    group:
        "source"
    threads: workflow.cores
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        per_program=config["examples"]["per_program"],
        fractions=[config["examples"]["fractions"][g] for g in ("fit", "select", "test")],
        seed=config["seed"],
    shell:
        "python scripts/make_examples.py --programs {input.programs:q}"
        " --per-program {params.per_program} --fractions {params.fractions} --seed {params.seed}"
        " --workers {threads} --out {output.examples:q} --out-rejected {output.rejected:q}"
        " --log {log:q}"
