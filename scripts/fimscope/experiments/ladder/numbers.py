"""The numbers of a ladder: each rung, each rung beside the first, and trainings of one size."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fimscope.experiments.ladder.rungs import Rung, common_holes
from fimscope.experiments.patch.numbers import sweep_numbers
from fimscope.statistics.bootstrap import Bootstrap
from fimscope.statistics.claims import difference_numbers, judge_together
from fimscope.statistics.clustered import clustered_mean
from fimscope.statistics.estimate import Estimate
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.numbers import Numbers, number, significant
from fimscope.statistics.significance import LEVEL
from fimscope.statistics.verdicts import Margins, Verdict, judge

SIZE = ("n_blocks", "d_model", "n_heads")  # what trainings of one size share
# What is measured of a rung, and between what it lies.
MEASURES = {"right": (0, 1), "change": (-1, 1), "broken": (0, 1), "arrival": (0, 1)}
DEPTH_MARGIN = 0.1  # of the depth: arrivals that are nearer to one another count as one


def ladder_numbers(rungs: Sequence[Rung], bootstrap: Bootstrap, margins: Margins) -> Numbers:
    """All that is said of a ladder.

    rungs     the others are compared with the first
    returns   n, n_programs, the holes that every rung answered, of which all rates are;
              rungs: of each name, n_parameters and SIZE; right, the rate before the edit; change,
              after minus before, judged; broken, the rate of the right ones that the edit breaks;
              n_broken, n_mended; and of `arrival_numbers`;
              against_first: of each other one name; right and change, its own minus the first's on
              the same holes, judged, and so broken, on those that both have right; arrival, of
              `arrivals_apart`;
              trainings: of `training_numbers`
    """
    holes = common_holes(rungs)
    changes = holes.after - holes.before
    rows = [
        {
            "name": rung.name,
            "n_parameters": rung.model.n_parameters,
            **{key: getattr(rung.model, key) for key in SIZE},
            "right": Clustered.of(before, holes.programs).rate().numbers(),
            "change": difference_numbers(change, holes.programs),
            "broken": _rate((change < 0)[before > 0], holes.programs[before > 0]),
            "n_broken": int((change < 0).sum()),
            "n_mended": int((change > 0).sum()),
            **arrival_numbers(rung, bootstrap, margins.effect),
        }
        for rung, before, change in zip(rungs, holes.before, changes, strict=True)
    ]
    beside = [
        {
            "name": row["name"],
            "right": difference_numbers(before - holes.before[0], holes.programs),
            "change": _difference_of_changes(change - changes[0], holes.programs),
            "broken": _difference((changes[0] - change)[both], holes.programs[both]),
            "arrival": arrivals_apart(row, rows[0]),
        }
        for row, before, change in list(zip(rows, holes.before, changes, strict=True))[1:]
        for both in [(before > 0) & (holes.before[0] > 0)]
    ]
    for family in (
        [row["change"] for row in rows],
        [row["right"] for row in beside],
        [row["change"] for row in beside],
        [row["broken"] for row in beside if row["broken"]],
    ):
        judge_together(family, margins.accuracy)
    return {
        "n": len(holes.programs),
        "n_programs": len(set(holes.programs)),
        "rungs": rows,
        "against_first": beside,
        "trainings": training_numbers(rows),
    }


def arrival_numbers(rung: Rung, bootstrap: Bootstrap, margin: float) -> Numbers:
    """Where the right type arrives, of the broken answers that `restore` mends.

    margin    of the normalised effect, as of `sweep_numbers`
    returns   n_pairs; half_at, the point of its `half_of_effect`, and arrival, the same as a share
              of the depth, each with its interval over programs, n_arriving of them; None without
              such a point

    The depth is 0 at what enters the first block and 1 at what leaves the last.
    """
    sweep = sweep_numbers(rung.sweep, bootstrap, margin)
    half = sweep["half_of_effect"]
    points = half and {
        "estimate": half["half_at"],
        "lower": half["half_lower"],
        "upper": half["half_upper"],
    }
    shares = points and {key: number(at / rung.model.n_blocks) for key, at in points.items()}
    return {
        "n_pairs": sweep["n_pairs"],
        "n_arriving": sweep["flips"]["paired"]["n_programs"] if points else 0,
        "half_at": points,
        "arrival": shares,
    }


def arrivals_apart(own: Numbers, first: Numbers) -> Numbers | None:
    """Whether two rungs' types arrive at other shares of the depth; None where one has no arrival.

    own, first   rows of `rungs` in `ladder_numbers`
    returns      estimate, own minus first; lower, upper; verdict, with DEPTH_MARGIN

    Each rung is patched in its own broken answers, so that nothing is paired: the interval is from
    one's lower end to the other's upper, which holds in at least 90%, whatever the two share. A
    curve that has half at a point may have passed it anywhere from the point before on: the lower
    ends are those of that point.
    """
    one, other = own["arrival"], first["arrival"]
    if one is None or other is None:
        return None
    apart = Estimate(
        one["estimate"] - other["estimate"],
        one["lower"] - _step(own, "arrival") - other["upper"],
        one["upper"] - other["lower"] + _step(first, "arrival"),
        n=min(own["n_pairs"], first["n_pairs"]),
        n_programs=min(own["n_arriving"], first["n_arriving"]),
    )
    return {**apart.ends(), "verdict": judge(apart, margin=DEPTH_MARGIN)}


def _step(row: Numbers, measure: str) -> float:
    """How far a measure's values are apart: a rung has as many places to arrive at as blocks."""
    return 1 / row["n_blocks"] if measure == "arrival" else 0.0


def training_numbers(rows: Sequence[Numbers]) -> Numbers | None:
    """What trainings of the first rung's size give, and whether other sizes lie among them.

    rows      of `rungs` in `ladder_numbers`
    returns   names of the trainings; measures: measure -> mean, standard_deviation over trainings;
              lower, upper, between which one more training of this size lies in 95% (a t
              distribution, its degrees of freedom one less than the trainings), held to where
              the measure can lie; others: name,
              estimate and verdict of each other rung, shown where it lies outside. Only the
              measures that every training has. None with fewer than two trainings

    Values that can only be so far apart have the variance of that rounding beside their own, and
    one lies outside by more than its own rounding.
    """
    from scipy.special import stdtrit

    def is_alike(row: Numbers) -> bool:
        return all(row[key] == rows[0][key] for key in SIZE)

    alike = [row for row in rows if is_alike(row)]
    if len(alike) < 2:
        return None
    factor = -stdtrit(len(alike) - 1, (1 - LEVEL) / 2) * math.sqrt(1 + 1 / len(alike))
    measures = {}
    for measure, (least, most) in MEASURES.items():
        if any(row[measure] is None for row in alike):
            continue
        values = np.array([row[measure]["estimate"] for row in alike])
        mean, rounding = values.mean(), _step(alike[0], measure) ** 2 / 12
        deviation = math.sqrt(values.var(ddof=1) + rounding)
        reach = factor * deviation
        measures[measure] = {
            "mean": number(mean),
            "standard_deviation": number(deviation),
            "lower": number(max(mean - reach, least)),
            "upper": number(min(mean + reach, most)),
            "others": [
                {
                    "name": row["name"],
                    "estimate": row[measure]["estimate"],
                    "verdict": Verdict.SHOWN
                    if abs(row[measure]["estimate"] - mean) > reach + _step(row, measure)
                    else Verdict.UNDECIDED,
                }
                for row in rows
                if not is_alike(row) and row[measure]
            ],
        }
    return {"names": [row["name"] for row in alike], "measures": measures}


def _rate(values: NDArray[np.bool_], programs: NDArray) -> Numbers | None:
    return Clustered.of(values, programs).rate().numbers() if len(values) else None


def _difference(values: NDArray[np.float64], programs: NDArray) -> Numbers | None:
    return difference_numbers(values, programs) if len(values) else None


def _difference_of_changes(differences: NDArray[np.float64], programs: NDArray) -> Numbers:
    """As `difference_numbers`, of differences of changes: -2 to 2."""
    found, p = clustered_mean(differences[:, None], programs)
    return {**found[0].within(-2, 2).numbers(), "p": significant(p[0])}
