"""Why a run failed, where no step could say so itself."""

import errno
import logging
import re
from pathlib import Path

KILLED = re.compile(r"exit status 137|Signals\.SIGKILL")
FULL = re.compile(rf"\[Errno ({errno.ENOSPC}|{errno.EDQUOT})\]")


class Errors(logging.Handler):
    """Keeps what Snakemake says of errors: its own log may lie on the disk that is full."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Add what it says."""
        self.said += f"{record.getMessage()}\n"


def before_it_goes_on(said: str, is_failed: bool) -> str:
    """The beginning of the sentence that ends in `the same command goes on from here`.

    said       what Snakemake said of errors; a step's own last words are not among them
    is_failed  whether a job failed
    """
    if FULL.search(said):
        return f"No room is left on the disk of {Path.cwd()}: free some;"
    if KILLED.search(said):
        return (
            "A step was killed, most often for want of memory: give it more, or run fewer at once "
            "(--cores 1);"
        )
    return "Once that is mended," if is_failed else "It was stopped;"
