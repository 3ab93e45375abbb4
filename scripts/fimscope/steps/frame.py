"""The frame of every step: its command line, its log, its progress, its exit status."""

import argparse
import errno
import logging
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fimscope.errors import UserError, escaped
from fimscope.steps.limits import check_limits

log = logging.getLogger("fimscope")
# What a disk says, not a mistake of the program.
DISK_ERRORS = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO),
    *(errno.EROFS, errno.EACCES, errno.EPERM),
)
# What torch, the loader of libraries and Python's threads say where memory is short.
OUT_OF_MEMORY = re.compile(
    r"allocate memory|out of memory|failed to map segment|can't start new thread"
)


def machine_error(error: Exception) -> str | None:
    """What an error says of the machine, in one line, and what to do; None where it is no such."""
    number = getattr(error, "errno", None)
    if number in DISK_ERRORS:
        name = error.filename or "the disk"
        return f"{name}: {error.strerror}; mend that and run the same command again"
    if number in (errno.EMFILE, errno.ENFILE):
        return (
            f"{error.filename or 'a pipe'}: {error.strerror}; raise the limit (ulimit -n 1024) and "
            "run the same command again"
        )
    if isinstance(error, MemoryError) or number == errno.ENOMEM or OUT_OF_MEMORY.search(str(error)):
        first = (str(error).strip() or "MemoryError").splitlines()[0][:200]
        return (
            f"out of memory ({first}); give it more, "
            "lift a limit there may be (ulimit -v unlimited), or lower predict.batch_tokens, then "
            "run the same command again"
        )
    return None


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Tells the default of an option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        has_one = action.default is not None and action.default is not False
        return super()._get_help_string(action) if has_one else action.help


def step_parser(description: str) -> argparse.ArgumentParser:
    """An argument parser with the options that every step has; the step adds its own.

    What the rules say has no default there: the one that it has stands in config/config.yaml.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=HelpFormatter)
    parser.add_argument(
        "--log", type=Path, help="write the messages to this file, warnings to the terminal too"
    )
    return parser


def positive(text: str) -> int:
    """A whole number above zero, from the command line."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above zero")
    return int(text)


@contextmanager
def run_step(parser: argparse.ArgumentParser) -> Iterator[argparse.Namespace]:
    """Parse the command line, open the log, run the body with the arguments, log how long it took.

    A UserError in the body, or what the machine lacks, becomes one line and exit status 1.
    """
    args = parser.parse_args()
    step = Path(sys.argv[0]).stem
    started = time.monotonic()
    try:
        _open_log(step, args.log)
        check_limits()
        yield args
    except UserError as error:
        log.error("%s", error)
        sys.exit(1)
    except (OSError, MemoryError, ImportError, RuntimeError) as error:
        said = machine_error(error)
        if said is None:
            raise
        log.error("%s", said)
        sys.exit(1)
    except KeyboardInterrupt:
        log.error("interrupted; run the same command again to go on")
        sys.exit(130)
    log.info("done in %s", _duration(time.monotonic() - started))


class OneLine(logging.Formatter):
    """A message on one line, in which no name or text of the input acts on the terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = escaped(record.message)
        return super().formatMessage(record)


class Progress:
    """Logs how far a loop is, its rate and the time left, every few seconds and at its end."""

    def __init__(self, what: str, total: int, unit: str, every_seconds: float = 5.0):
        self.what, self.total, self.unit, self.every = what, total, unit, every_seconds
        self.done = 0
        self.started = self.last = time.monotonic()

    def add(self, n: int = 1) -> None:
        """So many more of the units are done."""
        self.done += n
        now = time.monotonic()
        if now - self.last >= self.every or self.done == self.total:
            self.last = now
            log.info("%s", self.line(now - self.started))

    def line(self, elapsed: float) -> str:
        rate = self.done / elapsed if elapsed > 0 else 0.0
        left = f", {_duration((self.total - self.done) / rate)} left" if rate else ""
        share = f" ({100 * self.done // self.total}%)" if self.total else ""
        return f"{self.what}: {self.done}/{self.total} {self.unit}{share}, {rate:.1f}/s{left}"


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"


def _open_log(step: str, path: Path | None) -> None:
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if path is not None:
        handlers[0].setLevel(logging.WARNING)
        path.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(path, mode="w", encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(OneLine(f"%(asctime)s {step}: %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.WARNING, handlers=handlers, force=True)
    log.setLevel(logging.INFO)
    logging.raiseExceptions = False  # a full disk costs lines of the log, not pages of traceback
