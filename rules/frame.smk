# What every step has, so that no rule need say it. Comes after all rules.


@cache
def hashes_there_are():
    """The hashes of all that a step's inputs may be: results, tables and records, and the config."""
    kinds = ("parquet", "json", "safetensors", "svg", "md", "txt", "yaml")
    results = [
        path
        for study in Path("results").iterdir()
        if study.name not in ("cache", "docs")
        for path in files_below(study, kinds)
        if not {"activations", "model", "explorer"} & {path.parent.parent.name, path.parent.name}
        or path.name in (*RECORDS, "index.parquet")
    ]
    others = files_below(Path("config"), kinds)
    with known_hashes(HASHES / "results.json") as hash_of:
        return hashes_of((*results, *others, Path("package-lock.json")), hash_of)


def options_of(each):
    """The options of a rule's command line that a manifest records: name -> words."""
    found = {}
    for name, value in each.params.items():
        if name == "fingerprint":
            value = value(None)
        if hasattr(value, "options"):
            found |= value.options
        elif isinstance(value, str) and value.startswith("--"):
            found |= options_in(value)
        elif not callable(value):
            found[name] = spelled(value)
    return found


def made_again(each):
    """An input that is no file: has what a rule would make otherwise today made again.

    Snakemake tells by its own records, in .snakemake, and by times; this by what the results say of
    themselves (fimscope.files.provenance), whichever triggers are asked for.
    """

    def look(wildcards):
        outputs = [str(path) for path in each.expand_output(wildcards)[0]]
        for path in map(Path, outputs):
            manifest = manifest_of(path) if path.is_file() else None
            why = manifest and why_outdated(manifest, options_of(each), hashes_there_are())
            if why:
                logger.info(f"{path}: {why}; it is made again.")
                workflow.dag.forcefiles.update(outputs)
                break
        return []

    return look


# Where several jobs could begin, the first of these does: what the dearest steps wait for; then they,
# the dearest first; then what most others wait for, so that all cores end together.
URGENT = (
    *("edit_examples", "check_types", "build_prompts"),
    *("read_prompts", "predict_types", "pair_examples", "split_examples"),
    *("cache_activations", "fit_steering"),
    *("sweep_positions", "mask_distractors", "plant_types", "compare_icl", "apply_steering"),
    *("attribute_edges", "complete_types", "run_circuits", "trace_tokens", "sweep_patches"),
    *("sweep_components", "sample_types", "judge_samples", "patch_paths", "judge_answers"),
    *("pair_whole_types", "read_lens", "learn_subspaces", "sweep_whole_types", "fit_linear_lens"),
    "sweep_subspace",
)


def frame(each):
    """Give a rule what its name and its outputs tell, where it does not say otherwise itself.

    The code that its step is made of, as an input; its log and its benchmark, by the names of the
    step and of its wildcards, in the folder of the study; the environment; the resources of a small
    step; its priority; and a plot's group, the steps that are one job on a cluster.
    """
    script = re.search(r"scripts/(\w+)\.py", each.shellcmd)
    step = script[1] if script else each.name
    paths = workflow.modifier.path_modifier
    each.input_modifier = each.log_modifier = each.benchmark_modifier = paths
    if script:
        each.set_input(code=step_sources(step))
        # The records of a cluster's job are those of the run that sent it.
        if workflow.is_main_process and not each.name.endswith("_shard"):
            each.set_input(made_again=made_again(each))
    if not each.log:
        results, study, *names = Path(strip_wildcard_constraints(each.output[0])).parts
        job = Path(step, *re.findall(r"{\w+}", str(names)))
        each.set_log(f"{results}/{study}/logs/{job}.log")
        each.benchmark = f"{results}/{study}/benchmarks/{job}.tsv"
    each.conda_env = "envs/steps.yaml"
    if not each.ruleinfo.resources:
        each.resources.update(SMALL_RESOURCES)
        each.resources.update(workflow.resource_settings.overwrite_resources.get(each.name, {}))
    if step in URGENT:
        # For each thread: Snakemake weighs a job of all cores against the sum of as many small ones.
        each.priority = (len(URGENT) - URGENT.index(step)) * each.resources["_cores"].value
    if step.startswith("plot_"):
        each.group = "report"


for each in workflow.rules:
    if each.shellcmd:
        frame(each)
