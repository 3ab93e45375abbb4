"""One line on the whole of a run, in the place of what Snakemake says of every job."""

import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from snakemake.common import NOTHING_TO_BE_DONE_MSG
from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent

from fimscope.terminal.plan import (
    Step,
    Work,
    expected_seconds,
    known_seconds,
    say_seconds,
    seconds_left,
    seconds_said,
)

SNAKEMAKE = Path(sys.modules["snakemake"].__file__ or "").parent
REDRAWN, APART = 1.0, 30.0  # seconds between two lines: on a terminal, and in a file
LAST_BYTES = 400  # of a log, which hold its last line
CLEAR = "\r\x1b[K"
# At the end of a run that failed, which says in its own words what did, and with which log.
SAID_BETTER = (
    "Exiting because a job execution failed. Look above for error messages",
    "WorkflowError:\nAt least one job did not complete successfully.",
)


def steps_of(dag: Any, study: str) -> dict[int, Step]:
    """The steps that Snakemake's graph of jobs will run for a study: job's id -> step."""
    jobs = set(dag.needrun_jobs())
    known = known_seconds(study)

    def step_of(job: Any) -> Step:
        later = tuple(each.jobid for each in dag.depending[job] if each in jobs)
        log = Path(job.log[0]) if job.log else None
        asks = " --threads " in (job.shellcmd or "")
        return Step(_name(job), _seconds(job, known), later, asks, log)

    return {job.jobid: step_of(job) for job in jobs}


def _name(job: Any) -> str:
    """As its log is named, below `logs`; a target has none, and goes by its own name."""
    return str(job.log[0]).partition("/logs/")[2].removesuffix(".log") if job.log else job.rule.name


def _seconds(job: Any, known: Mapping[str, float]) -> float:
    if not job.shellcmd:
        return 0.0
    return expected_seconds(_name(job), job.benchmark and Path(job.benchmark), known)


def said_left(step: Step, age: float) -> float | None:
    """The seconds that a step's log says it has left, where it was written since the step began."""
    if step.log is None:
        return None
    with suppress(OSError), step.log.open("rb") as log:
        since = time.time() - os.fstat(log.fileno()).st_mtime
        log.seek(max(0, os.fstat(log.fileno()).st_size - LAST_BYTES))
        text = log.read().decode("utf-8", errors="replace")
        return seconds_said(text, since) if since <= age else None
    return None


class Progress(logging.Handler):
    """Follows a run by Snakemake's log and says on one line how far it is and what is left.

    On a terminal the line is drawn again in its place; in a file it is another line now and then.
    """

    def __init__(self, steps: Mapping[int, Step], cores: int, stream: TextIO):
        super().__init__()
        self.steps, self.cores, self.stream = steps, cores, stream
        self.begun: dict[int, float] = {}
        self.ended_after: dict[int, float] = {}
        self.started = time.monotonic()
        self.ended = threading.Event()

    def begin(self) -> None:
        """Follow the run from now on, until `end`."""
        logger.addHandler(self)
        self.say()
        threading.Thread(target=self._tick, daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take in what Snakemake says of jobs."""
        now = time.monotonic()
        event = getattr(record, "event", None)
        if event == LogEvent.JOB_STARTED:
            for job in record.__dict__["jobs"]:
                if job in self.steps:
                    self.begun[job] = now
        elif event == LogEvent.JOB_FINISHED:
            job = record.__dict__["job_id"]
            if job in self.begun:
                self.ended_after[job] = now - self.begun.pop(job)

    def end(self) -> None:
        """Say no more, and leave the terminal's line free."""
        self.ended.set()
        if self.stream.isatty():
            self.stream.write(CLEAR)

    def say(self) -> None:
        """Write the line."""
        text = self.line(time.monotonic())
        if self.stream.isatty():
            text = f"{CLEAR}{text[: shutil.get_terminal_size().columns - 3]}  "
        else:
            text += "\n"
        self.stream.write(text)
        self.stream.flush()

    def line(self, now: float) -> str:
        """`12 of 57 steps, 9 min left: sweep_patches, compare_icl`."""
        running = {
            job: Work(now - since, said_left(self.steps[job], now - since))
            for job, since in dict(self.begun).items()
        }
        elapsed = now - self.started
        left = seconds_left(self.steps, dict(self.ended_after), running, elapsed, self.cores)
        names = ", ".join(self.steps[job].name for job in running)
        text = f"{len(self.ended_after)} of {len(self.steps)} steps, {say_seconds(left)} left"
        return f"{text}: {names}" if names else text

    def _tick(self) -> None:
        while not self.ended.wait(REDRAWN if self.stream.isatty() else APART):
            self.say()


class OwnWords(logging.Filter):
    """Keeps of what Snakemake itself says the warnings and errors, and all that the workflow says.

    nothing_to_do   called where Snakemake says that there is nothing to do
    """

    def __init__(self, nothing_to_do: Callable[[], None]):
        super().__init__()
        self.nothing_to_do = nothing_to_do

    def filter(self, record: logging.LogRecord) -> bool:
        if record.msg == NOTHING_TO_BE_DONE_MSG:
            self.nothing_to_do()
            return True
        if record.getMessage().strip() in SAID_BETTER:
            return False
        return record.levelno > logging.INFO or not Path(record.pathname).is_relative_to(SNAKEMAKE)
