"""The client outlives whatever the Node process does."""

import os
import select
import signal
import threading

import pytest

from fimscope.errors import UserError
from fimscope.typescript import process
from fimscope.typescript.client import TypeScript
from fimscope.typescript.process import NodeService
from fimscope.typescript.results import TypeScriptError
from slow_check import slow_check

pytestmark = pytest.mark.node


GOOD = "function f(a: string) {}"
LARGE = "a;" * 200_000


@pytest.mark.parametrize(
    "text",
    ["", "\0", "\ud800", "}{", "`${", "/*", "\u2028\n\r", "<<<<<<< HEAD\n=======", "(" * 100_000],
)
def test_garbage_is_answered_and_the_next_request_served(text):
    with TypeScript() as typescript:
        try:
            found = typescript.holes(text)
            assert found.holes == found.rejected == []
        except TypeScriptError as error:
            assert error.reason in ("syntax_error", "too_complex")
            assert error.detail
        assert [hole.gold for hole in typescript.holes(GOOD).holes] == ["string"]


def test_an_unknown_command_is_answered():
    service = NodeService(60)
    try:
        with pytest.raises(TypeScriptError, match="no command"):
            service.ask("toString")
        assert len(service.ask("holes", text=GOOD)) == 1
    finally:
        service.stop()


def test_a_request_of_which_a_used_process_dies_is_asked_again():
    service = NodeService(60)
    try:
        service.ask("holes", text=GOOD)
        pid = service.pid
        timer = threading.Timer(0.5, os.killpg, (pid, signal.SIGKILL))
        timer.start()
        assert service.ask(**slow_check(4))["reason"] is None
        timer.join()
        assert service.pid != pid
    finally:
        service.stop()


def test_a_process_that_dies_of_its_first_request_has_failed(monkeypatch):
    monkeypatch.setattr(process, "NODE_OPTIONS", ("--max-old-space-size=60",))
    service = NodeService(60)
    try:
        with pytest.raises(TypeScriptError, match="heap out of memory") as raised:
            service.ask("holes", text=LARGE)
        assert raised.value.reason == "compiler_failed"
        assert len(service.ask("holes", text=GOOD)) == 1
    finally:
        service.stop()


def test_a_process_that_died_between_requests_is_replaced():
    service = NodeService(60)
    try:
        service.ask("holes", text=GOOD)
        os.killpg(service.pid, signal.SIGKILL)
        for _ in range(2):
            assert len(service.ask("holes", text=GOOD)) == 1
    finally:
        service.stop()


def test_no_process_is_left_behind():
    service = NodeService(60)
    service.ask("holes", text=GOOD)
    # Its output ends only when every process that could write to it has ended.
    output = os.dup(service._group.process.stdout.fileno())
    try:
        service.stop()
        assert select.select([output], [], [], 10)[0]
        assert os.read(output, 1) == b""
    finally:
        os.close(output)


def test_missing_node_is_the_users_to_mend(monkeypatch, tmp_path):
    monkeypatch.setattr(process.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="node: not found"):
        TypeScript().holes(GOOD)


def test_missing_packages_are_the_users_to_mend(monkeypatch, tmp_path):
    monkeypatch.setattr(process, "SERVICE", tmp_path / "service.mjs")
    with pytest.raises(UserError, match="npm ci"):
        TypeScript().holes(GOOD)
