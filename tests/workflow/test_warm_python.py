"""The Python that steps and Snakemake are forks of does as Python does."""

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from projects import ROOT, THREADS, copy_project, snakemake

# What it is told, and what it still says when the script has come to its end.
STEP = """
import atexit, os, sys, threading, time
print(__name__, sys.argv, sys.path[0], os.getcwd(), os.environ["OWN"], sys.stdin.read())
print("to the terminal", file=sys.stderr)
atexit.register(print, "at last", end="")
threading.Thread(target=lambda: time.sleep(0.2) or print("of a thread", end=" ")).start()
"""
ENDS = {
    "": "0",
    "sys.exit()": "0",
    "sys.exit(3)": "3",
    "sys.exit('in words')": "1",
    "raise OSError": "1",
    "os.kill(os.getpid(), 9)": "137",
}


@pytest.mark.parametrize("end", ENDS)
def test_a_warm_python_runs_a_script_as_python_does(warm, tmp_path, end):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/step.py").write_text(STEP + end)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = "OWN=1 python scripts/step.py 'a word' <<< read 2> said; echo \"\n$?\""
    found = []
    for variables in ({}, warm):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env={**os.environ, "PATH": path, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # Bash's own words of a killed process
            text=True,
        )
        said = (tmp_path / "said").read_text().splitlines()
        found.append((done.stdout, [line for line in said if not line.startswith(" ")]))
    assert found[0] == found[1]
    assert found[0][0].splitlines()[-1] == ENDS[end]
    assert ("of a thread at last" in found[0][0]) == (ENDS[end] != "137")


@pytest.mark.process
@pytest.mark.parametrize(("goal", "fails"), [("predictions", False), ("predictionss", True)])
def test_a_warm_snakemake_says_what_snakemake_says(tmp_path, goal, fails):
    project = copy_project(tmp_path / "project")
    (project / "models").symlink_to(ROOT / "models")
    words = ["--profile", "profiles/default", "-n", goal]
    own = subprocess.run(
        [sys.executable, "-m", "snakemake", *words],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **THREADS},
    )
    warm = snakemake(project, "-n", goal, check=False)
    assert bool(own.returncode) == fails
    assert warm.returncode == own.returncode
    # The run directory is the one in which Snakemake was loaded, and only said.
    of_a_run = re.compile(r"(?m)^ *(\[.*\]|(Date|Workflow ID|Run directory): .*)$")
    assert of_a_run.sub("", warm.stdout) == of_a_run.sub("", own.stdout)


STARTS_ONE = """
import sys; from pathlib import Path; from warm_python import warm_python
with warm_python(Path(sys.argv[1]), {}):
    print("up", flush=True); input()
"""


@pytest.mark.process
def test_it_ends_with_whoever_started_it(tmp_path):
    helpers = Path(__file__).parents[1] / "helpers"
    started = subprocess.Popen(
        [sys.executable, "-c", STARTS_ONE, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(helpers)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert started.stdout.readline() == b"up\n"
    [server] = psutil.Process(started.pid).children()
    started.kill()
    started.communicate()
    server.wait(timeout=20)
