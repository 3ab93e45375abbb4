"""What Snakemake says before it reads the workflow, and whoever began the run has no use for."""

import logging
import math
import os
import shutil
from collections.abc import Sequence
from typing import TextIO

from fimscope.terminal.command import parsed

PROFILE = (
    "Using workflow specific profile profiles/default for setting default command line arguments."
)


def take_back_profile(words: Sequence[str], stream: TextIO) -> None:
    """Wipe the line on the profile off a terminal; to be called by the profile, as it is read.

    Snakemake prints it before any code of the workflow runs. A file, which cannot be wiped, and
    another profile than the workflow's own, whose line is another, keep it.

    words    of the command line, without the program's name
    stream   where Snakemake said it
    """
    own = not (parsed(words).profile or parsed(words).workflow_profile)
    if own and stream.isatty() and not os.environ.get("SNAKEMAKE_PROFILE"):
        rows = math.ceil(len(PROFILE) / shutil.get_terminal_size().columns)
        stream.write(f"\x1b[{rows}F\x1b[J")
        stream.flush()


def hush_config_files(logger: logging.Logger) -> None:
    """Leave what extends the default config out of what is shown; the file of the log keeps it."""

    def is_shown(record: logging.LogRecord) -> bool:
        said = record.getMessage()
        return record.levelno > logging.INFO or not said.startswith("Config file ")

    for handler in logger.handlers:
        if handler.name == "DefaultStreamHandler":
            handler.addFilter(is_shown)
