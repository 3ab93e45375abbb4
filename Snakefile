import json
import os
import re
import shlex
import sys
from functools import cache
from pathlib import Path

from snakemake.io import strip_wildcard_constraints
from snakemake.logging import logger
from snakemake.settings.enums import Quietness
from snakemake.utils import min_version

min_version("9.27")  # rules/frame.smk sets what Snakemake does not document as settable


sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

from fimscope.steps.limits import check_limits

check_limits()  # before the libraries are loaded that need what it looks at

from fimscope.terminal.opening import hush_config_files

hush_config_files(logger)


configfile: "config/config.yaml"


from fimscope.config import complete_config, place_of, read_layers, read_schema, study_name
from fimscope.corpus.fingerprint import fingerprint
from fimscope.files.hashes import files_below, fingerprint_of, hashes_of, known_hashes
from fimscope.files.manifest import RECORDS
from fimscope.files.provenance import manifest_of, options_in, spelled, why_outdated
from fimscope.corpus.presence import check_sources, other_sources
from fimscope.errors import UserError
from fimscope.experiments.registry import about_experiment, all_experiments
from fimscope.models.dtypes import taken_dtype
from fimscope.models.ran import models_that_ran
from fimscope.models.sources import local_files, parse_sources
from fimscope.models.threads import taken_threads
from fimscope.report.docs import DOCS_PAGES
from fimscope.steps.run_lock import RunLock
from fimscope.steps.sources import step_sources
from fimscope.terminal.closing import closing_lines
from fimscope.terminal.command import check_targets, one_sentence, parsed
from fimscope.terminal.full_disk import FullDisk
from fimscope.terminal.layout import check_layout
from fimscope.terminal.progress import OwnWords, Progress, steps_of
from fimscope.terminal.targets import target_lines
from fimscope.typescript.edit_names import is_aligned

# Made before the run is planned, so that it knows what went on meanwhile; taken when it starts.
run_lock = RunLock(Path("results/.lock"))


EXPERIMENTS = all_experiments()  # by their rooms

schema = read_schema(
    Path(workflow.basedir) / "config" / "schema.yaml",
    [experiment.name for experiment in EXPERIMENTS.values()],
)
*presets, default = map(str, workflow.configfiles)
with one_sentence():
    layers = read_layers([default, *presets], workflow.config_settings.config_args, schema)
    config = complete_config(config, schema, layers)
    config["study"] = study_name(config, schema, presets)
    check_layout(Path("results"), config["study"], config["model"]["name"])
    config["model"]["dtype"] = taken_dtype(config["model"]["dtype"], config["model"]["device"])
    check_sources(config["source"], Path.cwd(), place_of(["source"], layers))


include: "rules/common.smk"
include: "rules/source.smk"
include: "rules/edit.smk"
include: "rules/model.smk"
include: "rules/predict.smk"
include: "rules/activations.smk"
include: "rules/accuracy.smk"


for room, experiment in EXPERIMENTS.items():

    include: f"rules/{room}.smk"

    rule:
        name:
            experiment.name
        input:
            f"{RESULTS}/sections/{experiment.name}.json",

    workflow.get_rule(experiment.name).docstring = about_experiment(room)


include: "rules/report.smk"
include: "rules/explorer.smk"
include: "rules/compare.smk"
include: "rules/train.smk"
include: "rules/ladder.smk"
include: "rules/cache.smk"
include: "rules/frame.smk"


onstart:
    if Path("results").exists() and not os.access("results", os.W_OK):
        raise UserError(
            f"{Path.cwd()}/results: cannot be written to; mend that and run the same command again"
        )
    # The steps inherit it: one that outlives a killed Snakemake keeps the next run out.
    with one_sentence():
        shell._process_args["pass_fds"] = (run_lock.take(),)
    # A GPU that this machine lacks shows now, not when the first job of the model begins.
    if workflow.local_exec and any(
        job.resources.get("gpu") for job in workflow.dag.needrun_jobs()
    ):
        from fimscope.models.load import check_device

        check_device(config["model"]["device"])
    if not ON_CLUSTER:
        # A limit on jobs a second has Snakemake look at all waiting jobs, each second, once for
        # every job that has ended. Here the cores are the limit.
        workflow.scheduler.job_rate_limiter = None
    begin_progress()


onsuccess:
    end_progress()
    say_closing()


onerror:
    end_progress()
    # The profile's quiet leaves out which jobs failed, beside the hundreds of lines that say what
    # began; their own last words stand above.
    failed = getattr(workflow.scheduler, "failed", ())
    for job in sorted(failed, key=str):
        names = [
            f"{each.rule}: {', '.join(map(str, each.log))}"
            for each in getattr(job, "jobs", [job])
        ]
        logger.error(f"Failed, with its log: {'; '.join(names)}")
    # What the system kills cannot say so itself.
    said = "".join(Path(file).read_text(errors="replace") for file in log)
    if re.search("exit status 137|Signals.SIGKILL", said):
        why = "A step was killed, most often for want of memory: give it more, or run fewer at once"
        why += " (--cores 1);"
    elif failed:
        why = "Once that is mended,"
    else:
        why = "It was stopped;"
    logger.error(f"{why} the same command goes on from here")


rule all:
    """The report of the study and its explorer: the default."""
    default_target: True
    input:
        f"{RESULTS}/report.html",
        f"{RESULTS}/explorer.html" if EXPLORED <= {*config["experiments"]} else [],


rule predictions:
    """The model's answer to every prompt, right and wrong apart."""
    input:
        expand(f"{RESULTS}/split/{{edit}}.parquet", edit=EDITS),


rule activations:
    """The residual stream at the named positions, a file for each point."""
    input:
        expand(f"{RESULTS}/activations/{{edit}}/manifest.json", edit=EDITS),


rule report:
    """The page of all that the study found, and the same as text."""
    input:
        f"{RESULTS}/report.html",
        f"{RESULTS}/summary.md",


rule explorer:
    """Pages of single examples: source, answers, lens, attention, patches."""
    input:
        f"{RESULTS}/explorer.html",


rule compare:
    """The models that have been run, side by side."""
    input:
        "results/compare/summary.md",


include: "rules/terminal.smk"
