"""The lock of a folder: who gets it, who is told why not."""

import errno
import fcntl
import subprocess
import sys
import time

import pytest

from fimscope.errors import UserError
from fimscope.steps.run_lock import RunLock

pytestmark = pytest.mark.process


HOLD = """
import subprocess, sys
from pathlib import Path
from fimscope.steps.run_lock import RunLock
file = RunLock(Path(sys.argv[1])).take()
child = subprocess.Popen(["sleep", sys.argv[2]], pass_fds=(file,), stdout=subprocess.DEVNULL)
print(child.pid, flush=True)
sys.stdin.read()
"""


def holder(path, seconds_of_child: int) -> subprocess.Popen:
    """A process that holds a lock, with a child that inherits it."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), str(seconds_of_child)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert process.stdout.readline()
    return process


def test_it_is_one_holders_and_ends_with_its_last_process(tmp_path):
    path = tmp_path / "results/.lock"
    first = holder(path, 4)
    with pytest.raises(UserError, match=rf"going on there \(process {first.pid} of "):
        RunLock(path).take()
    first.kill()
    first.wait()
    with pytest.raises(UserError, match="a step that it left behind"):
        RunLock(path).take()
    time.sleep(4)
    RunLock(path).take()


def test_a_run_that_was_planned_while_another_went_on_is_refused(tmp_path):
    path = tmp_path / ".lock"
    before = RunLock(path)
    process = holder(path, 0)
    during = RunLock(path)
    process.kill()
    process.wait()
    time.sleep(0.5)
    for lock in (before, during):
        with pytest.raises(UserError, match="another run ended there"):
            lock.take()
    RunLock(path).take()


@pytest.mark.parametrize("code", ["ENOLCK", "ENOTSUP", "EOPNOTSUPP"])
def test_a_file_system_without_locks_is_worked_on_with_a_warning(
    tmp_path, monkeypatch, caplog, code
):
    def refuse(*_: object) -> None:
        raise OSError(100 + len(code), "no locks here")  # on macOS no two of the codes are the same

    monkeypatch.setattr(errno, code, 100 + len(code))
    monkeypatch.setattr(fcntl, "flock", refuse)
    RunLock(tmp_path / ".lock").take()
    assert "a file system without locks" in caplog.text
