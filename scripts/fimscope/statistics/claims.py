"""Differences of one family as plain values: interval, adjusted p, verdict."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fimscope.statistics.clustered import clustered_mean
from fimscope.statistics.estimate import Estimate
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.numbers import Numbers, significant
from fimscope.statistics.significance import adjust_together
from fimscope.statistics.verdicts import Verdict, judge, programs_to_decide


def difference_numbers(differences: NDArray, clusters: Sequence[str] | NDArray) -> Numbers:
    """The mean of paired differences of rates, its 95% interval over clusters, the t test's p.

    differences   [example], with the change minus without it, -1 to 1; at least one
    clusters      [example], the program or the package
    """
    values = np.asarray(differences, np.float64)
    _, p = clustered_mean(values[:, None], clusters)
    return {**Clustered.of(values, clusters).difference().numbers(), "p": significant(p[0])}


def judged(row: Numbers, margin: float) -> Numbers:
    """A row with `verdict`, and with `programs_to_decide` where that is undecided, else None.

    row      estimate, lower, upper, n, n_programs, and adjusted_p or p where it was tested
    margin   within which of 0 a difference counts as none

    What rests on no row is undecided.
    """
    if not row["n"]:
        return {**row, "verdict": Verdict.UNDECIDED, "programs_to_decide": None}
    lower, upper = row["lower"], row["upper"]
    estimate = Estimate(
        row["estimate"],
        -math.inf if lower is None else lower,
        math.inf if upper is None else upper,
        row["n"],
        row["n_programs"],
    )
    verdict = judge(estimate, margin=margin, p=row.get("adjusted_p", row.get("p")))
    undecided = verdict is Verdict.UNDECIDED
    return {
        **row,
        "verdict": verdict,
        "programs_to_decide": programs_to_decide(estimate, margin=margin) if undecided else None,
    }


def judge_together(rows: Sequence[Numbers], margin: float) -> None:
    """Put `adjusted_p` (Holm), and what `judged` adds, into rows of one family of tests."""
    adjust_together(rows)
    for row in rows:
        row.update(judged(row, margin))
