"""The whole DAG on a real Slurm of this machine, through a cancelled job, too little memory and a
node that goes away."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from conftest import FILES, snakemake, teach, write_sources

from cluster.slurm import NODE, ask, running_slurm, why_not
from fimscope.tables import read_table

pytestmark = pytest.mark.cluster

MODEL_STEPS = {"cache_activations", "predict_types", "sweep_patches"}
STUDY = {
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
def project(slurm, copy_project, tmp_path_factory) -> Path:
    project = copy_project(tmp_path_factory.mktemp("cluster") / "a project")
    write_sources(project)
    (project / "study.yaml").write_text(yaml.safe_dump(STUDY))
    (project / "site.yaml").write_text(yaml.safe_dump(SITE))
    (project / "partitions.yaml").write_text(yaml.safe_dump({"partitions": PARTITIONS}))
    return project


def submit(project: Path, *words: str) -> subprocess.Popen:
    profiles = ["--workflow-profile", "profiles/slurm", "--profile", "site.yaml"]
    options = ["--configfile", "study.yaml", "--slurm-init-seconds-before-status-checks", "3"]
    with (project / "snakemake.log").open("a") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", *profiles, *options, *words],
            cwd=project,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )


def all_jobs() -> list[dict[str, str]]:
    """Every job that this Slurm has seen, as scontrol tells it, with the names of its steps."""
    jobs = []
    for line in ask("scontrol", "show", "job", "--oneliner").splitlines():
        job = dict(re.findall(r"(\w+)=(\S*)", line))
        log = Path(re.search(r"StdOut=(.*?) (?:Power|TresPerJob|\w+=)", line)[1])
        job["log"] = str(log)
        job["step"] = re.sub("^(rule|group)_", "", log.relative_to(log.parents[1]).parts[0])
        jobs.append(job)
    return jobs


def running(step: str, process: subprocess.Popen) -> str:
    """The id of a job of that step, as soon as it runs."""
    while process.poll() is None:
        for job in all_jobs():
            if step in job["log"] and job["JobState"] == "RUNNING":
                return job["JobId"]
        time.sleep(0.2)
    raise AssertionError(f"{step} never ran")


@pytest.fixture(scope="module")
def troubled(project) -> dict:
    """The project after a run with three troubles, and the jobs that met them."""
    variants = submit(project, "--", "results/source/variants/original.parquet")
    assert variants.wait(600) == 0, (project / "snakemake.log").read_text()[-6000:]
    teach(project)

    run = submit(project, "--set-resources", SHORT_OF_MEMORY)
    cancelled = running("cache_activations", run)
    ask("scancel", cancelled)
    lost = running("predict_types", run)
    ask("scontrol", "update", f"nodename={NODE}", "state=down", "reason=test")
    ask("scontrol", "update", f"nodename={NODE}", "state=resume")
    ask("scontrol", "update", f"jobid={lost}", "starttime=now")  # else in two minutes
    assert run.wait(1200) == 0, (project / "snakemake.log").read_text()[-6000:]
    jobs = all_jobs()
    shutil.copy2(project / "snakemake.log", project / "results")
    return {"project": project, "jobs": jobs, "cancelled": cancelled, "lost": lost}


def test_the_whole_run_ends_right(troubled):
    project = troubled["project"]
    assert (project / "results/tiny/report.html").stat().st_size > 10_000
    for edit in ("original", "rename_vars"):
        prompts = read_table(project / f"results/tiny/prompts/{edit}.parquet", "prompts")
        predicted = read_table(project / f"results/tiny/predictions/{edit}.parquet", "predictions")
        assert predicted.num_rows == prompts.num_rows > 0
    left = snakemake(project, "--configfile", "study.yaml", "-n").stdout
    assert "Nothing to be done" in left


def test_small_steps_share_a_job(troubled):
    completed = [job["log"] for job in troubled["jobs"] if job["JobState"] == "COMPLETED"]
    assert len(completed) == len(set(completed))
    assert sum("group_report" in log for log in completed) == 1
    assert sum("group_source" in log for log in completed) == 1


def test_steps_of_the_model_get_a_gpu_and_the_partition_that_has_it(troubled):
    for job in troubled["jobs"]:
        with_model = any(step in job["log"] for step in MODEL_STEPS)
        assert job["Partition"] == ("gpu" if with_model else "cpu")
        assert ("gres:gpu" in job.get("TresPerJob", "")) == with_model


def test_a_cancelled_job_runs_again(troubled):
    first, second = attempts(troubled, "cache_activations", troubled["cancelled"])
    assert first["JobState"] == "CANCELLED"
    assert second["JobState"] == "COMPLETED"


def test_a_job_over_its_memory_comes_back_with_more(troubled):
    first, second = [job for job in troubled["jobs"] if "sweep_patches" in job["log"]]
    assert first["JobState"] in ("FAILED", "OUT_OF_MEMORY", "CANCELLED")
    assert (first["MinMemoryNode"], second["MinMemoryNode"]) == ("400M", "1600M")
    assert second["JobState"] == "COMPLETED"


def test_a_job_of_a_lost_node_runs_again(troubled):
    job = next(job for job in troubled["jobs"] if job["JobId"] == troubled["lost"])
    assert (job["JobState"], job["Restarts"]) == ("COMPLETED", "1")


def test_logs_of_failed_jobs_are_left_in_one_place(troubled):
    logs = {str(path) for path in troubled["project"].glob("results/slurm_logs/**/*.log")}
    failed = {job["log"] for job in troubled["jobs"] if job["JobState"] != "COMPLETED"}
    assert {Path(log).name for log in logs} == {Path(log).name for log in failed}


def attempts(troubled: dict, step: str, job_id: str) -> list[dict[str, str]]:
    """The job and those that did the same work after it."""
    folder = next(Path(j["log"]).parent for j in troubled["jobs"] if j["JobId"] == job_id)
    assert step in folder.parts[-2] or step in folder.name
    return [job for job in troubled["jobs"] if Path(job["log"]).parent == folder]
