"""Steering where an error is expected, and nowhere else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fimscope.experiments.steer.settings import MAIN
from fimscope.statistics.claims import judge_together
from fimscope.statistics.estimate import Floats
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.numbers import Numbers, number
from fimscope.statistics.paired import paired_rates

Row = Mapping[str, Any]
GATES = ("margin", "probe")
CONSTANT, ORACLE = "constant", "oracle"


@dataclass(frozen=True)
class Steerable:
    """The examples of one group that were steered by the mean difference at its chosen points.

    examples   [example], sorted
    programs   [example]
    wrong      [example], without steering
    changes    strength -> [example]: 1 where steering mends, -1 where it spoils, else 0
    """

    examples: list[str]
    programs: NDArray[np.str_]
    wrong: NDArray[np.bool_]
    changes: dict[float, Floats]

    @classmethod
    def of(cls, results: Sequence[Row], group: str, points: Sequence[int]) -> "Steerable":
        rows = [
            row
            for row in results
            if (row["group"], row["kind"], list(row["points"])) == (group, MAIN, list(points))
        ]
        own = {row["example_id"]: row for row in rows}
        examples = sorted(own)
        wrong = np.array([own[e]["outcome"] == "wrong" for e in examples], dtype=bool)
        gold = {(row["example_id"], row["strength"]): row["to_gold"] for row in rows}
        changes = {
            strength: np.array([gold[e, strength] for e in examples], dtype=float) - ~wrong
            for strength in sorted({row["strength"] for row in rows})
        }
        programs = np.array([own[e]["program_id"] for e in examples], dtype=str)
        return cls(examples, programs, wrong, changes)


def gate_numbers(
    results: Sequence[Row], gates: Sequence[Row], setting: Numbers | None, margin: float
) -> Numbers | None:
    """What steering does that is done only where a gate expects an error.

    results   the steering_results table
    gates     the steering_gates table
    setting   points and strength that were chosen for the mean difference
    margin    within which of 0 a difference of accuracies counts as none

    Each gate has its own strength and threshold, those with the greatest net on `select`, at the
    mean difference's points; `test` reports that one operating point. No forward is needed: the
    steered answers of all are there, and a gate picks whose are taken.

    rows     constant (always steered, at its own strength), each gate, and the oracle, which knows
             what is wrong: strength, steered (a rate), mended, spoilt, net, and of a gate area (the
             chance that it scores a wrong example of `test` above a right one)
    beside   gate -> its change of accuracy beside none, the constant's, and that of a gate that
             steers as many at random (`by_chance`); one family of tests

    None where nothing was steered on both groups.
    """
    if not setting:
        return None
    select, test = (Steerable.of(results, group, setting["points"]) for group in ("select", "test"))
    if not select.examples or not test.examples:
        return None
    everyone = np.ones(len(test.examples), dtype=bool)
    own = setting["strength"]
    constant = test.changes[own]
    rows = [{"gate": CONSTANT, **_row(test, own, everyone)}]
    beside: dict[str, Numbers] = {}
    scores = {
        gate: {row["example_id"]: row["score"] for row in gates if row["gate"] == gate}
        for gate in GATES
    }
    for gate, of_example in scores.items():
        if not of_example:
            continue
        on_select, on_test = (
            np.array([of_example[e] for e in group.examples]) for group in (select, test)
        )
        strength, threshold = choose_gate(on_select, select.changes)
        steered = on_test >= threshold
        change, always = test.changes[strength] * steered, test.changes[strength]
        rows.append(
            {
                "gate": gate,
                **_row(test, strength, steered),
                "threshold": number(threshold),
                "area": number(area_under_curve(on_test, test.wrong)),
            }
        )
        beside[gate] = {
            "none": paired_rates(change, test.programs),
            CONSTANT: paired_rates(change - constant, test.programs),
            "by_chance": paired_rates(change - steered.mean() * always, test.programs),
        }
    judge_together([test for tests in beside.values() for test in tests.values()], margin)
    mended = {strength: own[select.wrong].sum() for strength, own in select.changes.items()}
    strongest = max(mended, key=lambda strength: (mended[strength], -strength))
    rows.append({"gate": ORACLE, **_row(test, strongest, test.wrong)})
    return {
        "points": list(setting["points"]),
        "n_selected": len(select.examples),
        "n": len(test.examples),
        "n_programs": len(set(test.programs)),
        "rows": rows,
        "beside": beside,
    }


def choose_gate(scores: Floats, changes: Mapping[float, Floats]) -> tuple[float, float]:
    """Strength and threshold with the greatest net, where examples of at least that are steered.

    scores    [example]; changes as in `Steerable`

    Of equally good ones that which steers fewer, then the weaker; infinite where steering none is
    best.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))  # the last of equal scores
    best = (0.0, 0, min(changes), np.inf)
    for strength, own in sorted(changes.items()):
        nets = np.cumsum(own[order])[ends]
        place = int(nets.argmax())
        n = int(ends[place]) + 1
        if (nets[place], -n) > (best[0], -best[1]):
            best = (float(nets[place]), n, strength, float(ranked[ends[place]]))
    return best[2], best[3]


def area_under_curve(scores: NDArray, wrong: NDArray[np.bool_]) -> float:
    """The chance that a wrong example scores above a right one, equal scores half (Mann-Whitney).

    0.5 where there is none of either.
    """
    from scipy.stats import rankdata

    n_wrong, n_right = int(wrong.sum()), int((~wrong).sum())
    if not n_wrong or not n_right:
        return 0.5
    ranks = rankdata(scores)[wrong].sum()
    return float((ranks - n_wrong * (n_wrong + 1) / 2) / (n_wrong * n_right))


def _row(test: Steerable, strength: float, steered: NDArray[np.bool_]) -> Numbers:
    change = test.changes[strength] * steered

    def rate(values: Floats, kept: NDArray[np.bool_]) -> Numbers | None:
        if not kept.any():
            return None
        return Clustered.of(values[kept], test.programs[kept]).rate().numbers()

    return {
        "strength": number(strength),
        "steered": rate(steered.astype(float), np.ones(len(steered), dtype=bool)),
        "mended": rate(change, test.wrong),
        "spoilt": rate(-change, ~test.wrong),
        "net": paired_rates(change, test.programs),
    }
