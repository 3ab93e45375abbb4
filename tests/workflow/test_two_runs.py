"""One run at a time in a folder, however it was begun; a kill leaves no lock behind."""

import os
import signal
import subprocess
import sys
import time
from runpy import run_path

import psutil
import pytest

from projects import ROOT, copy_project, snakemake

pytestmark = pytest.mark.process


GOAL = "results/embedded/source/programs.parquet"
WAITING_STEP = """import os, pathlib, time
pathlib.Path("pid").write_text(str(os.getpid()))
while not pathlib.Path("go on").exists():
    time.sleep(0.05)
raise SystemExit("gone on")
"""


def wait_until(holds) -> None:
    for _ in range(1200):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError("it never came to that")


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def at_work(tmp_path):
    """A project in which a run is at its first step, and that run."""
    project = copy_project(tmp_path / "project")
    (project / "scripts/collect_programs.py").write_text(WAITING_STEP)
    command = [sys.executable, "-m", "snakemake", "--profile", "profiles/default", "--", GOAL]
    with (tmp_path / "output").open("w") as output:
        run = subprocess.Popen(
            command, cwd=project, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_until((project / "pid").exists)
        yield project, run
    finally:
        (project / "go on").touch()
        run.wait(60)


def test_a_second_run_is_refused_but_what_only_asks_is_not(at_work, monkeypatch):
    project, run = at_work
    second = snakemake(project, "--", GOAL, check=False)
    assert second.returncode
    assert f"another run is going on there (process {run.pid} of " in second.stdout
    assert "Traceback" not in second.stdout
    assert "collect_programs" in snakemake(project, "-n", "--", GOAL).stdout
    # What a trial of the faults may ask for: the lock is there, but no rule makes it.
    monkeypatch.syspath_prepend(ROOT / "scripts")
    (project / "study.yaml").write_text("{}")
    named = run_path(str(ROOT / "benchmarks/fault_study.py"))["outputs"](project)
    assert "results/study/source/programs.parquet" in named
    assert all(name.startswith("results/study/") for name in named)


def test_what_a_killed_run_leaves_at_work_keeps_the_next_out_until_it_ends(at_work):
    project, run = at_work
    step = int((project / "pid").read_text())
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    assert is_running(step)
    refused = snakemake(project, "--", GOAL, check=False)
    assert "another run is going on there" in refused.stdout
    (project / "go on").touch()
    wait_until(lambda: not is_running(step))
    free = snakemake(project, "--", GOAL, check=False)  # with no --unlock
    assert "gone on" in free.stdout
    assert "another run" not in free.stdout


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_stopped_says_that_it_can_go_on(at_work, tmp_path, how):
    project, run = at_work
    os.kill(run.pid, how)
    (project / "go on").touch()
    assert run.wait(60)
    said = (tmp_path / "output").read_text()
    assert "the same command goes on from here" in said
    assert "Traceback" not in said
