"""The whole DAG on a real Slurm of this machine, through a cancelled job, too little memory and a
node that goes away."""

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from fimscope.experiments.tables import PREDICTIONS
from fimscope.files.tables import read_table
from fimscope.prompts.tables import PROMPTS
from projects import FILES, copy_project, snakemake, teach, write_sources
from slurm import NODE, ask, running_slurm, why_not

pytestmark = pytest.mark.cluster

STUDY = {
    "study": "tiny",
    "source": [{"kind": "directory", "path": f"raw/{name}", "package": name} for name in FILES],
    "examples": {"per_program": 2},
    "edits": ["rename_vars"],
    "model": {
        "name": "tiny",
        "sources": [{"folder": "tiny model"}],
        "memory_mb": 2000,
        "minutes": 20,
        "resources": {"gpu": 1},
    },
    "prompt": {"format": "fim", "max_tokens": 96},
    "activations": {"positions": ["last"]},
    "patch": {"conditions": ["restore"], "max_pairs": 4},
    "experiments": ["patches"],
    "statistics": {"draws": 100},
}
ACCOUNTING = why_not(accounting=True) is None
SITE = {
    "jobs": 20,
    "latency-wait": 10,
    "slurm-status-command": "squeue",
    "slurm-partition-config": "partitions.yaml",
    **({"default-resources": {"slurm_account": "research"}} if ACCOUNTING else {}),
}
PARTITIONS = {
    "cpu": {"max_runtime": "1d", "max_threads": 8},
    "gpu": {"max_runtime": "1d", "max_threads": 8, "max_gpu": 2},
}
# The first attempt has less than the libraries alone take.
SHORT_OF_MEMORY = "sweep_patches:mem_mb=400*attempt**2"


@pytest.fixture(scope="module")
def slurm() -> Iterator[None]:
    if reason := why_not():
        pytest.skip(f"no Slurm here: {reason}")
    if not find_spec("snakemake_executor_plugin_slurm"):
        pytest.skip("requirements-slurm.txt is not installed")
    with running_slurm(ACCOUNTING):
        yield


@pytest.fixture(scope="module")
def project(slurm, tmp_path_factory) -> Path:
    project = copy_project(tmp_path_factory.mktemp("cluster") / "a project")
    write_sources(project)
    (project / "study.yaml").write_text(yaml.safe_dump(STUDY))
    (project / "site.yaml").write_text(yaml.safe_dump(SITE))
    (project / "partitions.yaml").write_text(yaml.safe_dump({"partitions": PARTITIONS}))
    return project


@contextlib.contextmanager
def submitted(project: Path, *words: str) -> Iterator[subprocess.Popen]:
    """Snakemake at work on the cluster; the run has ended, and well, when the block is left."""
    profiles = ["--workflow-profile", "profiles/slurm", "--profile", "site.yaml"]
    options = ["--configfile", "study.yaml", "--slurm-init-seconds-before-status-checks", "3"]
    log = project / "snakemake.log"
    with log.open("a") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *profiles, *options, *words],
            cwd=project,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    try:
        yield process
        assert process.wait(1800) == 0, log.read_text()[-6000:]
    finally:
        process.kill()


def all_jobs() -> list[dict[str, str]]:
    """Every job that this Slurm has seen, as scontrol tells it, and its log under slurm_logs/."""
    return [
        dict(re.findall(r"(\w+)=(\S*)", line))
        | {"log": re.search(r"StdOut=.*/slurm_logs/(\S+)", line)[1]}
        for line in ask("scontrol", "show", "job", "--oneliner").splitlines()
    ]


def running(steps: tuple[str, ...], process: subprocess.Popen, but: str = "") -> str:
    """The id of a job of one of those steps, as soon as it runs; not of the work of job `but`."""
    while process.poll() is None:
        jobs = all_jobs()
        past = [job for job in jobs if job["JobId"] == but]
        for job in jobs:
            wanted = any(step in job["log"] for step in steps)
            if wanted and job["JobState"] == "RUNNING" and not any(same_work(job, p) for p in past):
                return job["JobId"]
        time.sleep(0.2)
    raise AssertionError(f"none of {steps} ever ran")


@pytest.fixture(scope="module")
def troubled(project) -> dict:
    """The project after a run with three troubles, and the jobs that met them."""
    edits = ("original", *STUDY["edits"])
    with submitted(
        project, "--", *(f"results/tiny/source/variants/{edit}.parquet" for edit in edits)
    ):
        pass
    teach(project)
    with submitted(project, "--set-resources", SHORT_OF_MEMORY) as run:
        steps = ("read_prompts", "cache_activations")  # of which the first has a job an edit
        cancelled = running(steps, run)
        ask("scancel", cancelled)
        lost = running(steps, run, but=cancelled)
        ask("scontrol", "update", f"nodename={NODE}", "state=down", "reason=test")
        ask("scontrol", "update", f"nodename={NODE}", "state=resume")
        # The job runs again after Slurm's two minutes: until then slurmd may refuse it as killed.
    jobs = all_jobs()
    return {"project": project, "jobs": jobs, "cancelled": cancelled, "lost": lost}


def same_work(a: dict[str, str], b: dict[str, str]) -> bool:
    return Path(a["log"]).parent == Path(b["log"]).parent


def test_the_whole_run_ends_right(troubled):
    project = troubled["project"]
    assert (project / "results/tiny/report.html").stat().st_size > 10_000
    for edit in ("original", "rename_vars"):
        prompts = read_table(project / f"results/tiny/prompts/{edit}.parquet", PROMPTS)
        predicted = read_table(project / f"results/tiny/predictions/{edit}.parquet", PREDICTIONS)
        assert predicted.num_rows == prompts.num_rows > 0
    left = snakemake(project, "--configfile", "study.yaml", "-n").stdout
    assert "Nothing to be done" in left


def test_small_steps_share_a_job(troubled):
    completed = [job["log"] for job in troubled["jobs"] if job["JobState"] == "COMPLETED"]
    assert len(completed) == len(set(completed))
    assert sum("group_report" in log for log in completed) == 1
    assert sum("group_source" in log for log in completed) == 1


def test_steps_of_the_model_get_a_gpu_and_the_partition_that_has_it(troubled):
    asked = {job["log"]: "gres:gpu:1" in job.get("TresPerJob", "") for job in troubled["jobs"]}
    for step in ("read_prompts", "predict_types", "sweep_patches"):
        assert all(gpu for log, gpu in asked.items() if step in log)
    for step in ("group_source", "edit_examples", "group_report", "prepare_model"):
        assert not any(gpu for log, gpu in asked.items() if step in log)
    for job in troubled["jobs"]:
        assert job["Partition"] == ("gpu" if asked[job["log"]] else "cpu")


def test_a_cancelled_job_runs_again(troubled):
    jobs = {job["JobId"]: job for job in troubled["jobs"]}
    first = jobs[troubled["cancelled"]]
    (second,) = [job for job in jobs.values() if same_work(first, job) and job != first]
    assert first["JobState"] == "CANCELLED"
    assert second["JobState"] == "COMPLETED"


def test_a_job_over_its_memory_comes_back_with_more(troubled):
    first, second = [job for job in troubled["jobs"] if "sweep_patches" in job["log"]]
    assert first["JobState"] in ("FAILED", "OUT_OF_MEMORY", "CANCELLED")
    assert (first["MinMemoryNode"], second["MinMemoryNode"]) == ("400M", "1600M")
    assert second["JobState"] == "COMPLETED"


def test_a_job_of_a_lost_node_runs_again(troubled):
    lost = next(job for job in troubled["jobs"] if job["JobId"] == troubled["lost"])
    assert (lost["JobState"], lost["Restarts"]) == ("COMPLETED", "1")
    assert [job for job in troubled["jobs"] if same_work(job, lost)] == [lost]  # no second one


def test_logs_of_failed_jobs_are_left_in_one_place(troubled):
    folder = troubled["project"] / "results/slurm_logs"
    logs = {path.relative_to(folder).as_posix() for path in folder.rglob("*.log")}
    assert logs == {job["log"] for job in troubled["jobs"] if job["JobState"] != "COMPLETED"}
