"""Batches of a model's work as parts that are kept."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from fimscope.parts.store import PartStore

Result = TypeVar("Result")
Value = TypeVar("Value")
Halves = list[tuple[int, Result]]  # number of rows and their result; one, where a batch fits


def get_parts(
    make: Callable[[list[int]], Value],
    batches: Sequence[list[int]],
    store: PartStore[Value],
    ingredients: Callable[[int], Any],
) -> Iterator[tuple[list[int], Value]]:
    """The row numbers of each batch of the store's shard, and its part: from the store, else made.

    ingredients   of a row: all that decides its part beside the store's recipe
    """
    for rows in store.shard.of(batches):
        yield rows, store.get(list(map(ingredients, rows)), lambda rows=rows: make(rows))


def run_parts(
    function: Callable[[list[int]], Result],
    batches: Sequence[list[int]],
    store: PartStore[Halves[Result]],
    ingredients: Callable[[int], Any],
) -> Iterator[tuple[list[int], Result]]:
    """As `run_batches`, of the batches of the store's shard; each is a part.

    ingredients   as in `get_parts`
    """
    from fimscope.inference.batch import run_batches

    def make(rows: list[int]) -> Halves[Result]:
        return [(len(half), made) for half, made in run_batches(function, [rows])]

    for rows, halves in get_parts(make, batches, store, ingredients):
        start = 0
        for n_rows, result in halves:
            yield rows[start : start + n_rows], result
            start += n_rows
