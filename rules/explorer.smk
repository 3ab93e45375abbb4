# Pages that show every hole that the predictions ask, and those of whole types, from the disk.

# Whose tables they are made of. A study that asks all of these has the pages too, which the report
# leads to: they need no further forward.
EXPLORED = {"lens", "attention", "patches"}


rule list_attended:
    input:
        prompts=f"{RESULTS}/prompts/{{edit}}.parquet",
        model=f"{RESULTS}/model/prepared.json",
        read=READ,
    output:
        f"{RESULTS}/attention_tokens/{{edit}}.parquet",
    threads: MODEL_THREADS
    resources:
        **MODEL_RESOURCES,
    params:
        model=MODEL,
        cache=CACHE,
    shell:
        "python scripts/list_attended.py --prompts {input.prompts:q} {params.model}"
        " --threads {threads} --cache {params.cache:q} --out {output:q} --log {log:q}"


rule build_explorer:
    input:
        examples=f"{SOURCE}/examples.parquet",
        variants=expand(f"{SOURCE}/variants/{{edit}}.parquet", edit=EDITS),
        prompts=expand(f"{RESULTS}/prompts/{{edit}}.parquet", edit=EDITS),
        predictions=expand(f"{RESULTS}/predictions/{{edit}}.parquet", edit=EDITS),
        split=expand(f"{RESULTS}/split/{{edit}}.parquet", edit=EDITS),
        lens=expand(f"{RESULTS}/lens/{{edit}}.parquet", edit=EDITS),
        patches=expand(f"{RESULTS}/patches/{{condition}}.parquet", condition=CONDITIONS),
        direct=expand(f"{RESULTS}/direct_logits/{{edit}}.parquet", edit=EDITS),
        heads=expand(f"{RESULTS}/direct_heads/{{edit}}.parquet", edit=EDITS),
        attended=expand(f"{RESULTS}/attention_tokens/{{edit}}.parquet", edit=EDITS),
        # What these experiments found is shown where the study has them.
        linear=of_experiment("lens", f"{RESULTS}/linear_lens.parquet"),
        shares=of_experiment("attention", f"{RESULTS}/attention/{{edit}}.parquet"),
        samples=of_experiment("samples", f"{RESULTS}/samples/{{edit}}.parquet"),
        types=of_experiment("samples", f"{RESULTS}/sampled_types/{{edit}}.parquet"),
        steering=of_experiment("steering", f"{RESULTS}/steering/results.parquet"),
        positions=of_experiment(
            "patch_positions",
            f"{RESULTS}/patch_positions/{{condition}}.parquet",
            condition=POSITION_CONDITIONS,
        ),
        components=of_experiment(
            "components",
            f"{RESULTS}/components/{{condition}}.parquet",
            condition=COMPONENT_CONDITIONS,
        ),
        traces=of_experiment("traces", f"{RESULTS}/traces.parquet"),
        algorithms=of_experiment(
            "algorithms", f"{RESULTS}/algorithms/{{edit}}.parquet", edit=COMPARED
        ),
        masking=of_experiment("masking", f"{RESULTS}/masking.parquet"),
        icl=of_experiment("icl", f"{RESULTS}/icl/{PATCHED}.parquet"),
        probes=of_experiment("probes", f"{RESULTS}/probes.parquet"),
        verdicts=of_experiment("whole_types", f"{RESULTS}/verdicts/{{edit}}.parquet"),
        completions=of_experiment("whole_types", f"{RESULTS}/completions/{{edit}}.parquet"),
        lent=of_experiment("whole_patches", f"{RESULTS}/whole_patches/patches.parquet"),
        lent_pairs=of_experiment("whole_patches", f"{RESULTS}/whole_patches/pairs.parquet"),
        # Those of the linear lens: by them holes are alike.
        activations=of_experiment("lens", f"{RESULTS}/activations/original/manifest.json"),
        model=f"{RESULTS}/model/prepared.json",
        lock="package-lock.json",
        page=sorted(Path("scripts/explorer").glob("*.*")),
    output:
        folder=directory(f"{RESULTS}/explorer"),
        single=f"{RESULTS}/explorer.html",
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        model=model_folder,
        name=config["model"]["name"],
        study=config["study"],
        activations=lambda wildcards, input: " ".join(
            f"--activations {shlex.quote(Path(path).parent.as_posix())}"
            for path in input.activations
        ),
    shell:
        "python scripts/build_explorer.py --examples {input.examples:q}"
        " --variants {input.variants:q} --prompts {input.prompts:q}"
        " --predictions {input.predictions:q} --split {input.split:q} --lens {input.lens:q}"
        " --linear-lens {input.linear:q} --direct-logits {input.direct:q}"
        " --direct-heads {input.heads:q}"
        " --patches {input.patches:q} --attention-tokens {input.attended:q}"
        " --attention-shares {input.shares:q} --samples {input.samples:q}"
        " --sampled-types {input.types:q}"
        " --steering {input.steering:q} --patch-positions {input.positions:q}"
        " --components {input.components:q} --traces {input.traces:q}"
        " --algorithms {input.algorithms:q} --masking {input.masking:q} --icl {input.icl:q}"
        " --probes {input.probes:q} --whole-types {input.verdicts:q}"
        " --completions {input.completions:q} --whole-patches {input.lent:q}"
        " --whole-pairs {input.lent_pairs:q} {params.activations} --model {params.model:q}"
        " --model-name {params.name:q} --study {params.study:q}"
        " --out {output.folder:q} --out-single {output.single:q} --log {log:q}"
