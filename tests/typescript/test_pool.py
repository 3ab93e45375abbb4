"""The pool: results in order whoever did them, few items in memory, one bad item costs no other."""

import threading
import time

import psutil
import pytest

from fimscope.typescript.pool import TypeScriptPool, by_program
from fimscope.typescript.process import NodeService
from fimscope.typescript.results import TypeScriptError
from slow_check import slow_check

pytestmark = pytest.mark.node


GOOD = "function f(a: string) {}"


@pytest.fixture(scope="module")
def pool():
    with TypeScriptPool(2) as pool:
        yield pool


def program(n: int) -> str:
    return f"function f{n}(a: {n}) {{}}"


def holes_of(service, text):
    return [hole.gold for hole in service.holes(text).holes]


def test_results_come_in_the_order_of_the_items(pool):
    def slow_first(service, n):
        time.sleep(0.2 if n == 0 else 0.0)
        return holes_of(service, program(n))

    assert list(pool.map(slow_first, range(40))) == [[str(n)] for n in range(40)]


def test_both_services_work_at_once(pool):
    # Each waits for the other: one service alone would never pass.
    both = threading.Barrier(2, timeout=60)
    assert sorted(pool.map(lambda service, n: both.wait(), range(2))) == [0, 1]


def test_items_are_drawn_as_they_are_needed(pool):
    drawn = []

    def items():
        for n in range(10_000):
            drawn.append(n)
            yield n

    results = pool.map(lambda service, n: n, items())
    assert [next(results) for _ in range(100)] == list(range(100))
    assert len(drawn) < 200


def reason_or_golds(service, text):
    try:
        return holes_of(service, text)
    except TypeScriptError as error:
        return error.reason


def test_a_bad_item_costs_no_other(pool):
    texts = [program(n) for n in range(12)]
    texts[3] = "function ("
    texts[7] = "(" * 100_000
    results = list(pool.map(reason_or_golds, texts))
    assert results[3] == "syntax_error"
    assert results[7] == "too_complex"
    for n in set(range(12)) - {3, 7}:
        assert results[n] == [str(n)]


def test_an_error_of_the_work_is_raised_and_ends_what_the_others_do():
    children = set(psutil.Process().children(recursive=True))
    at_work = threading.Event()

    def work(service, n):
        if n == 0:
            at_work.wait(60)
            raise KeyError(n)
        service.edit_names()
        at_work.set()
        service._service.ask(**slow_check())

    with pytest.raises(KeyError), TypeScriptPool(2, 600) as pool:
        list(pool.map(work, range(2)))
    assert set(psutil.Process().children(recursive=True)) <= children


def test_a_service_over_its_memory_bound_is_replaced():
    service = NodeService(60, memory_bound=1)
    try:
        pids = set()
        for _ in range(60):
            assert len(service.ask("holes", text=GOOD)) == 1
            if service.pid is not None:
                pids.add(service.pid)
        assert len(pids) == 3
    finally:
        service.stop()


def test_a_request_over_the_memory_bound_is_given_up_and_the_next_served():
    service = NodeService(60, memory_bound=1)
    try:
        service.ask("edit_names")
        with pytest.raises(TypeScriptError, match="more than 1 bytes") as raised:
            service.ask(**slow_check())
        assert raised.value.reason == "compiler_failed"
        assert len(service.ask("holes", text=GOOD)) == 1
    finally:
        service.stop()


def test_the_memory_counted_is_that_of_all_its_processes():
    service = NodeService(60)
    try:
        service.ask("holes", text=GOOD)
        before = service._group.resident_bytes()
        assert before > 30 << 20
        hole = {"prefix": "const f = (a: ", "gold": "any", "suffix": ") => a;"}
        variant = {**hole, "suffix": ") => a; "}
        service.ask("check", original=hole, variant=variant, renames=[])
        commands = [child.name() for child in psutil.Process(service.pid).children(recursive=True)]
        assert "tsc" in commands
        assert service._group.resident_bytes() > before + (30 << 20)
    finally:
        group = service._group
        service.stop()
    assert group.resident_bytes() == 0


def test_rows_of_one_program_stay_together():
    rows = [{"program_id": name, "n": n} for n, name in enumerate("aabbba")]
    assert [[row["n"] for row in run] for run in by_program(rows)] == [[0, 1], [2, 3, 4], [5]]
