"""The steering protocol that was published with codetrace, and what a sounder one needs besides.

Lucchetti & Guha, arXiv 2404.01903, in the version whose figures stand in
config/published/codetrace.yaml: the mean of right minus wrong at the last token of the prompt,
block by block, over broken examples, at most 25 of a type; added as it is to what leaves blocks 10
to 14, on broken examples of other programs; beside one vector of uniform random numbers.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fimscope.experiments.patch.pairs import broken_rows
from fimscope.experiments.steer.vectors import Floats, Vector, mean_difference, random_vectors
from fimscope.steps.seeds import seed_of

Row = Mapping[str, Any]
Window = tuple[int, ...]

MAIN, AS_PUBLISHED, MATCHED = "mean_difference", "uniform", "random"
MOST_OF_A_TYPE = 25
FIRST_BLOCK, N_STEERED, OF_BLOCKS = 10, 5, 24


def published_window(n_blocks: int) -> Window:
    """The points behind blocks 10 to 14, or behind those as deep in a model of other than 24."""
    first = round(FIRST_BLOCK * n_blocks / OF_BLOCKS)
    width = max(1, round(N_STEERED * n_blocks / OF_BLOCKS))
    return tuple(range(first + 1, min(first + width, n_blocks) + 1))


def block_windows(n_blocks: int, widths: Sequence[int]) -> list[Window]:
    """The points behind every run of so many adjacent blocks, and the published window."""
    found = [
        tuple(range(first + 1, first + width + 1))
        for width in sorted(widths)
        for first in range(n_blocks - width + 1)
    ]
    return list(dict.fromkeys([*found, published_window(n_blocks)]))


def find_broken(
    originals: Mapping[str, Row], variants: Sequence[Row], groups: Mapping[str, str]
) -> dict[str, list[Row]]:
    """group -> the predictions of variants that are wrong where the original is right."""
    found: dict[str, list[Row]] = {"fit": [], "select": [], "test": []}
    for row in broken_rows(variants, originals):
        found[groups[row["example_id"]]].append(row)
    return found


def balance(rows: Sequence[Row], most: int, seed: int) -> list[Row]:
    """At most 25 rows of each gold and `most` in all, drawn at random; in the rows' order."""
    n_of_type: Counter[str] = Counter()
    kept: set[str] = set()
    for row in sorted(rows, key=lambda row: seed_of(seed, row["example_id"])):
        if len(kept) < most and n_of_type[row["gold"]] < MOST_OF_A_TYPE:
            kept.add(row["example_id"])
            n_of_type[row["gold"]] += 1
    return [row for row in rows if row["example_id"] in kept]


def replication_vectors(
    differences: Floats, programs: Sequence[str], n_random: int, seed: int
) -> list[Vector]:
    """The vectors, each to be added as it is; none without a pair.

    differences  [pair, point, d_model], right minus wrong
    returns      mean_difference; uniform, as published: one vector of numbers from 0 to 1, whatever
                 the length of the mean difference; random: n_random directions without preference,
                 at every point as long as the mean difference
    """
    if not len(differences):
        return []
    general = mean_difference(differences, programs, MAIN, MAIN)
    shape = general.values.shape
    uniform = np.random.default_rng([seed, 3]).random(shape, dtype=np.float32)
    lengths = np.linalg.norm(general.values, axis=1, keepdims=True)
    matched = [
        Vector(**{**vars(vector), "values": vector.values * lengths / _lengths(vector)})
        for vector in random_vectors(shape, n_random, seed)
    ]
    return [general, Vector(AS_PUBLISHED, AS_PUBLISHED, None, uniform, 0, 0), *matched]


def _lengths(vector: Vector) -> Floats:
    return np.linalg.norm(vector.values, axis=1, keepdims=True)


def best_window(results: Sequence[Row]) -> Window | None:
    """Where the mean difference mends most of the results' examples; None where it was not tried.

    Of equal windows the narrowest, then the first.
    """
    n_mended: dict[Window, int] = defaultdict(int)
    for row in results:
        if row["kind"] == MAIN:
            n_mended[tuple(row["points"])] += row["to_gold"]
    return min(n_mended, key=lambda w: (-n_mended[w], len(w), w), default=None)
