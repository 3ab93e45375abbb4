"""One run at a time in a folder: a lock that ends with the processes that hold it."""

import errno
import fcntl
import logging
import os
import time
from datetime import datetime
from pathlib import Path

from fimscope.errors import UserError

log = logging.getLogger("fimscope")
TRIES, SECONDS_BETWEEN = 20, 0.05  # others look at the lock for an instant, and let it go


class RunLock:
    """The lock of a folder's results, which whoever is about to write there takes.

    A run is planned first, from the files as they are then. Made before that, the lock knows
    whether another run went on in between.

    path   the lock's file; it says which process holds it, and stays when that has ended
    """

    def __init__(self, path: Path):
        self.path = path
        self._seen = self._read()

    def take(self) -> int:
        """Hold the lock until this process has ended, and all that inherit the file descriptor.

        returns  the file descriptor
        raises   UserError where another run holds it, or held it since this lock was made
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        if not _lock(file):
            holder = os.pread(file, 200, 0).decode(errors="replace")
            os.close(file)
            raise UserError(
                f"{self.path.parent.resolve()}: another run is going on there ({holder}), or a "
                "step that it left behind; wait for it to end, or end it, then run again"
            )
        if self._seen != os.pread(file, 200, 0):
            os.close(file)
            raise UserError(
                f"{self.path.parent.resolve()}: another run ended there while this one was "
                "planned; run the same command again"
            )
        os.ftruncate(file, 0)
        holder = f"process {os.getpid()} of {os.uname().nodename}, since {datetime.now()}"
        os.pwrite(file, holder.encode(), 0)
        return file

    def _read(self) -> bytes | None:
        """What the last holder wrote; None while it is held."""
        try:
            file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return b""
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return os.pread(file, 200, 0)
        except BlockingIOError:
            return None
        except OSError:  # a file system without locks; take() says so
            return os.pread(file, 200, 0)
        finally:
            os.close(file)


def _lock(file: int) -> bool:
    """Whether the file is locked now, for this process and its children alone."""
    for _ in range(TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(SECONDS_BETWEEN)
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP):
                raise
            log.warning("results: on a file system without locks; begin one run at a time there")
            return True
    return False
