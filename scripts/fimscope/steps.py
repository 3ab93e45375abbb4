"""The frame of every step: its command line, its log, its progress, its exit status."""

import argparse
import errno
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fimscope.errors import UserError, escaped

log = logging.getLogger("fimscope")
# What a disk says, not a mistake of the program.
DISK_ERRORS = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO),
    *(errno.EROFS, errno.EACCES, errno.EPERM),
)


def step_parser(description: str) -> argparse.ArgumentParser:
    """An argument parser with the options that every step has; the step adds its own."""
    parser = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--log", type=Path, help="also write the messages to this file")
    return parser


def positive(text: str) -> int:
    """A whole number above zero, from the command line."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above zero")
    return int(text)


@contextmanager
def run_step(parser: argparse.ArgumentParser) -> Iterator[argparse.Namespace]:
    """Parse the command line, open the log, run the body with the arguments, log how long it took.

    A UserError in the body becomes one line on stderr and exit status 1.
    """
    args = parser.parse_args()
    step = Path(sys.argv[0]).stem
    started = time.monotonic()
    try:
        _open_log(step, args.log)
        yield args
    except UserError as error:
        log.error("%s", error)
        sys.exit(1)
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        name = error.filename or "the disk"
        log.error("%s: %s; mend that and run the same command again", name, error.strerror)
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
        path.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(path, mode="w", encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(OneLine(f"%(asctime)s {step}: %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.WARNING, handlers=handlers, force=True)
    log.setLevel(logging.INFO)
    logging.raiseExceptions = False  # a full disk costs lines of the log, not pages of traceback
