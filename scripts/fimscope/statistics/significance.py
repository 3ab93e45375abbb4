"""When a p-value counts, alone and in a family of tests."""

from collections.abc import Sequence
from typing import Any

from fimscope.statistics.numbers import Numbers, significant

ALPHA = 0.05  # the chance of a false alarm, of a test or a family of tests
LEVEL = 1 - ALPHA  # of an interval
HAIR = 0.005  # a p this close under ALPHA decides nothing: a few rows more would turn it


def is_significant(p: Any) -> Any:
    """Whether a p-value is below ALPHA; of an array or a column of them, which are."""
    return p < ALPHA


def is_clearly_significant(p: Any) -> Any:
    """As `is_significant`, and by more than a HAIR: what a claim rests on."""
    return is_significant(p + HAIR)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for their number, in the order given (Holm 1979)."""
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def adjust_together(tests: Sequence[Numbers]) -> None:
    """Put Holm's `adjusted_p` into every row that has a p; all of them are one family. And
    `n_open`, how many of them are not clearly significant.

    A row whose p cannot be as small as one likes says so by `least_p`; it gets `least_adjusted_p`
    in its place, the smallest that the whole family lets it have.
    """
    known = [test for test in tests if test["p"] is not None]
    adjusted = holm([test["p"] for test in known])
    least = holm([test.get("least_p", 0.0) for test in known])
    n_open = sum(not is_clearly_significant(own) for own in adjusted)
    for test, own, smallest in zip(known, adjusted, least, strict=True):
        test["adjusted_p"], test["n_open"] = significant(own), n_open
        if test.pop("least_p", None) is not None:
            test["least_adjusted_p"] = significant(smallest)


def stands_out(test: Numbers) -> bool:
    """Whether a row of adjusted tests differs from nothing at all, by more than a HAIR."""
    return test.get("adjusted_p") is not None and is_clearly_significant(test["adjusted_p"])
