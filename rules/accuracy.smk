# What came through, and how often the model is right.


rule plot_funnel:
    input:
        funnel=expand(f"{RESULTS}/funnel/{{edit}}.parquet", edit=EDITS),
    output:
        svg=report(
            f"{FIGURES}/funnel.svg",
            category="1. Examples",
            caption="../config/captions/funnel.rst",
        ),
        png=f"{FIGURES}/funnel.png",
    shell:
        "python scripts/plot_funnel.py --funnel {input.funnel:q} --out-svg {output.svg:q}"
        " --out-png {output.png:q} --log {log:q}"


rule plot_accuracy:
    input:
        examples=f"{SOURCE}/examples.parquet",
        predictions=expand(f"{RESULTS}/predictions/{{edit}}.parquet", edit=EDITS),
    output:
        svg=report(
            f"{FIGURES}/accuracy.svg",
            category="2. Answers",
            caption="../config/captions/accuracy.rst",
        ),
        png=f"{FIGURES}/accuracy.png",
    shell:
        "python scripts/plot_accuracy.py --examples {input.examples:q}"
        " --predictions {input.predictions:q}"
        " --out-svg {output.svg:q} --out-png {output.png:q} --log {log:q}"


rule plot_wrong_answers:
    input:
        predictions=expand(f"{RESULTS}/predictions/{{edit}}.parquet", edit=EDITS),
    output:
        svg=report(
            f"{FIGURES}/wrong_answers.svg",
            category="2. Answers",
            caption="../config/captions/wrong_answers.rst",
        ),
        png=f"{FIGURES}/wrong_answers.png",
    shell:
        "python scripts/plot_wrong_answers.py --predictions {input.predictions:q}"
        " --out-svg {output.svg:q} --out-png {output.png:q} --log {log:q}"
