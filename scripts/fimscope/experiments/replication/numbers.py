"""What the replication found, as plain values ready for JSON, for its figure and section."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fimscope.experiments.replication.protocol import (
    AS_PUBLISHED,
    MAIN,
    MATCHED,
    Window,
    best_window,
)
from fimscope.statistics.exact_tests import permutation_numbers
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.numbers import Numbers, number
from fimscope.statistics.significance import adjust_together

Row = Mapping[str, Any]


def edit_numbers(
    results: Sequence[Row],
    vectors: Sequence[Row],
    published: Row | None,
    window: Window,
) -> Numbers:
    """What the steering_results and steering_vectors rows of one edit's replication say.

    published  the edit's entry of the published figures
    window     the published one's points in this model

    Intervals: 95%, clustered by program. `p`: the share of the random vectors of equal
    length that mend as many of `test` as the mean difference, itself counted in, at the window that
    is best on `select`.
    """
    fitted = [row for row in vectors if row["name"] == MAIN]
    groups = {name: [row for row in results if row["group"] == name] for name in ("select", "test")}
    test = groups["test"]

    def rate(kind: str, points: Window) -> Numbers | None:
        values, programs = mended_by(test, kind, [points])
        if not programs:
            return None
        return Clustered.of(values[:, 0], programs).rate().numbers()

    found: Numbers = {
        "published": published and published_numbers(published),
        "n_pairs": fitted[0]["n_pairs"] if fitted else 0,
        "n_pair_programs": fitted[0]["n_programs"] if fitted else 0,
        "n_used": {name: len(_plain(rows)) for name, rows in groups.items()},
        "window": list(window),
        "uniform_length": _relative_length(vectors, window),
        **{kind: rate(kind, window) for kind in (MAIN, AS_PUBLISHED, MATCHED)},
        "curves": _curves(test),
        "best_on_test": None,
        "chosen": None,
    }
    chosen, best = best_window(groups["select"]), best_window(test)
    if best:
        found["best_on_test"] = {"points": list(best), "estimate": rate(MAIN, best)["estimate"]}
    if best and chosen:
        found["chosen"] = {
            "points": list(chosen),
            **{kind: rate(kind, chosen) for kind in (MAIN, MATCHED)},
            **_permutation(test, chosen),
        }
    return found


def published_numbers(published: Row) -> Numbers:
    """The published shares of an edit, with n."""
    n = published["n_broken"]
    shares = {key: number(published[f"n_{key}"] / n) for key in ("steered", "random")}
    return {"n": n, **shares}


def adjust_edits(edits: Mapping[str, Numbers]) -> None:
    """Put Holm's `adjusted_p` beside the p of every edit's chosen window."""
    adjust_together([row["chosen"] for row in edits.values() if row["chosen"]])


def count_broken(split: Sequence[Row], groups: Mapping[str, str]) -> dict[str, int]:
    """group -> broken examples of a split table."""
    counts = Counter(groups[row["example_id"]] for row in split if row["broken"])
    return {name: counts[name] for name in ("fit", "select", "test")}


def mended_by(
    rows: Sequence[Row], kind: str, windows: Sequence[Window]
) -> tuple[NDArray[np.float64], list[str]]:
    """The share of a kind's vectors that mend each example at each window, and its program.

    returns  [example, window] of the examples in order of their names; [example]. Both are empty
             where the kind was not tried at all the windows
    """
    found: dict[tuple[str, Window], list[bool]] = defaultdict(list)
    for row in rows:
        if row["kind"] == kind:
            found[row["example_id"], tuple(row["points"])].append(row["to_gold"])
    programs = _plain(rows)
    if not all((example, window) in found for example in programs for window in windows):
        programs = {}
    values = [[np.mean(found[example, w]) for w in windows] for example in programs]
    return np.array(values, dtype=np.float64), list(programs.values())


def _plain(rows: Sequence[Row]) -> dict[str, str]:
    """example -> program, of the rows without steering."""
    own = {row["example_id"]: row["program_id"] for row in rows if row["kind"] == "none"}
    return dict(sorted(own.items()))


def _curves(test: Sequence[Row]) -> list[Numbers]:
    """For each number of blocks: what the vectors mend, by the first block that is steered."""
    windows = sorted({tuple(row["points"]) for row in test if row["kind"] == MAIN})
    curves = []
    for width in sorted({len(window) for window in windows}):
        own = [window for window in windows if len(window) == width]
        curve: Numbers = {"width": width, "first_block": [window[0] - 1 for window in own]}
        for kind in (MAIN, AS_PUBLISHED):
            curve[kind] = Clustered.of(*mended_by(test, kind, own)).rate().ends()
        curves.append(curve)
    return curves


def _permutation(test: Sequence[Row], window: Window) -> Numbers:
    n_mended: Counter[str] = Counter()
    for row in test:
        if row["kind"] in (MAIN, MATCHED) and tuple(row["points"]) == window:
            n_mended[row["vector"]] += row["to_gold"]
    return permutation_numbers(n_mended.pop(MAIN), list(n_mended.values()))


def _relative_length(vectors: Sequence[Row], window: Window) -> float | None:
    """How many times as long as the mean difference the uniform vector is; a mean over points."""
    norms = {(row["name"], row["point"]): row["norm"] for row in vectors}
    pairs = [(norms.get((AS_PUBLISHED, p)), norms.get((MAIN, p))) for p in window]
    ratios = [uniform / own for uniform, own in pairs if own]
    return number(np.mean(ratios)) if ratios else None
