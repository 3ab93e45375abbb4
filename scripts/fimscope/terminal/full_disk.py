"""A full disk that Snakemake meets itself: where it is, and what to do."""

import errno
import logging
import re
from pathlib import Path

from snakemake.logging import logger

FULL = re.compile(rf"\[Errno ({errno.ENOSPC}|{errno.EDQUOT})\]")


class FullDisk(logging.Handler):
    """Says once, behind the error itself, what Snakemake does not; it may get no further."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.is_said = False

    def emit(self, record: logging.LogRecord) -> None:
        """Look for a full disk in what an error says."""
        if FULL.search(record.getMessage()) and not self.is_said:
            self.is_said = True
            logger.error(
                f"No room is left on the disk of {Path.cwd()}: free some, and the same command "
                "goes on from here"
            )
