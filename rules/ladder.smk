# The recipe of the embedded model at other sizes and from other seeds: each rung is trained, asked
# and patched as the study's own model is, in a folder of the same layout. Not part of `all`.

from fimscope.config import read_yaml

with one_sentence():
    RUNGS = read_yaml(Path(workflow.basedir) / "config" / "ladder.yaml")
RUNG = f"{TRAINING}/rungs/{{rung}}"
LADDER = "results/ladder"
LADDER_MODELS = [RESULTS, *expand(RUNG, rung=RUNGS)]  # the study's own is the first


wildcard_constraints:
    rung="|".join(map(re.escape, RUNGS)),


use rule train_model as train_model_rung with:
    output:
        weights=f"{RUNG}/trained/model.safetensors",
        tokenizer=f"{RUNG}/trained/tokenizer.json",
        curve=f"{RUNG}/curve.parquet",
    params:
        work=f"{RUNG}/checkpoint",
        changes=lambda wildcards: json.dumps(RUNGS[wildcards.rung]),


use rule prepare_model as prepare_model_rung with:
    input:
        files=rules.train_model_rung.output,
    output:
        f"{RUNG}/model/prepared.json",
    params:
        sources=lambda wildcards, input: json.dumps([{"folder": str(Path(input[0]).parent)}]),
        fingerprint=lambda wildcards: "trained",  # the inputs tell which
        trust_remote_code="",


use rule build_prompts as build_prompts_rung with:
    input:
        original=f"{SOURCE}/variants/original.parquet",
        variants=f"{SOURCE}/variants/{{edit}}.parquet",
        model=f"{RUNG}/model/prepared.json",
    output:
        prompts=f"{RUNG}/prompts/{{edit}}.parquet",
        rejected=f"{RUNG}/rejected/build_prompts/{{edit}}.parquet",


use rule predict_types as predict_types_rung with:
    input:
        prompts=f"{RUNG}/prompts/{{edit}}.parquet",
        model=f"{RUNG}/model/prepared.json",
    output:
        f"{RUNG}/predictions/{{edit}}.parquet",


use rule cache_activations as cache_activations_rung with:
    input:
        prompts=f"{RUNG}/prompts/{{edit}}.parquet",
        model=f"{RUNG}/model/prepared.json",
    output:
        manifest=f"{RUNG}/activations/{{edit}}/manifest.json",
        index=f"{RUNG}/activations/{{edit}}/index.parquet",
    params:
        positions="last",


use rule pair_examples as pair_examples_rung with:
    input:
        programs=f"{SOURCE}/programs.parquet",
        original=f"{RUNG}/predictions/original.parquet",
        variants=f"{RUNG}/predictions/{PATCHED}.parquet",
    output:
        pairs=f"{RUNG}/pairs.parquet",
        rejected=f"{RUNG}/rejected/pair_examples.parquet",
    params:
        conditions="restore",


use rule sweep_patches as sweep_patches_rung with:
    input:
        pairs=f"{RUNG}/pairs.parquet",
        prompts=expand(f"{RUNG}/prompts/{{edit}}.parquet", edit=COMPARED, allow_missing=True),
        activations=expand(
            f"{RUNG}/activations/{{edit}}/manifest.json", edit=COMPARED, allow_missing=True
        ),
        model=f"{RUNG}/model/prepared.json",
    output:
        f"{RUNG}/patches/restore.parquet",
    params:
        conditions="restore",


rule plot_ladder:
    input:
        models=expand("{model}/model/prepared.json", model=LADDER_MODELS),
        prompts=expand("{model}/prompts/{edit}.parquet", model=LADDER_MODELS, edit=PATCHED),
        original=expand("{model}/predictions/original.parquet", model=LADDER_MODELS),
        edited=expand("{model}/predictions/{edit}.parquet", model=LADDER_MODELS, edit=PATCHED),
        pairs=expand("{model}/pairs.parquet", model=LADDER_MODELS),
        patches=expand("{model}/patches/restore.parquet", model=LADDER_MODELS),
    output:
        svg=f"{LADDER}/ladder.svg",
        png=f"{LADDER}/ladder.png",
        summary=f"{LADDER}/summary.md",
        numbers=f"{LADDER}/figures.json",
    params:
        rungs=LADDER_MODELS,
        edit=PATCHED,
        draws=DRAWS,
        margins=MARGINS,
    shell:
        "python scripts/plot_ladder.py --rungs {params.rungs:q} --edit {params.edit:q}"
        " {params.draws} {params.margins} --out-svg {output.svg:q} --out-png {output.png:q}"
        " --out {output.summary:q} --out-numbers {output.numbers:q} --log {log:q}"


rule embedded_ladder:
    """The embedded model's recipe at three sizes and from three seeds: hours on one core."""
    input:
        rules.plot_ladder.output,
