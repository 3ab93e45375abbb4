# Can the right type be read off where the answer is wrong?


rule fit_probes:
    input:
        examples=f"{SOURCE}/examples.parquet",
        variants=expand(f"{SOURCE}/variants/{{edit}}.parquet", edit=["original", STEERED]),
        splits=expand(f"{RESULTS}/split/{{edit}}.parquet", edit=["original", STEERED]),
        activations=expand(
            f"{RESULTS}/activations/{{edit}}/manifest.json", edit=["original", STEERED]
        ),
    output:
        f"{RESULTS}/probes.parquet",
    params:
        activations=lambda wildcards, input: Path(input.activations[0]).parents[1].as_posix(),
        l2=config["probe"]["l2"],
        min_examples=config["probe"]["min_examples"],
        seed=config["seed"],
    shell:
        "python scripts/fit_probes.py --examples {input.examples:q} --variants {input.variants:q}"
        " --splits {input.splits:q} --activations {params.activations:q} --l2 {params.l2}"
        " --min-examples {params.min_examples} --seed {params.seed} --out {output:q} --log {log:q}"


rule plot_probes:
    input:
        probes=f"{RESULTS}/probes.parquet",
        examples=f"{SOURCE}/examples.parquet",
    output:
        svg=f"{FIGURES}/probes.svg",
        png=f"{FIGURES}/probes.png",
        section=f"{RESULTS}/sections/probes.json",
    params:
        margins=MARGINS,
    shell:
        "python scripts/plot_probes.py --probes {input.probes:q}"
        " --examples {input.examples:q} {params.margins} --out-svg {output.svg:q}"
        " --out-png {output.png:q} --out-section {output.section:q} --log {log:q}"
