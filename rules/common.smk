# Names that every rule uses.

SOURCE = "results/source"
RESULTS = f"results/{config['model']['name']}"
FIGURES = f"{RESULTS}/figures"
EDITS = ["original", *config["edits"]]
DOSED_EDITS = dosed_edits(**config["robustness"])
PATCHED = config["patch"]["edit"]
CONDITIONS = config["patch"]["conditions"]
DRAWS = f"--draws {config['statistics']['draws']} --seed {config['seed']}"

# A step runs on the Python that runs Snakemake, whatever else is on the PATH.
shell.prefix(f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; ")

# What the steps that run the model say of it on their command line.
MODEL_FLAGS = " ".join(
    [
        *(f"--{key} {config['model'][key]}" for key in ("dtype", "device", "attention")),
        *(["--trust-remote-code"] if config["model"]["trust_remote_code"] else []),
    ]
)


def growing(amount):
    """A resource that every further attempt gets more of: MB of memory, minutes of run time."""
    return lambda wildcards, attempt: amount * attempt


# What a step asks a cluster for. A job on Slurm takes 240 MB before its script begins.
SMALL_RESOURCES = {"mem_mb": growing(1500), "runtime": growing(30)}
MODEL_RESOURCES = {
    "mem_mb": growing(config["model"]["memory_mb"]),
    "runtime": growing(config["model"]["minutes"]),
    "gpu": int(config["model"]["device"].startswith("cuda")),
    **config["model"]["resources"],
}


wildcard_constraints:
    edit="|".join(map(re.escape, {*EDITS, *DOSED_EDITS})),
    folder=f"source|{re.escape(config['model']['name'])}",
