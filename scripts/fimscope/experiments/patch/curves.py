"""Curves over points out of a patch table: one row a recipient, one column a point."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimscope.errors import UserError
from fimscope.experiments.patch.pairs import DONOR_KINDS
from fimscope.experiments.patch.tables import PATCHES
from fimscope.files.tables import Table, read_table

if TYPE_CHECKING:
    from pandas import DataFrame

EFFECT_DECIMALS = 3  # a sweep is exact to 1e-3 logits: what is smaller is no effect


@dataclass(frozen=True)
class Curve:
    """One value a recipient and point.

    values     [recipient, point], float64
    programs   [recipient], the recipient's program
    pairs      [recipient], the pair's name, sorted
    """

    values: NDArray[np.float64]
    programs: NDArray[np.str_]
    pairs: NDArray[np.str_]


@dataclass(frozen=True)
class Sweep:
    """What a condition's patches at one position give at every point.

    points       [point]
    effects      donor kind -> normalised effect, 0 the recipient's own, 1 the donor's
    flips        donor kind -> 1 where the prediction becomes the target, else 0
    n_small_gap  pairs without a normalised effect: donor and recipient differ by too little
    """

    condition: str
    position: str
    points: list[int]
    effects: dict[str, Curve]
    flips: dict[str, Curve]
    n_pairs: int
    n_small_gap: int


def read_sweep(path: Path, pairs: pa.Table, position: str, n_points: int = 1) -> Sweep:
    """The curves of one patch table.

    pairs      the pairs table: it names the target of each pair
    n_points   of the windows: how many points are patched at once, from the curve's point on
    raises     UserError where the table holds several conditions, lacks the position, names a pair
               that `pairs` lacks, or lacks a point of a pair
    """
    columns = ["point", "n_points", "position"]
    frame = read_frame(path, PATCHES, columns)
    if frame.empty:  # a condition for which no pair was found
        return Sweep(path.stem, position, [], {}, {}, 0, 0)
    if position not in set(frame["position"]):
        found = ", ".join(sorted(frame["position"].unique()))
        raise UserError(f"{path}: no patches at position {position!r}; it holds: {found}")
    frame = frame[(frame["position"] == position) & (frame["n_points"] == n_points)]
    return sweep_of(path, frame.copy(), pairs, position, "point")


def read_frame(path: Path, kind: Table, columns: list[str]) -> "DataFrame":
    """The keys and measures of a table of patches, and some more of its columns.

    raises   UserError where it holds several conditions
    """
    keys = ["condition", "pair_id", "program_id", "donor_kind"]
    measures = ["predicted_token_id", "normalised_effect"]
    frame = read_table(path, kind, [*keys, *columns, *measures]).to_pandas()
    conditions = sorted(frame["condition"].unique())
    if len(conditions) > 1:
        raise UserError(f"{path}: conditions {conditions} found, one expected in each file")
    return frame


def sweep_of(path: Path, frame: "DataFrame", pairs: pa.Table, position: str, what: str) -> Sweep:
    """The curves of rows that `read_frame` gave, over their column `point`.

    frame      of one position; it gets a column `flip`
    what       a point has, in the words of an error
    raises     UserError where a pair lacks one, has several rows at one, or is not in `pairs`
    """
    frame["flip"] = (frame["predicted_token_id"] == _targets(path, frame, pairs)).astype(float)
    effects, flips, small = {}, {}, set()
    kinds = set(frame["donor_kind"])
    for kind in [*DONOR_KINDS, *sorted(kinds - set(DONOR_KINDS))]:
        if kind not in kinds:
            continue
        rows = frame[frame["donor_kind"] == kind]
        flips[kind] = _curve(path, rows, "flip")
        if np.isnan(flips[kind].values).any():
            raise UserError(f"{path}: {kind} lacks a {what} of a pair; run its sweep again")
        effect = _curve(path, rows, "normalised_effect")
        known = ~np.isnan(effect.values).any(axis=1)
        small |= set(effect.pairs[~known])
        if known.any():
            effects[kind] = Curve(
                np.round(effect.values[known], EFFECT_DECIMALS),
                effect.programs[known],
                effect.pairs[known],
            )
    return Sweep(
        condition=str(frame["condition"].iloc[0]) if len(frame) else path.stem,
        position=position,
        points=[int(point) for point in sorted(frame["point"].unique())],
        effects=effects,
        flips=flips,
        n_pairs=frame["pair_id"].nunique(),
        n_small_gap=len(small),
    )


def _targets(path: Path, frame: "DataFrame", pairs: pa.Table) -> NDArray[np.int64]:
    """The target's token of every row of a patch frame, [row]."""
    columns = ("condition", "pair_id", "target_token_id")
    of_pair = {
        (condition, pair): target
        for condition, pair, target in zip(
            *(pairs.column(name).to_pylist() for name in columns), strict=True
        )
    }
    names = zip(frame["condition"], frame["pair_id"], strict=True)
    try:
        return np.array([of_pair[name] for name in names])
    except KeyError as error:
        raise UserError(f"{path}: pair {error} is not in the pairs table it came from") from None


def _curve(path: Path, rows: "DataFrame", measure: str) -> Curve:
    if rows.duplicated(["pair_id", "point"]).any():
        raise UserError(f"{path}: a pair has several rows at one place; run its sweep again")
    values = rows.pivot(index="pair_id", columns="point", values=measure).sort_index()
    programs = rows.drop_duplicates("pair_id").set_index("pair_id")["program_id"]
    return Curve(
        values=values.to_numpy(dtype=np.float64),
        programs=programs.loc[values.index].to_numpy(dtype=str),
        pairs=values.index.to_numpy(dtype=str),
    )
