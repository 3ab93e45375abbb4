"""What the probes found, as plain values ready for JSON."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fimscope.experiments.accuracy.baselines import baseline_ranks
from fimscope.statistics.exact_tests import least_family_p, sign_test
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.numbers import Numbers, number, significant
from fimscope.statistics.significance import holm
from fimscope.statistics.verdicts import Verdict, judge

Row = Mapping[str, Any]
CONTROLS = ("name", "constant")  # of the gold in wrong examples; of equally good ones the first


def probe_numbers(rows: Sequence[Row], holes: Sequence[Row], margin: float) -> Numbers:
    """Accuracies by point, [point] each, with 95% intervals clustered by program.

    rows     the probes table
    holes    the examples, of all groups: example_id, package, kind, name and gold
    margin   within which of 0 a difference of accuracies counts as none

    `name` and `constant` have what the controls give on the wrong examples, and the probe minus
    that. `points_above` are the points at which the probe is shown to be better than both,
    `points_within` those at which this is shown absent of one.
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
        **dict.fromkeys(CONTROLS),
        "points_above": [],
        "points_within": [],
    }
    if wrong:
        found |= _against_controls(wrong, holes, labels, points, margin)
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


def _against_controls(
    wrong: Sequence[Row],
    holes: Sequence[Row],
    labels: Collection[str],
    points: Sequence[int],
    margin: float,
) -> Numbers:
    """What each control gives on the wrong examples, and at which points the probe beats both.

    The differences from both controls at all points are one family of Holm's adjustment.
    """
    constant = _commonest_gold(wrong)
    known = _known_by_name(holes, labels)
    measures = {
        "name": lambda row: known[row["example_id"]],
        "constant": lambda row: row["gold"] == constant,
    }
    values, programs = _matrix(wrong, points, _is_correct)
    given = {control: _matrix(wrong, points, measures[control])[0] for control in CONTROLS}
    p_values = [sign_test(values - own, programs) for own in given.values()]
    adjusted = np.reshape(holm(np.concatenate(p_values).tolist()), np.shape(p_values))
    found = {
        control: {
            "rate": number(own[:, 0].mean()),
            "least_adjusted_p": least_family_p(len(set(programs)), adjusted.size),
            **_minus_control(values - own, programs, p, points, margin),
        }
        for (control, own), p in zip(given.items(), adjusted, strict=True)
    }
    found["constant"]["gold"] = constant
    above, within = (
        [{*found[control][key]} for control in CONTROLS]
        for key in ("points_above", "points_within")
    )
    return {
        **found,
        "points_above": sorted(set.intersection(*above)),
        "points_within": sorted(set.union(*within)),
    }


def _commonest_gold(wrong: Sequence[Row]) -> str:
    """The best constant answer; of equally good ones the first of the alphabet."""
    counts = Counter(row["gold"] for row in wrong)
    return min(counts, key=lambda gold: (-counts[gold], gold))


def _known_by_name(holes: Sequence[Row], labels: Collection[str]) -> dict[str, bool]:
    """example_id -> whether its gold is the commonest type of its kind and name, of the labels.

    In other packages, as the accuracy's baseline, which chooses among the probe's types alone. The
    name is the original's, also of an edited example.
    """
    asked = [hole for hole in holes if hole["gold"] in labels]
    ranks = baseline_ranks(asked, n_guesses=1)["name"]
    return {hole["example_id"]: rank == 0 for hole, rank in zip(asked, ranks, strict=True)}


def _minus_control(
    difference: NDArray,
    programs: Sequence[str],
    adjusted_p: NDArray,
    points: Sequence[int],
    margin: float,
) -> Numbers:
    """The probe minus a control at every point.

    difference                    [variant, point]
    points_above, points_within   where the probe is shown to be better, and where it is shown to be
                                  better by less than the margin or worse
    """
    change = Clustered.of(difference, programs).difference()
    places = range(len(points))
    verdicts = [judge(change[i], margin=margin, p=adjusted_p[i]) for i in places]
    shown = [verdict is Verdict.SHOWN for verdict in verdicts]
    return {
        **change.ends(),
        "adjusted_p": significant(adjusted_p),
        "points_above": [points[i] for i in places if shown[i] and change.value[i] > 0],
        "points_within": [
            points[i]
            for i in places
            if verdicts[i] is Verdict.SHOWN_ABSENT or (shown[i] and change.value[i] < 0)
        ],
    }
