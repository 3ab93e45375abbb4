"""Numbers of the in-context comparison: accuracy by shots, against none and against controls."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimscope.experiments.icl.choices import knows_gold
from fimscope.experiments.outcomes import OUTCOMES
from fimscope.statistics.claims import judged
from fimscope.statistics.clustered import clustered_mean
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.numbers import Numbers, number, significant
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


def icl_numbers(cells: Cells, n_holes: Mapping[str, int], margin: float) -> Numbers:
    """Curves of accuracy by number of shots, and three families of paired tests.

    n_holes   outcome -> all holes under the edit that have it, asked or not
    margin    within which of 0 a difference of accuracies counts as none

    net                every choice and number against no shots, over all holes: see `_net`
    against_none       every choice and number against no shots
    against_controls   `same_type` against every other choice, at the same number
    Each is adjusted by Holm over outcomes, choices and numbers, and has its verdict. The
    log-probability of the gold comes with an interval and is not tested.
    """
    panels = {}
    for outcome in OUTCOMES:
        rows = cells.outcomes == outcome
        panels[outcome] = {
            "n": int(rows.sum()),
            "n_programs": len(set(cells.programs[rows])),
            "n_left_out": cells.n_left[outcome],
            "curves": {
                choice: Clustered.of(rates[rows], cells.programs[rows]).rate().ends()
                for choice, rates in cells.values["correct"].items()
                if rows.any()
            },
        }
    against_none = list(_tests(cells, None))
    against_controls = [
        test
        for control in cells.values["correct"]
        if control != TREATMENT and TREATMENT in cells.values["correct"]
        for test in _tests(cells, control)
    ]
    families = {
        "net": list(_net(cells, n_holes)),
        "against_none": against_none,
        "against_controls": against_controls,
    }
    for tests in families.values():
        adjust_together(tests)
    return {
        "n_shots": cells.n_shots,
        "n_holes": dict(n_holes),
        "outcomes": panels,
        **{name: [judged(test, margin) for test in tests] for name, tests in families.items()},
    }


def _net(cells: Cells, n_holes: Mapping[str, int]) -> Iterator[Numbers]:
    """What every choice and number does to the accuracy of all holes.

    The outcomes were drawn apart, each up to a number, so that each asked example stands for as
    many holes as its outcome has of them (a stratified mean; the weights count as known). Nothing
    where an outcome that occurs was not asked. A t test clustered by program.
    """
    asked = {outcome: int((cells.outcomes == outcome).sum()) for outcome in OUTCOMES}
    if any(n_holes[outcome] and not asked[outcome] for outcome in OUTCOMES):
        return
    stands_for = {
        outcome: n_holes[outcome] / asked[outcome] for outcome in OUTCOMES if asked[outcome]
    }
    weights = np.array([stands_for[outcome] for outcome in cells.outcomes])
    weights = weights * len(weights) / sum(n_holes.values())
    before = n_holes["right"] / sum(n_holes.values())
    for choice, curves in cells.values["correct"].items():
        change = weights[:, None] * (curves[:, 1:] - curves[:, :1])
        found, p_values = clustered_mean(change, cells.programs)
        for column, n in enumerate(cells.n_shots[1:]):
            yield {
                "choice": choice,
                "knows_gold": knows_gold(choice),
                "n_shots": n,
                "before": number(before),
                # The weighted mean's interval may pass what accuracy can change by.
                **found[column].within(-before, 1 - before).numbers(),
                "p": significant(p_values[column]),
            }


def _tests(cells: Cells, control: str | None) -> Iterator[Numbers]:
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
                    changes[measure] = numbers(difference, cells.programs[rows])
                yield {
                    "outcome": outcome,
                    "choice": choice,
                    "control": control or "none",
                    "n_shots": n,
                    **changes["correct"],
                    "logprob": changes["gold_logprob"],
                }
