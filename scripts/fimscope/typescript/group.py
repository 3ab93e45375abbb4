"""A process and all that it starts: one group, which ends with this process at the latest."""

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO

import psutil

# Reads from a pipe of which this process alone holds the other end: the read ends when this process
# does, whatever ended it. A busy group would not look at a pipe.
WATCH = 'read -r _; kill -s KILL -- "-$1"'


class ProcessGroup:
    """A command at work as the leader of a process group, with pipes to its stdin and stdout."""

    def __init__(self, command: Sequence[str], errors: IO[bytes]):
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            bufsize=0,
            start_new_session=True,
        )
        watched, self._lifeline = os.pipe()
        self._watch = subprocess.Popen(
            ["/bin/sh", "-c", WATCH, "sh", str(self.pid)],
            stdin=watched,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # what is sent to this process's own group must not end it
        )
        os.close(watched)

    @property
    def pid(self) -> int:
        return self.process.pid

    def is_running(self) -> bool:
        """Whether the leader has not ended."""
        return self.process.poll() is None

    def kill(self) -> None:
        """End the group under whoever waits for it."""
        # PermissionError: what macOS says of a group that has ended and is not waited for.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def stop(self) -> None:
        """End the group, and close its pipes."""
        self._watch.kill()
        self._watch.wait()
        os.close(self._lifeline)
        self.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def resident_bytes(self) -> float:
        """The memory of the leader and of all that it started; 0 where it has ended."""
        return self._sum(lambda process: process.memory_info().rss)

    def cpu_seconds(self) -> float:
        """The processor time of the leader and of all that it started and that is still there."""
        return self._sum(lambda process: sum(process.cpu_times()[:2]))

    def _sum(self, measure: Callable[[psutil.Process], float]) -> float:
        total = 0.0
        with suppress(psutil.NoSuchProcess):
            leader = psutil.Process(self.pid)
            for process in (leader, *leader.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    total += measure(process)
        return total
