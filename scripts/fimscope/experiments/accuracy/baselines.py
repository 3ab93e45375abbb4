"""What frequency, kind and name alone would answer, fitted on the other packages."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fimscope.files.tables import read_table
from fimscope.typescript.tables import EXAMPLES

Row = Mapping[str, Any]
# What a baseline knows of a hole; where that was never seen elsewhere, the one before it answers.
BASELINES = {"commonest": (), "kind": ("kind",), "name": ("kind", "name")}


def read_holes(examples: Path) -> dict[str, Row]:
    """example_id -> package, kind and name of the hole, from the examples table."""
    columns = ["example_id", "package", "kind", "name"]
    return {row["example_id"]: row for row in read_table(examples, EXAMPLES, columns).to_pylist()}


def baseline_ranks(holes: Sequence[Row], n_guesses: int) -> dict[str, NDArray[np.int64]]:
    """The rank of each hole's gold among the guesses of every baseline, 0 for the first.

    holes       rows with package, kind, name and gold; the name is the original's
    n_guesses   that each makes; a gold that is not among them has this rank

    A guess is a gold of the other packages' holes, from the commonest on: of all of them, of
    those of the same kind, or of those of the same kind and name. Nothing of the hole's own
    package is counted, so that a baseline knows as little of it as the model does.
    """
    counts: dict[Any, Counter[str]] = defaultdict(Counter)
    for hole in holes:
        for known in BASELINES.values():
            key = tuple(hole[column] for column in known)
            counts[key][hole["gold"]] += 1
            counts[hole["package"], key][hole["gold"]] += 1

    @cache
    def guesses(package: str, *keys: tuple[str, ...]) -> tuple[str, ...]:
        """The first guesses of the last key, filled up with those of the keys before it."""
        elsewhere = counts[keys[-1]] - counts[package, keys[-1]]
        own = sorted(elsewhere, key=lambda gold: (-elsewhere[gold], gold))[:n_guesses]
        rest = guesses(package, *keys[:-1]) if keys[:-1] else ()
        return tuple(islice(dict.fromkeys(chain(own, rest)), n_guesses))

    def ranks(n_keys: int) -> Iterator[int]:
        for hole in holes:
            known = list(BASELINES.values())[:n_keys]
            keys = [tuple(hole[column] for column in columns) for columns in known]
            made = guesses(hole["package"], *keys)
            yield made.index(hole["gold"]) if hole["gold"] in made else n_guesses

    return {
        name: np.fromiter(ranks(n_keys), np.int64, len(holes))
        for n_keys, name in enumerate(BASELINES, start=1)
    }
