"""Numbers of the in-context comparison: accuracy by shots, against none and against controls."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimscope.experiments.outcomes import OUTCOMES
from fimscope.statistics.bootstrap import Bootstrap
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.paired import paired_numbers, paired_rates
from fimscope.statistics.significance import adjust_together

TREATMENT = "same_type"  # the others are its controls
MEASURES = ("correct", "gold_logprob")


@dataclass(frozen=True)
class Cells:
    """Means over seeds of the examples that every number of every choice was asked for.

    examples   [example], their names, sorted
    values     measure -> choice -> [example, number of shots]; the first number is 0
    programs   [example]
    outcomes   [example], with no shots
    n_left     examples that lack a cell, by outcome
    """

    n_shots: list[int]
    examples: NDArray[np.str_]
    values: dict[str, dict[str, NDArray[np.float64]]]
    programs: NDArray[np.str_]
    outcomes: NDArray[np.str_]
    n_left: dict[str, int]


def read_cells(
    icl: pa.Table, choices: Sequence[str], n_shots: Sequence[int], n_seeds: int
) -> Cells:
    """The cells of an icl table.

    choices, n_shots, n_seeds   what was asked; an example that lacks one of them is left out
    """
    frame = icl.to_pandas()
    keys = [("none", 0), *((choice, n) for choice in choices for n in n_shots)]
    groups = frame.groupby(["example_id", "choice", "n_shots"], sort=True)
    n_rows = groups.size().unstack(["choice", "n_shots"]).reindex(columns=keys).fillna(0)
    needed = [1, *[n_seeds] * (len(keys) - 1)]
    complete = n_rows.index[(n_rows.to_numpy() == needed).all(axis=1)]
    facts = frame.drop_duplicates("example_id").set_index("example_id")
    values: dict[str, dict[str, NDArray[np.float64]]] = {}
    for measure in MEASURES:
        means = groups[measure].mean().unstack(["choice", "n_shots"]).reindex(columns=keys)
        means = means.loc[complete].astype(float)
        values[measure] = {
            choice: means[[("none", 0), *((choice, n) for n in n_shots)]].to_numpy()
            for choice in choices
        }
    left = facts["outcome"].drop(complete)
    return Cells(
        n_shots=[0, *n_shots],
        examples=complete.to_numpy(dtype=str),
        values=values,
        programs=facts.loc[complete, "program_id"].to_numpy(dtype=str),
        outcomes=facts.loc[complete, "outcome"].to_numpy(dtype=str),
        n_left={outcome: int((left == outcome).sum()) for outcome in OUTCOMES},
    )


def icl_numbers(cells: Cells, bootstrap: Bootstrap) -> Numbers:
    """Curves of accuracy by number of shots, and two families of paired tests.

    against_none       every choice and number against no shots
    against_controls   `same_type` against every other choice, at the same number
    Each is adjusted by Holm over outcomes, choices and numbers. The log-probability of the gold
    comes with an interval and is not tested.
    """
    panels = {}
    for outcome in OUTCOMES:
        rows = cells.outcomes == outcome
        panels[outcome] = {
            "n": int(rows.sum()),
            "n_programs": len(set(cells.programs[rows])),
            "n_left_out": cells.n_left[outcome],
            "curves": {
                choice: bootstrap.resample(rates[rows], cells.programs[rows]).rate().ends()
                for choice, rates in cells.values["correct"].items()
                if rows.any()
            },
        }
    against_none = list(_tests(cells, bootstrap, None))
    against_controls = [
        test
        for control in cells.values["correct"]
        if control != TREATMENT and TREATMENT in cells.values["correct"]
        for test in _tests(cells, bootstrap, control)
    ]
    adjust_together(against_none)
    adjust_together(against_controls)
    return {
        "n_shots": cells.n_shots,
        "outcomes": panels,
        "against_none": against_none,
        "against_controls": against_controls,
    }


def _tests(cells: Cells, bootstrap: Bootstrap, control: str | None) -> Iterator[Numbers]:
    """Every choice against no shots, or `same_type` alone against one control."""
    for outcome in OUTCOMES:
        rows = cells.outcomes == outcome
        for choice in cells.values["correct"] if control is None else [TREATMENT]:
            for column, n in list(enumerate(cells.n_shots))[1:]:
                changes = {}
                for measure in MEASURES:
                    curves = cells.values[measure]
                    before = curves[choice][:, 0] if control is None else curves[control][:, column]
                    difference = (curves[choice][:, column] - before)[rows]
                    numbers = paired_rates if measure == "correct" else paired_numbers
                    changes[measure] = numbers(difference, cells.programs[rows], bootstrap)
                yield {
                    "outcome": outcome,
                    "choice": choice,
                    "control": control or "none",
                    "n_shots": n,
                    **changes["correct"],
                    "logprob": changes["gold_logprob"],
                }
