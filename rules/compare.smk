# The models that have been run, side by side.


rule compare_models:
    output:
        summary="results/compare/summary.md",
        numbers="results/compare/numbers.json",
        svg="results/compare/accuracy.svg",
        png="results/compare/accuracy.png",
    params:
        # Asked only when this rule is wanted. A model more reruns it, and so does a digest that is
        # another than before.
        models=lambda wildcards: list(models_that_ran(Path("results"), PATCHED)),
        digests=lambda wildcards: list(models_that_ran(Path("results"), PATCHED).values()),
        edit=PATCHED,
        draws=DRAWS,
    shell:
        "python scripts/compare_models.py --models {params.models:q} --edit {params.edit:q}"
        " {params.draws} --out {output.summary:q} --out-numbers {output.numbers:q}"
        " --out-svg {output.svg:q} --out-png {output.png:q} --log {log:q}"
