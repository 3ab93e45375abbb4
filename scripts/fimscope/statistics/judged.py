"""The verdict on a difference that stands as plain values, ready for JSON."""

import math

from fimscope.statistics.estimate import Estimate
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Verdict, judge, programs_to_decide


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
