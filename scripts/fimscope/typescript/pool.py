"""Several TypeScript services at work at once, their results in the order of what was asked."""

import argparse
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import groupby
from operator import itemgetter
from queue import SimpleQueue
from typing import Any, Self, TypeVar

from fimscope.steps.frame import positive
from fimscope.typescript.client import TypeScript
from fimscope.typescript.new_names import NewNames
from fimscope.typescript.process import CPU_SECONDS
from fimscope.typescript.results import CompilerStoppedError

Item = TypeVar("Item")
Result = TypeVar("Result")

ITEMS_AHEAD = 8  # for each worker: one slow item does not stop the others at once


class TypeScriptPool:
    """`workers` TypeScript services, as a context manager.

    A thread waits for each of them; the work itself is done in their processes. Results do not
    depend on which of them did an item.
    """

    def __init__(
        self,
        workers: int,
        cpu_seconds: float = CPU_SECONDS,
        new_names: NewNames | None = None,
    ):
        self.workers = workers
        self._processes = ExitStack()
        self._services = [
            self._processes.enter_context(TypeScript(cpu_seconds, new_names))
            for _ in range(workers)
        ]
        self._idle: SimpleQueue[TypeScript] = SimpleQueue()
        for service in self._services:
            self._idle.put(service)
        self._threads = ThreadPoolExecutor(workers, "typescript")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        if kind is not None:
            for service in self._services:
                service.abandon()
        self._threads.shutdown(cancel_futures=True)
        self._processes.close()

    def map(
        self, work: Callable[[TypeScript, Item], Result], items: Iterable[Item]
    ) -> Iterator[Result]:
        """`work(service, item)` of each item, in the items' order.

        Items are drawn as they are needed: no more than a few of each worker are in memory. What
        `work` raises is raised here.
        """
        ahead: deque[Future[Result]] = deque()
        for item in items:
            ahead.append(self._threads.submit(self._on_idle, work, item))
            if len(ahead) >= ITEMS_AHEAD * self.workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()

    def _on_idle(self, work: Callable[[TypeScript, Item], Result], item: Item) -> Result:
        service = self._idle.get()
        try:
            return work(service, item)
        finally:
            self._idle.put(service)


def by_program(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """The rows in runs of one program: what a service worked out of it serves all of them."""
    for _, run in groupby(rows, key=itemgetter("program_id")):
        yield list(run)


@contextmanager
def named_program(row: Mapping[str, Any]) -> Iterator[None]:
    """Name a row's program where the compiler is stopped at it."""
    try:
        yield
    except CompilerStoppedError as error:
        raise CompilerStoppedError(f"{row['package']}: {row['path']}: {error}") from None


def add_pool_options(parser: argparse.ArgumentParser) -> None:
    """The options of a step that works with a pool."""
    parser.add_argument(
        "--workers", type=positive, default=usable_cores(), help="TypeScript services at a time"
    )
    parser.add_argument(
        "--seconds",
        type=positive,
        default=int(CPU_SECONDS),
        help="of processor time: a request that takes more ends the step",
    )


def usable_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
