"""Numbers of several models side by side, on each one's own examples and on those of all."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from fimscope.statistics.numbers import Numbers
from fimscope.statistics.paired import curve_numbers

Answers = dict[str, tuple[str, bool]]  # example_id -> program_id, right


def comparison_numbers(
    models: Mapping[str, tuple[pa.Table, pa.Table]], n_draws: int, seed: int
) -> dict[str, Numbers]:
    """Accuracy before and after the edit, and the share that it breaks, model by model.

    models    name -> its predictions of the originals, and of the edit
    returns   name -> own, common: the numbers of `_numbers`, over all examples that this model
              answered in both forms, and over those that every model did
    """
    answers = {name: tuple(map(read_answers, tables)) for name, tables in models.items()}
    own = {name: sorted(set(before) & set(after)) for name, (before, after) in answers.items()}
    common = sorted(set.intersection(*map(set, own.values())))
    return {
        name: {
            "own": _numbers(*answers[name], own[name], n_draws, seed),
            "common": _numbers(*answers[name], common, n_draws, seed),
        }
        for name in models
    }


def read_answers(predictions: pa.Table) -> Answers:
    """The answers of a predictions table."""
    columns = (predictions[key].to_pylist() for key in ("example_id", "program_id", "correct"))
    return {example: (program, right) for example, program, right in zip(*columns, strict=True)}


def _numbers(
    before: Answers, after: Answers, examples: list[str], n_draws: int, seed: int
) -> Numbers:
    """n, n_programs; original, edited and broken, each with estimate, lower, upper; None where n is
    0. `broken` is a share of the n_right that are right before the edit."""
    right = [example for example in examples if before[example][1]]
    return {
        "n": len(examples),
        "n_programs": len({before[example][0] for example in examples}),
        "n_right": len(right),
        "original": _rate(before, examples, n_draws, seed),
        "edited": _rate(after, examples, n_draws, seed),
        "broken": _rate({e: (p, not ok) for e, (p, ok) in after.items()}, right, n_draws, seed),
    }


def _rate(answers: Answers, examples: list[str], n_draws: int, seed: int) -> Numbers | None:
    if not examples:
        return None
    programs, rights = zip(*(answers[example] for example in examples), strict=True)
    curve = curve_numbers(np.array(rights, dtype=float)[:, None], programs, n_draws, seed)
    return {key: value[0] for key, value in curve.items()}
