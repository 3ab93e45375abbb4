# The models that have been run, side by side.


rule compare_models:
    input:
        answers=lambda wildcards: [
            f"results/{model}/predictions/{edit}.parquet"
            for model in models_that_ran(Path("results"), PATCHED)
            for edit in COMPARED
        ],
    output:
        summary="results/compare/summary.md",
        numbers="results/compare/numbers.json",
        svg="results/compare/accuracy.svg",
        png="results/compare/accuracy.png",
    params:
        models=lambda wildcards: models_that_ran(Path("results"), PATCHED),
        edit=PATCHED,
    shell:
        "python scripts/compare_models.py --models {params.models:q} --edit {params.edit:q}"
        " --out {output.summary:q} --out-numbers {output.numbers:q}"
        " --out-svg {output.svg:q} --out-png {output.png:q} --log {log:q}"
