"""What the probes found, as plain values ready for JSON."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fimscope.statistics.exact_tests import least_family_p, sign_test
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.numbers import Numbers, number, significant
from fimscope.statistics.significance import holm
from fimscope.statistics.verdicts import Verdict, judge

Row = Mapping[str, Any]


def probe_numbers(rows: Sequence[Row], margin: float) -> Numbers:
    """Accuracies by point, [point] each, with 95% intervals clustered by program.

    rows     the probes table
    margin   within which of 0 a difference of accuracies counts as none
    """
    gold = [row for row in rows if row["task"] == "gold"]
    control = [row for row in rows if row["task"] == "control" and row["name_seen"]]
    wrong = [row for row in gold if row["outcome"] == "wrong"]
    labels = _labels(rows)
    answerable = [row for row in wrong if row["predicted"] in labels]
    wanted: dict[str, tuple[list[Row], Callable[[Row], bool]]] = {
        "right": ([row for row in gold if row["outcome"] == "right"], _is_correct),
        "wrong": (wrong, _is_correct),
        "answer": (answerable, lambda row: row["probed"] == row["predicted"]),
        "seen": ([row for row in gold if row["name_seen"]], _is_correct),
        "control": (control, _is_correct),
    }
    points = sorted({row["point"] for row in rows})
    found: Numbers = {
        "points": points,
        "n_labels": len(labels),
        "curves": {
            name: Clustered.of(*_matrix(own, points, measure)).rate().numbers()
            for name, (own, measure) in wanted.items()
            if own
        },
        "constant": None,
    }
    if wrong:
        found["constant"] = _against_constant(wrong, points, margin)
    return found


def _is_correct(row: Row) -> bool:
    return row["correct"]


def _labels(rows: Sequence[Row]) -> set[str]:
    """The types that the probes can say: each is some row's label or answer."""
    return {row["label"] for row in rows} | {row["probed"] for row in rows}


def _matrix(
    rows: Sequence[Row], points: Sequence[int], measure: Callable[[Row], bool]
) -> tuple[np.ndarray, list[str]]:
    """[variant, point] float64, and the program of each variant, in the variants' order."""
    programs = {(row["example_id"], row["edit"]): row["program_id"] for row in rows}
    place = {key: i for i, key in enumerate(sorted(programs))}
    values = np.zeros((len(place), len(points)))
    for row in rows:
        key = row["example_id"], row["edit"]
        values[place[key], points.index(row["point"])] = measure(row)
    return values, [programs[key] for key in place]


def _against_constant(wrong: Sequence[Row], points: Sequence[int], margin: float) -> Numbers:
    """The best constant answer to the wrong examples, and the probe minus it at every point.

    points_above, points_within   where the probe is shown to be better, and where it is shown to be
                                  better by less than the margin or worse
    """
    first = [row for row in wrong if row["point"] == points[0]]
    counts = Counter(row["gold"] for row in first)
    constant, n = min(counts.items(), key=lambda item: (-item[1], item[0]))
    values, programs = _matrix(wrong, points, _is_correct)
    same, _ = _matrix(wrong, points, lambda row: row["gold"] == constant)
    difference = values - same
    adjusted = holm(sign_test(difference, programs).tolist())
    change = Clustered.of(difference, programs).difference()
    places = range(len(points))
    verdicts = [judge(change[i], margin=margin, p=adjusted[i]) for i in places]
    shown = [verdicts[i] is Verdict.SHOWN for i in places]
    return {
        "gold": constant,
        "rate": number(n / len(first)),
        **change.ends(),
        "adjusted_p": significant(adjusted),
        "least_adjusted_p": least_family_p(change.n_programs, len(points)),
        "points_above": [points[i] for i in places if shown[i] and change.value[i] > 0],
        "points_within": [
            points[i]
            for i in places
            if verdicts[i] is Verdict.SHOWN_ABSENT or (shown[i] and change.value[i] < 0)
        ],
    }
