"""Differences of one family, each with its interval, its adjusted p and its verdict."""

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


def judge_together(rows: Sequence[Numbers], margin: float) -> None:
    """Put `adjusted_p` (Holm) and `verdict` into rows of `difference_numbers` of one family.

    An undecided row also has `programs_to_decide`, about how many clusters would decide it were the
    estimate the truth; None where that cannot be told.
    """
    adjust_together(rows)
    for row in rows:
        lower, upper = (
            end if row[key] is None else row[key]
            for key, end in (("lower", -math.inf), ("upper", math.inf))
        )
        estimate = Estimate(row["estimate"], lower, upper, row["n"], row["n_programs"])
        row["verdict"] = judge(estimate, margin=margin, p=row["adjusted_p"])
        if row["verdict"] is Verdict.UNDECIDED:
            row["programs_to_decide"] = programs_to_decide(estimate, margin=margin)
