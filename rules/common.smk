# Names that every rule uses.

# All of a study is in its own folder; what two studies share, they share by content, in CACHE.
RESULTS = f"results/{config['study']}"
SOURCE = f"{RESULTS}/source"
FIGURES = f"{RESULTS}/figures"
EDITS = ["original", *config["edits"]]
PATCHED = config["patch"]["edit"]
# Whose broken variants stand beside their originals, in every look inside the model.
COMPARED = ["original", PATCHED]
CONDITIONS = config["patch"]["conditions"]
POSITIONS = ["last", *filter("last".__ne__, config["activations"]["positions"])]
# The experiments of this study, in the order of the report.
ASKED = [one for one in EXPERIMENTS.values() if one.name in config["experiments"]]
DRAWS = f"--draws {config['statistics']['draws']} --seed {config['seed']}"
MARGINS = " ".join(f"--{of}-margin {n}" for of, n in config["statistics"]["margins"].items())

# A step runs on the Python that runs Snakemake, whatever else is on the PATH.
shell.prefix(f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; ")

# Finished parts of steps, for whatever needs them again: resumed runs, changed configs, shards.
CACHE = "results/cache"
# What is known of the content of sources and local models, so that a start reads only what is new.
HASHES = Path(CACHE) / "hashes"

# A model of this machine is prepared again where any of its files changes.
MODEL_SOURCES = json.dumps(config["model"]["sources"])
MODEL_FILES = local_files(
    parse_sources(MODEL_SOURCES, Path()), config["model"]["trust_remote_code"]
)

# On a cluster, which counts its nodes, a job has cores of its own; here the steps share them.
ON_CLUSTER = workflow.remote_exec or workflow.nodes is not None
MODEL_THREADS = (
    workflow.cores
    if ON_CLUSTER
    else taken_threads(
        config["model"]["threads"], config["model"]["device"], workflow.cores, MODEL_FILES
    )
)

# Those of the compiler share them by edits, so that all of an edit's beside another's take no longer
# than one: a second worker of one job waits more than a second job does.
EDIT_THREADS = workflow.cores if ON_CLUSTER else max(1, workflow.cores // len(EDITS))


def source_fingerprint(wildcards):
    """What the sources hold now; files that were not touched are not read again."""
    programs = config["programs"]
    with known_hashes(HASHES / f"{config['study']}.source.json") as hash_of:
        return fingerprint(
            config["source"], Path.cwd(), programs["licenses"], programs["max_bytes"], hash_of
        )


def model_fingerprint(wildcards):
    """What a model of this machine is now; files that were not touched are not read again."""
    with known_hashes(HASHES / f"{config['study']}.model.json") as hash_of:
        return fingerprint_of(MODEL_FILES, hash_of)


def shards(step, folder, each="{edit}/"):
    """What a step waits for where it has several shards: that each has made its parts.

    each   the wildcards of the step's jobs, as a folder; empty where it has one job
    """
    n = n_shards(step)
    numbers = range(1, n + 1) if n > 1 else []
    return [f"{folder}/shards/{step}/{each}{i}-of-{n}" for i in numbers]


def n_shards(step):
    """How many jobs share a step, by the config; `auto`: a job for all that run beside each other."""
    n_all = config["shards"]["all"]
    n = config["shards"].get(step, n_all)
    return max(n_all, workflow.cores // MODEL_THREADS) if n == "auto" else n


def kept_readings(wildcards):
    """What is kept beside the answers of an edit's prompts: what the study's experiments read."""
    positions = f"--positions {' '.join(POSITIONS)}"
    options = {positions: "activations", "--last-attention": "attention", "--last-heads": "heads"}
    return " ".join(
        option
        for option, what in options.items()
        if any(wildcards.edit in getattr(each, what)(config) for each in ASKED)
    )


def all_but_shards(inputs):
    """The inputs of a step's shard: those of the step, but for its shards."""
    return {name: files for name, files in inputs.items() if name != "shards"}


def of_shard(wildcards):
    """What the command line of a shard says in the place of a step's outputs."""
    return f"--shard {wildcards.shard.replace('-of-', '/')}"


def out_tables(wildcards, output):
    """What the command line says of named outputs: --out for the first, --out-NAME for others."""
    first, *others = output.items()
    options = [("--out", first[1]), *((f"--out-{name}", path) for name, path in others)]
    return " ".join(f"{option} {shlex.quote(path)}" for option, path in options)


def out_folder(wildcards, output):
    """As `out_tables` for tables that the step names itself: the folder that they stand in."""
    return f"--out {shlex.quote(str(Path(output[0]).parent))}"


def of_experiment(name, pattern, **wildcards):
    """The tables of an experiment, where it is one of the study's; of each edit, if not of others."""
    return expand(pattern, **{"edit": EDITS, **wildcards}) if name in config["experiments"] else []


def model_folder(wildcards, input):
    """Where the prepared model stands."""
    return Path(input.model).parent.as_posix()


def model_options():
    """What a step that runs the model says of it on its command line."""
    model = config["model"]
    trust = " --trust-remote-code" if model["trust_remote_code"] else ""
    options = (
        f"--dtype {model['dtype']} --device {model['device']} --attention {model['attention']}{trust}"
        f" --batch-tokens {config['predict']['batch_tokens']}"
    )

    def model_options_of(wildcards, input):
        return f"--model {shlex.quote(model_folder(wildcards, input))} {options}"

    # For who asks before there is an input, of what is not said too.
    model_options_of.options = {
        **options_in(options),
        "trust_remote_code": spelled(model["trust_remote_code"]),
    }
    return model_options_of


MODEL = model_options()


def growing(amount):
    """A resource that every further attempt gets more of: MB of memory, minutes of run time."""
    return lambda wildcards, attempt: amount * attempt


# What a step asks a cluster for. A job on Slurm takes 240 MB before its script begins.
SMALL_RESOURCES = {"mem_mb": growing(1500), "runtime": growing(30)}
MODEL_RESOURCES = {
    "mem_mb": growing(config["model"]["memory_mb"]),
    "runtime": growing(config["model"]["minutes"]),
    "gpu": int(config["model"]["device"] != "cpu"),
    **config["model"]["resources"],
}


wildcard_constraints:
    edit="|".join(map(re.escape, {*EDITS}.union(*(x.edits(config) for x in EXPERIMENTS.values())))),
    shard="[0-9]+-of-[0-9]+",
    group="select|test",
