"""One line on the whole of a run, and nothing that went wrong kept back."""

import io
import logging
import re

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from fimscope.terminal.plan import Step
from fimscope.terminal.progress import Progress
from projects import copy_project, snakemake


def said_of_jobs(event: LogEvent, **about) -> logging.LogRecord:
    record = logging.LogRecord("snakemake", logging.INFO, __file__, 1, "", (), None)
    record.__dict__.update(event=event, **about)
    return record


@pytest.mark.unit
def test_the_line_says_how_far_the_run_is_and_what_is_at_work(tmp_path):
    log = tmp_path / "b.log"
    steps = {0: Step("a", 60.0), 1: Step("b/original", 60.0, log=log), 2: Step("c", 60.0)}
    progress = Progress(steps, 1, io.StringIO())
    now = progress.started
    assert progress.line(now) == "0 of 3 steps, 3 min left"
    progress.emit(said_of_jobs(LogEvent.JOB_STARTED, jobs=[0, 1]))
    assert progress.line(now) == "0 of 3 steps, 3 min left: a, b/original"
    progress.emit(said_of_jobs(LogEvent.JOB_FINISHED, job_id=0))
    line = progress.line(now + 60)
    assert line.startswith("1 of 3 steps, ")
    assert line.endswith(" left: b/original")
    log.write_text("b: prompts: 1/99 prompts (1%), 0.1/s, 1 h 30 min left\n")
    assert progress.line(now + 60).startswith("1 of 3 steps, 1 h 3")


LAST_WORDS = """import sys
print("collect_programs: these were its last words", file=sys.stderr)
raise SystemExit(1)
"""


@pytest.mark.process
def test_a_run_has_its_line_and_what_went_wrong_and_none_of_the_rest(tmp_path):
    project = copy_project(tmp_path / "project")
    (project / "scripts/collect_programs.py").write_text(LAST_WORDS)
    goal = "results/embedded/source/programs.parquet"
    said = snakemake(project, "--", goal, check=False).stdout
    assert re.search(r"(?m)^0 of 1 steps, under a minute left$", said)
    assert "collect_programs: these were its last words" in said
    assert "Failed, with its log: collect_programs: results/embedded/logs/collect_prog" in said
    for filler in (
        "SNAKEMAKE",
        "Building DAG",
        "Job stats",
        "Select jobs",
        "Complete log",
        "Exiting",
        "Workflow",
    ):
        assert filler not in said
    dry = snakemake(project, "-n", "--", goal).stdout
    assert "Job stats" in dry
    assert "collect_programs" in dry
