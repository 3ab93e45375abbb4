"""Numbers of the masking: what each distractor's mask brings, against a control of equal size."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from fimscope.experiments.masking.ways import WAYS
from fimscope.experiments.outcomes import OUTCOMES
from fimscope.statistics.claims import judged
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.paired import paired_numbers, paired_rates
from fimscope.statistics.significance import adjust_together
from fimscope.statistics.verdicts import Verdict

if TYPE_CHECKING:
    from pandas import DataFrame

# What is tested over the control -> the same beside the plain prompt.
TESTED = {"against_control": "masked", "accuracy_over_control": "accuracy"}


def masking_numbers(masking: pa.Table, margin: float) -> list[Numbers]:
    """One row an outcome, way and distractor, over the examples that have the mask and its control.

    margin   within which of 0 a difference of accuracies counts as none

    masked, control   gold's log-probability minus that of the plain prompt, nats
    against_control   masked minus control
    accuracy          share right under the mask minus share right of the plain prompt
    accuracy_over_control   share right under the mask minus share right under its control; this
                      and `against_control` are tested, all of them as one family (Holm)
    verdict           of `the mask raises the gold above its control`: shown where one of the two
                      rises, and rises against the plain prompt too; shown absent where one is shown
                      to fall and none to rise over the control, or where
                      `accuracy_over_control` is shown absent
    n_without         examples of the outcome that lack the mask or its control
    mean_masked       tokens masked, on average
    """
    frame = masking.to_pandas()
    plain = frame[frame["way"] == "none"].set_index("example_id")
    rows = []
    for outcome in OUTCOMES:
        of_it = plain[plain["outcome"] == outcome]
        for way, distractors in WAYS.items():
            for distractor in distractors:
                chosen = frame[
                    (frame["outcome"] == outcome)
                    & (frame["way"] == way)
                    & (frame["distractor"] == distractor)
                ]
                found = _compare(of_it, chosen)
                rows.append({"outcome": outcome, "way": way, "distractor": distractor, **found})
    adjust_together([row[key] for row in rows for key in TESTED])
    return [{**row, "verdict": mask_verdict(row, margin)} for row in rows]


def mask_verdict(row: Numbers, margin: float) -> Verdict:
    """Whether a mask raises the gold above its control: `verdict` of `masking_numbers`."""
    margins = {"against_control": 0, "accuracy_over_control": margin}
    over_control = {key: judged(row[key], margins[key]) for key in TESTED}
    shown = {key for key in TESTED if over_control[key]["verdict"] is Verdict.SHOWN}
    rising = {key for key in shown if over_control[key]["estimate"] > 0}
    if any(row[TESTED[key]]["estimate"] > 0 for key in rising):
        return Verdict.SHOWN
    if rising:
        return Verdict.UNDECIDED
    if shown:
        return Verdict.SHOWN_ABSENT
    return over_control["accuracy_over_control"]["verdict"]


def _compare(plain: "DataFrame", chosen: "DataFrame") -> Numbers:
    masked, control = (
        chosen[chosen["is_control"] == is_control].set_index("example_id")
        for is_control in (False, True)
    )
    both = sorted(set(masked.index) & set(control.index))
    before, masked, control = (table.loc[both] for table in (plain, masked, control))
    programs = before["program_id"].tolist()
    columns = ["gold_logprob", "correct"]
    before, after, instead = (t[columns].astype(float) for t in (before, masked, control))

    def numbers(one: "DataFrame", other: "DataFrame") -> Numbers:
        change = (one - other)["gold_logprob"].to_numpy()
        return paired_numbers(change, programs)

    def rates(one: "DataFrame", other: "DataFrame") -> Numbers:
        return paired_rates((one - other)["correct"].to_numpy(), programs)

    return {
        "n": len(both),
        "n_programs": len(set(programs)),
        "n_without": len(plain) - len(both),
        "mean_masked": round(float(masked["n_masked"].mean()), 1) if both else None,
        "masked": numbers(after, before),
        "control": numbers(instead, before),
        "against_control": numbers(after, instead),
        "accuracy": rates(after, before),
        "accuracy_over_control": rates(after, instead),
    }


def most_harmful(rows: Sequence[Numbers], outcome: str, way: str) -> Numbers | None:
    """The row whose mask makes most right over its control, where one is shown to raise it."""
    raising = [
        row
        for row in rows
        if (row["outcome"], row["way"], row["verdict"]) == (outcome, way, Verdict.SHOWN)
    ]
    return max(raising, key=lambda row: row["accuracy_over_control"]["estimate"], default=None)
