"""The Python that the small study's steps are forks of does as Python does."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

WHAT_IT_IS_TOLD = """
import os, sys
print(__name__, sys.argv, sys.path[0], os.getcwd(), os.environ["OWN"], sys.stdin.read())
print("to the terminal", file=sys.stderr)
os.kill(os.getpid(), 9) if sys.argv[1] == "ends" else sys.exit(3)
"""


@pytest.mark.parametrize("word", ["a word", "ends"])
def test_a_warm_python_runs_a_script_as_python_does(warm, tmp_path, word):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/step.py").write_text(WHAT_IT_IS_TOLD)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = f"OWN=1 python scripts/step.py '{word}' <<< read 2> said; echo $?"
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
        found.append((done.stdout, (tmp_path / "said").read_text()))
    assert found[0] == found[1]
    assert found[0][0].endswith("137\n" if word == "ends" else "read\n\n3\n")


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
