"""A machine that gives too little: one sentence that says what to do, and no traceback."""

import re
import resource
import subprocess
import sys
from functools import partial

import pytest

from projects import copy_project, snakemake

pytestmark = pytest.mark.process


KILLED_STEP = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"
# Its benchmark is what Snakemake itself writes, after the step.
FULL_DISK = """
import os, sys
for option in ("--out", "--out-rejected"):
    open(sys.argv[sys.argv.index(option) + 1], "w").close()
os.symlink("/dev/full", "results/embedded/benchmarks/collect_programs.tsv")
"""
STEP = (
    *("scripts/collect_programs.py", "--sources", "[]", "--root", ".", "--licenses", "MIT"),
    *("--max-bytes", "1", "--per-package", "1", "--seed", "0", "--out", "a", "--out-rejected", "b"),
)
LIMITS = [(resource.RLIMIT_AS, 400 << 20, "-v"), (resource.RLIMIT_NOFILE, 40, "-n")]


def test_what_no_step_can_say_itself_is_said_for_it(tmp_path):
    project = copy_project(tmp_path / "project")
    goal = "results/embedded/source/programs.parquet"
    sentences = {
        "raise SystemExit(1)": "",
        KILLED_STEP: "A step was killed, most often for want of memory: give it more",
        FULL_DISK: f"No room is left on the disk of {project}: free some, and the same command",
    }
    for words, sentence in sentences.items():
        (project / "scripts/collect_programs.py").write_text(words)
        done = snakemake(project, "--", goal, check=False)
        assert done.returncode
        said = [each for each in sentences.values() if each and each in done.stdout]
        assert said == [sentence] * bool(sentence)
        assert "Traceback" not in done.stdout


@pytest.mark.parametrize(("limit", "allowed", "flag"), LIMITS, ids=["-v", "-n"])
def test_a_limit_of_the_shell_is_named_before_a_run_and_before_a_step(
    tmp_path, limit, allowed, flag
):
    project = copy_project(tmp_path / "project")
    begin = partial(
        subprocess.run,
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(limit, (allowed, allowed)),
    )
    for words in (("-m", "snakemake", "-n"), STEP):
        done = begin([sys.executable, *words])
        assert done.returncode
        assert re.search(rf"ulimit {flag}: \d+ .* at least \d+ are needed; run: ", done.stdout)
        assert "Traceback" not in done.stdout
