"""What stops the compiler from outside stops the step, and no row is decided by it."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from edit_examples import edit_examples
from fimscope.errors import UserError
from fimscope.files.rejections import check_settled, rejection
from fimscope.typescript import (
    process,
)
from fimscope.typescript.group import ProcessGroup
from fimscope.typescript.pool import TypeScriptPool, named_program
from fimscope.typescript.process import NodeService
from fimscope.typescript.results import CompilerStoppedError
from slow_check import slow_check

pytestmark = pytest.mark.node


GOOD = "function f(a: string) {}"
ROOT = Path(__file__).parents[2]

STEP = """
import sys
sys.path[:0] = ["scripts", "tests/helpers"]
from fimscope.typescript.process import NodeService
from slow_check import slow_check
NodeService().ask(**slow_check(60))
"""


def wait_for(found: Callable[[], object], seconds: float = 60.0) -> object:
    end = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return value


def compilers(pid: int) -> list[psutil.Process]:
    """Node and the native compiler that a process has started."""
    with suppress(psutil.NoSuchProcess):
        members = psutil.Process(pid).children(recursive=True)
        return [each for each in members if each.name() in ("node", "MainThread", "tsc")]
    return []


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_compilers_end_with_the_step(how):
    step = subprocess.Popen([sys.executable, "-c", STEP], cwd=ROOT)
    found: list[psutil.Process] = []
    try:
        wait_for(lambda: any(each.name() == "tsc" for each in compilers(step.pid)))
        found = compilers(step.pid)
        assert len(found) >= 2
        time.sleep(0.5)  # both are at work
        step.send_signal(how)
        step.wait(10)
        _, left = psutil.wait_procs(found, timeout=5)
        assert left == []
    finally:
        step.kill()
        for each in found:
            with suppress(psutil.NoSuchProcess):
                each.kill()


@contextmanager
def killer(find: Callable[[], Iterator[int]]) -> Iterator[list[int]]:
    """Kills every process that is found, as the kernel does where memory runs out."""
    killed: list[int] = []
    done = threading.Event()

    def kill() -> None:
        while not done.wait(0.05):
            for pid in find():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        done.set()
        thread.join()


def test_a_node_that_is_killed_again_and_again_stops_the_step():
    service = NodeService()
    try:
        service.ask("holes", text=GOOD)
        with (
            killer(lambda: [service.pid] if service.pid else []) as killed,
            pytest.raises(CompilerStoppedError, match="memory runs out"),
        ):
            service.ask(**slow_check())
        assert len(set(killed)) >= 1
        assert len(service.ask("holes", text=GOOD)) == 1
    finally:
        service.stop()


def test_a_native_compiler_that_is_killed_again_and_again_stops_the_step():
    service = NodeService()

    def busy_compilers() -> list[int]:
        # Its start is over: the service tells a compiler that dies then from one that cannot start.
        found = compilers(os.getpid())
        return [
            each.pid for each in found if each.name() == "tsc" and sum(each.cpu_times()[:2]) > 0.5
        ]

    try:
        service.ask("holes", text=GOOD)
        with (
            killer(busy_compilers) as killed,
            pytest.raises(CompilerStoppedError, match="the native compiler"),
        ):
            service.ask(**slow_check())
        assert len(set(killed)) == 2
        assert len(service.ask("holes", text=GOOD)) == 1
    finally:
        service.stop()


def test_a_group_that_may_not_be_killed_since_it_has_ended_is_over(monkeypatch):
    """As on macOS, of a group of which nothing is left but what has not been waited for."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    with tempfile.TemporaryFile() as errors:
        group = ProcessGroup(["true"], errors)
        monkeypatch.setattr(os, "killpg", refuse)
        group.stop()
    assert not group.is_running()


def test_too_much_computing_stops_the_step_and_names_the_program():
    service = NodeService(cpu_seconds=1.0)
    try:
        with (
            pytest.raises(CompilerStoppedError, match="pack: src/a.ts: .* s of computing"),
            named_program({"package": "pack", "path": "src/a.ts"}),
        ):
            service.ask(**slow_check())
        assert service.pid is None
        assert len(service.ask("holes", text=GOOD)) == 1
    finally:
        service.stop()


def test_a_process_that_waits_for_a_core_is_waited_for():
    service = NodeService(cpu_seconds=1.0)
    try:
        service.ask("holes", text=GOOD)
        os.killpg(service.pid, signal.SIGSTOP)
        timer = threading.Timer(4.0, os.killpg, (service.pid, signal.SIGCONT))
        timer.start()
        assert len(service.ask("holes", text=GOOD)) == 1
        timer.join()
    finally:
        service.stop()


def failures(n: int) -> list[dict]:
    return [rejection("try", "compiler_failed", "Node ended with status -6")] * n


def test_a_few_failures_are_rows_and_many_stop_the_step():
    check_settled("try", failures(2), 3)
    check_settled("try", failures(10), 1000)
    for n_failed, n_in in ((3, 3), (3, 200), (11, 1000)):
        with pytest.raises(UserError, match=f"failed on {n_failed} of {n_in} rows.*status -6"):
            check_settled("try", failures(n_failed), n_in)
    settled = [rejection("try", "too_complex", "")] * 100
    check_settled("try", settled, 100)


def test_a_compiler_without_memory_stops_the_step_and_no_table_is_made(monkeypatch):
    monkeypatch.setattr(process, "NODE_OPTIONS", ("--max-old-space-size=60",))
    text = "a;\n" * 200_000 + GOOD
    start = text.index("string")
    examples = [
        {
            **{"example_id": str(n), "program_id": str(n), "package": "p", "path": f"{n}.ts"},
            **{"kind": "parameter", "name": "a", "name_start": start - 3},
            **{"prefix": text[:start], "gold": "string", "suffix": text[start + 6 :] + f"\n{n}"},
        }
        for n in range(3)
    ]
    with TypeScriptPool(1) as pool:
        rows = edit_examples(pool, examples, "rename_vars", 0)
        with pytest.raises(UserError, match="failed on 3 of 3 rows"):
            list(rows)
