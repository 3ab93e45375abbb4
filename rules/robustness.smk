# How much of an edit does it take? Accuracy by dose, beside the original's.

DOSED_EDITS = EXPERIMENTS["robustness"].edits(config)


rule plot_robustness:
    input:
        original=f"{RESULTS}/predictions/original.parquet",
        predictions=expand(f"{RESULTS}/predictions/{{edit}}.parquet", edit=DOSED_EDITS),
    output:
        svg=f"{FIGURES}/robustness.svg",
        png=f"{FIGURES}/robustness.png",
        section=f"{RESULTS}/sections/robustness.json",
    shell:
        "python scripts/plot_robustness.py --original {input.original:q}"
        " --predictions {input.predictions:q} --out-svg {output.svg:q}"
        " --out-png {output.png:q} --out-section {output.section:q} --log {log:q}"
