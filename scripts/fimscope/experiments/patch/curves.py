"""Curves over points out of a patch table: one row a recipient, one column a point."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimscope.errors import UserError
from fimscope.experiments.components.tables import COMPONENTS
from fimscope.experiments.patch.pairs import DONOR_KINDS
from fimscope.experiments.patch.tables import PATCHES
from fimscope.files.tables import Table, read_table
from fimscope.statistics.stats import LEVEL, Resampled, holm, resample_means, sign_test

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


@dataclass(frozen=True)
class Comparison:
    """The paired donor against every control at every point, in one family of tests.

    difference   control -> [point], mean of paired minus control, on the recipients with all kinds
    adjusted_p   control -> [point], Holm's over all points and all controls
    above        [point], the difference is positive and its p under 0.05 for every control
    """

    difference: dict[str, NDArray[np.float64]]
    adjusted_p: dict[str, NDArray[np.float64]]
    above: NDArray[np.bool_]
    n_pairs: int
    n_programs: int


def read_sweep(path: Path, pairs: pa.Table, position: str, n_points: int = 1) -> Sweep:
    """The curves of one patch table.

    pairs      the pairs table: it names the target of each pair
    n_points   of the windows: how many points are patched at once, from the curve's point on
    raises     UserError where the table holds several conditions, lacks the position, names a pair
               that `pairs` lacks, or lacks a point of a pair
    """
    columns = ["point", "n_points", "position"]
    frame = _read_frame(path, PATCHES, columns)
    if frame.empty:  # a condition for which no pair was found
        return Sweep(path.stem, position, [], {}, {}, 0, 0)
    if position not in set(frame["position"]):
        found = ", ".join(sorted(frame["position"].unique()))
        raise UserError(f"{path}: no patches at position {position!r}; it holds: {found}")
    frame = frame[(frame["position"] == position) & (frame["n_points"] == n_points)]
    return _sweep_of(path, frame.copy(), pairs, position, "point")


def read_positions(path: Path) -> list[tuple[str, int]]:
    """The positions and sizes of windows of a patch table, in its order."""
    table = read_table(path, PATCHES, ["position", "n_points"])
    return list(dict.fromkeys(zip(*(column.to_pylist() for column in table.columns), strict=True)))


def read_components(path: Path, pairs: pa.Table, component: str) -> Sweep:
    """The curves of one kind of component, over its blocks in place of points.

    component   attention_output, mlp_output, or head, whose places are numbered block by block:
                head i of block b is place b * n_heads + i
    raises      UserError as `read_sweep` does
    """
    frame = _read_frame(path, COMPONENTS, ["component", "block", "head"])
    if frame.empty:
        return Sweep(path.stem, component, [], {}, {}, 0, 0)
    frame = frame[frame["component"] == component].copy()
    n_heads = int(frame["head"].max()) + 1 if component == "head" else 1
    frame["point"] = frame["block"] * n_heads + frame["head"].fillna(0).astype(int)
    return _sweep_of(path, frame, pairs, component, "place")


def _read_frame(path: Path, kind: Table, columns: list[str]) -> "DataFrame":
    """Some columns of a table of patches. raises UserError where it holds several conditions."""
    keys = ["condition", "pair_id", "program_id", "donor_kind"]
    measures = ["predicted_token_id", "normalised_effect"]
    frame = read_table(path, kind, [*keys, *columns, *measures]).to_pandas()
    conditions = sorted(frame["condition"].unique())
    if len(conditions) > 1:
        raise UserError(f"{path}: conditions {conditions} found, one expected in each file")
    return frame


def _sweep_of(path: Path, frame: "DataFrame", pairs: pa.Table, position: str, what: str) -> Sweep:
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


def resample_curves(curves: Mapping[str, Curve], n_draws: int, seed: int) -> dict[str, Resampled]:
    """Every curve's mean and its spread over programs; the same draws for each kind of donor."""
    return {
        kind: resample_means(curve.values, curve.programs, n_draws, seed)
        for kind, curve in curves.items()
    }


def half_reached(curves: NDArray[np.float64]) -> NDArray[np.int64]:
    """Where each curve [..., point] first reaches half of its maximum, [...].

    A curve that is never above 0 reaches it nowhere: it gets its last place.
    """
    peak = curves.max(axis=-1, keepdims=True)
    first = (curves >= peak / 2).argmax(axis=-1)
    return np.where(peak[..., 0] > 0, first, curves.shape[-1] - 1)


def compare_to_controls(curves: Mapping[str, Curve]) -> Comparison | None:
    """At which points the paired donor does more than each of its controls.

    A sign test over programs at each point against each control, exact however few programs differ;
    all points and all controls are one family (Holm 1979). None where there is no paired donor, no
    control, or no recipient that has them all.
    """
    controls = [kind for kind in curves if kind != "paired"]
    if "paired" not in curves or not controls:
        return None
    common = sorted(set.intersection(*(set(curve.pairs) for curve in curves.values())))
    if not common:
        return None
    kept = {kind: curve.values[np.isin(curve.pairs, common)] for kind, curve in curves.items()}
    programs = curves["paired"].programs[np.isin(curves["paired"].pairs, common)]
    differences = {control: kept["paired"] - kept[control] for control in controls}
    p_values = [sign_test(column, programs) for d in differences.values() for column in d.T]
    adjusted = np.array(holm(p_values)).reshape(len(controls), -1)
    means = {control: d.mean(axis=0) for control, d in differences.items()}
    return Comparison(
        difference=means,
        adjusted_p=dict(zip(controls, adjusted, strict=True)),
        above=(adjusted < 1 - LEVEL).all(axis=0) & (np.array([*means.values()]) > 0).all(axis=0),
        n_pairs=len(common),
        n_programs=len(set(programs)),
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
