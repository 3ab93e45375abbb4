"""A rung of the ladder: a model, its answers before and after the edit, its sweep of `restore`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fimscope.errors import UserError
from fimscope.experiments.compare.numbers import Answers, read_answers
from fimscope.experiments.patch.curves import Sweep, read_sweep
from fimscope.experiments.patch.tables import PAIRS
from fimscope.experiments.tables import PREDICTIONS
from fimscope.files.tables import read_table
from fimscope.models.prepared import Prepared, read_prepared

COLUMNS = ["example_id", "program_id", "correct"]


@dataclass(frozen=True)
class Rung:
    """One model of the ladder, as its tables tell.

    before, after   example_id -> program_id, right: of the originals, and under the edit
    """

    name: str
    model: Prepared
    before: Answers
    after: Answers
    sweep: Sweep


@dataclass(frozen=True)
class Holes:
    """The holes that every rung answered in both forms.

    before, after   [rung, hole], 0 or 1: whether the answer is right
    programs        [hole]
    """

    before: NDArray[np.float64]
    after: NDArray[np.float64]
    programs: NDArray[np.str_]


def read_rung(folder: Path, edit: str) -> Rung:
    """The rung whose tables stand in a folder, of the layout that a study's results have."""
    before, after = (
        read_answers(read_table(folder / "predictions" / f"{name}.parquet", PREDICTIONS, COLUMNS))
        for name in ("original", edit)
    )
    pairs = read_table(folder / "pairs.parquet", PAIRS)
    return Rung(
        name=folder.name,
        model=read_prepared(folder / "model"),
        before=before,
        after=after,
        sweep=read_sweep(folder / "patches" / "restore.parquet", pairs, "last"),
    )


def common_holes(rungs: Sequence[Rung]) -> Holes:
    """The holes of all rungs; raises UserError where they share none."""
    common = sorted(set.intersection(*({*rung.before} & {*rung.after} for rung in rungs)))
    if not common:
        names = ", ".join(rung.name for rung in rungs)
        raise UserError(f"{names}: no hole that all answered in both forms; ask them of one source")
    before, after = (
        np.array([[answers[hole][1] for hole in common] for answers in forms], dtype=np.float64)
        for forms in ([rung.before for rung in rungs], [rung.after for rung in rungs])
    )
    return Holes(before, after, np.array([rungs[0].before[hole][0] for hole in common]))
