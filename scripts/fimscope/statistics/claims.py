"""Differences of one family as plain values: interval, adjusted p, verdict."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fimscope.statistics.clustered import clustered_mean
from fimscope.statistics.estimate import Estimate
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.numbers import Numbers, number, significant
from fimscope.statistics.significance import adjust_together, is_clearly_significant
from fimscope.statistics.verdicts import Verdict, judge, programs_to_decide

UNDECIDED: Numbers = {
    "verdict": Verdict.UNDECIDED,
    "programs_to_decide": None,
    "verdict_to_come": None,
}


def difference_numbers(differences: NDArray, clusters: Sequence[str] | NDArray) -> Numbers:
    """The mean of paired differences of rates, its 95% interval over clusters, the t test's p.

    differences   [example], with the change minus without it, -1 to 1; at least one
    clusters      [example], the program or the package
    """
    values = np.asarray(differences, np.float64)
    _, p = clustered_mean(values[:, None], clusters)
    return {**Clustered.of(values, clusters).difference().numbers(), "p": significant(p[0])}


def package_numbers(change: NDArray, packages: NDArray) -> Numbers:
    """The mean of paired differences with the package as the unit, and with each one left out.

    left_out   of `without_one`
    """
    numbers = difference_numbers(change, packages)
    return {
        **numbers,
        "n_packages": numbers["n_programs"],
        "left_out": without_one(change, packages),
    }


def without_one(differences: NDArray, clusters: Sequence[str] | NDArray) -> Numbers | None:
    """The least and the greatest mean without one cluster, with its name; None of a single one."""
    names = np.unique(clusters)
    if len(names) == 1:
        return None
    means = Clustered.of(differences, clusters).without_each()
    return {
        end: {"without": str(names[place]), "estimate": number(means[place])}
        for end, place in (("lowest", means.argmin()), ("highest", means.argmax()))
    }


def judged(row: Numbers, margin: float) -> Numbers:
    """A row with `verdict`, and where that is undecided with `programs_to_decide` and what they
    would decide, `verdict_to_come`; these two are None where no number of programs can be told.

    row      estimate, lower, upper, n, n_programs, and where it was tested p, and of a family
             adjusted_p and n_open
    margin   within which of 0 a difference counts as none

    What rests on no row is undecided.
    """
    if not row["n"]:
        return {**row, **UNDECIDED}
    lower, upper = row["lower"], row["upper"]
    estimate = Estimate(
        row["estimate"],
        -math.inf if lower is None else lower,
        math.inf if upper is None else upper,
        row["n"],
        row["n_programs"],
    )
    p, n_open = row.get("p"), row.get("n_open", 1)
    verdict = judge(estimate, margin=margin, p=row.get("adjusted_p", p))
    found = None
    if verdict is Verdict.UNDECIDED:
        found = programs_to_decide(estimate, margin=margin, p=p, n_open=n_open)
    needed, to_come = found or (None, None)
    return {**row, "verdict": verdict, "programs_to_decide": needed, "verdict_to_come": to_come}


def judged_beside_many(row: Numbers) -> Numbers:
    """A row of `one_of_many` with what `judged` adds: that it is more is shown by the test, or not.

    row   adjusted_p

    The vectors are the sample: no number of programs decides it, and its absence is not tested.
    """
    shown = is_clearly_significant(row["adjusted_p"])
    return {**row, **UNDECIDED, **({"verdict": Verdict.SHOWN} if shown else {})}


def judge_together(rows: Sequence[Numbers], margin: float) -> None:
    """Put `adjusted_p` (Holm), and what `judged` adds, into rows of one family of tests."""
    adjust_together(rows)
    for row in rows:
        row.update(judged(row, margin))
