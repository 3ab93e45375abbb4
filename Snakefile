import json
import os
import re
import shlex
import sys
from pathlib import Path

from snakemake.logging import logger
from snakemake.utils import min_version

min_version("9.0")


configfile: "config/config.yaml"


sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

from fimscope.config import complete_config, file_of
from fimscope.corpus.fingerprint import fingerprint
from fimscope.corpus.hashes import fingerprint_of, known_hashes
from fimscope.corpus.presence import check_sources, other_sources
from fimscope.dependencies import step_sources
from fimscope.edits import dosed_edits
from fimscope.errors import UserError
from fimscope.models.ran import models_that_ran
from fimscope.models.sources import local_files, parse_sources

config = complete_config(
    config, Path(workflow.basedir) / "config" / "schema.yaml", workflow.configfiles[::-1]
)
check_sources(config["source"], Path.cwd(), file_of(["source"], workflow.configfiles[::-1]))


include: "rules/common.smk"
include: "rules/source.smk"
include: "rules/edit.smk"
include: "rules/model.smk"
include: "rules/predict.smk"
include: "rules/activations.smk"
include: "rules/lens.smk"
include: "rules/attention.smk"
include: "rules/patch.smk"
include: "rules/steer.smk"
include: "rules/sample.smk"
include: "rules/report.smk"
include: "rules/explorer.smk"
include: "rules/icl.smk"
include: "rules/masking.smk"
include: "rules/robustness.smk"
include: "rules/replicate.smk"
include: "rules/compare.smk"
include: "rules/train.smk"
include: "rules/cache.smk"


onstart:
    if Path("results").exists() and not os.access("results", os.W_OK):
        raise UserError(
            f"{Path.cwd()}/results: cannot be written to; mend that and run the same command again"
        )
    # A GPU that this machine lacks shows now, not when the first job of the model begins.
    if workflow.local_exec and any(
        job.resources.get("gpu") for job in workflow.dag.needrun_jobs()
    ):
        from fimscope.models.load import check_device

        check_device(config["model"]["device"])


onerror:
    # The profile's quiet leaves out which jobs failed, beside the hundreds of lines that say what
    # began; their own last words stand above.
    failed = getattr(workflow.scheduler, "failed", ())
    for job in sorted(failed, key=str):
        names = [
            f"{each.rule}: {', '.join(map(str, each.log))}"
            for each in getattr(job, "jobs", [job])
        ]
        logger.error(f"Failed, with its log: {'; '.join(names)}")


rule all:
    default_target: True
    input:
        f"{RESULTS}/report.html",


rule predictions:
    input:
        expand(f"{RESULTS}/split/{{edit}}.parquet", edit=EDITS),


rule activations:
    input:
        expand(f"{RESULTS}/activations/{{edit}}/manifest.json", edit=EDITS),


rule patches:
    input:
        f"{RESULTS}/sections/patches.json",


rule patch_positions:
    input:
        f"{RESULTS}/sections/patch_positions.json",


rule components:
    input:
        f"{RESULTS}/sections/components.json",


rule lens:
    input:
        f"{RESULTS}/sections/lens.json",


rule attention:
    input:
        f"{RESULTS}/sections/attention.json",


rule steering:
    input:
        f"{RESULTS}/sections/steering.json",


rule probes:
    input:
        f"{RESULTS}/sections/probes.json",


rule samples:
    input:
        f"{RESULTS}/sections/samples.json",


rule report:
    input:
        f"{RESULTS}/report.html",
        f"{RESULTS}/summary.md",


rule explorer:
    input:
        f"{RESULTS}/explorer.html",


rule icl:
    input:
        f"{RESULTS}/sections/icl.json",


rule masking:
    input:
        f"{RESULTS}/sections/masking.json",


rule robustness:
    input:
        f"{RESULTS}/sections/robustness.json",


rule replication:
    input:
        f"{RESULTS}/sections/replication.json",


rule compare:
    input:
        "results/compare/summary.md",
