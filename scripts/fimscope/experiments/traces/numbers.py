"""Numbers of the traces: the mean effect of a token's patch, by its role and by point."""

import pyarrow as pa

from fimscope.experiments.traces.roles import ROLES
from fimscope.experiments.traces.traced import CONDITIONS
from fimscope.statistics.claims import difference_numbers, judged
from fimscope.statistics.numbers import Numbers, number
from fimscope.statistics.paired import paired_numbers
from fimscope.statistics.significance import adjust_together

ASKED = ["example_id", "program_id", "correct"]


def accuracy_numbers(original: pa.Table, edited: pa.Table, margin: float) -> Numbers:
    """How often the model is right before and after the edit, over the examples that have both.

    original, edited   predictions
    margin             within which of 0 a difference of accuracies counts as none
    """
    before, after = (
        {row["example_id"]: row for row in table.select(ASKED).to_pylist()}
        for table in (original, edited)
    )
    both = sorted(before.keys() & after.keys())
    if not both:
        return {"original": None, "edited": None, "difference": None}
    was, now = ([float(rows[name]["correct"]) for name in both] for rows in (before, after))
    change = [b - a for a, b in zip(was, now, strict=True)]
    programs = [before[name]["program_id"] for name in both]
    return {
        "original": number(sum(was) / len(both)),
        "edited": number(sum(now) / len(both)),
        "difference": judged(difference_numbers(change, programs), margin),
    }


def trace_numbers(table: pa.Table, accuracy: Numbers, margin: float) -> Numbers:
    """Of each condition, role and point the mean normalised effect of patching one such token.

    accuracy   of `accuracy_numbers`
    margin     within which of 0 an effect counts as none

    effects   a row each: the mean over the tokens of the role in an example, then over examples,
              with the interval over programs and the sign test against 0 (Holm, all rows); not
              tested where no patch is run, as the effect is 0 by what a patch can reach
    n_patches, n_run   rows of the table, and those that had to be run
    """
    frame = table.to_pandas()
    known = frame[frame["normalised_effect"].notna()]
    keys = ["condition", "role", "point", "example_id", "program_id"]
    of_examples = known.groupby(keys)
    means = of_examples["normalised_effect"].mean().reset_index()
    means["is_run"] = of_examples["is_run"].any().to_numpy()
    points = sorted(set(frame["point"].tolist()))
    effects = []
    for condition in CONDITIONS:
        for role in ROLES:
            for point in points:
                chosen = means[
                    (means["condition"] == condition)
                    & (means["role"] == role)
                    & (means["point"] == point)
                ]
                values = chosen["normalised_effect"].to_numpy(float)
                found = paired_numbers(values, chosen["program_id"].tolist())
                if not chosen["is_run"].any():
                    found["p"] = None
                effects.append({"condition": condition, "role": role, "point": point, **found})
    adjust_together(effects)
    return {
        "points": points,
        "effects": [judged(row, margin) for row in effects],
        "accuracy": accuracy,
        "n_examples": int(frame["example_id"].nunique()),
        "n_patches": len(frame),
        "n_run": int(frame["is_run"].sum()),
    }
