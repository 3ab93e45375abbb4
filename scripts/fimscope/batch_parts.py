"""Batches of a model's work as parts that are kept."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from fimscope.parts import PartStore

Result = TypeVar("Result")
Halves = list[tuple[int, Result]]  # number of rows and their result; one, where a batch fits


def run_parts(
    function: Callable[[list[int]], Result],
    batches: Sequence[list[int]],
    store: PartStore[Halves[Result]],
    ingredients: Callable[[int], Any],
) -> Iterator[tuple[list[int], Result]]:
    """As `fimscope.batch.run_batches`, of the batches of the store's shard; each is a part.

    ingredients   of a row: all that decides its result beside the store's recipe
    """
    from fimscope.batch import run_batches

    for rows in store.shard.of(batches):
        halves = store.get(
            [ingredients(row) for row in rows],
            lambda rows=rows: [(len(half), made) for half, made in run_batches(function, [rows])],
        )
        start = 0
        for n_rows, result in halves:
            yield rows[start : start + n_rows], result
            start += n_rows
