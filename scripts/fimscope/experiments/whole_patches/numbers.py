"""From which point a lent whole type arrives, token by token, as plain values ready for JSON."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimscope.experiments.patch.curves import EFFECT_DECIMALS, Curve, Sweep
from fimscope.experiments.patch.numbers import (
    compare_conditions,
    points_above,
    sweep_numbers,
    verdicts_of,
)
from fimscope.experiments.patch.pairs import DONOR_KINDS
from fimscope.experiments.whole_patches.pairs import LONGER, ONE_TOKEN, length_of
from fimscope.experiments.whole_types.strata import STRATA, stratum_of
from fimscope.report.findings import verdict_of_many
from fimscope.statistics.bootstrap import Bootstrap
from fimscope.statistics.claims import judge_together
from fimscope.statistics.clustered import clustered_difference
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.numbers import Numbers, number, significant

if TYPE_CHECKING:
    from pandas import DataFrame

WHOLE, PER_TOKEN = "whole type", "mean of its tokens"
FIRST, LATER = "first token", "later tokens"
PARTS = {  # of a sweep: which length, and what is measured
    ONE_TOKEN: (WHOLE,),
    LONGER: (WHOLE, PER_TOKEN, FIRST, LATER),
}
GREEDY = (WHOLE, PER_TOKEN)  # of which the greedy answer says whether they turn
HALF = 0.5  # of the way from the recipient's log-probability to the donor's
LAST_NAMED = 4  # tokens from this one on are told together


def whole_patch_numbers(
    patches: pa.Table, pairs: pa.Table, min_gap: float, bootstrap: Bootstrap, margin: float
) -> Numbers:
    """Of every condition the sweeps, and what they say beside each other.

    min_gap   in nats, between donor and recipient
    margin    of the normalised effect

    points
    sweeps     rows of `sweep_numbers` with `length`, `part` (PARTS) and `verdict`, that it arrives;
               the effect is of summed log-probabilities, target minus foil, of PER_TOKEN of their
               means, of FIRST and LATER of the target's tokens alone; what flips is the greedy
               answer, which begins with the target, of FIRST and LATER that they regain half
    beside     of each condition the first token of longer types beside types of one (`_beside`)
    together   of each condition the later tokens beside the first (`compare_conditions`); neither
               at the last point, where what arrives does so by construction
    tokens     of each token of longer targets where it regains half (`_token_numbers`)
    kinds      of each kind of target the same of first and later tokens
    """
    frame = _frame(patches, pairs, min_gap)
    conditions = list(dict.fromkeys(frame["condition"]))
    found: Numbers = {
        "points": sorted(int(point) for point in set(frame["point"])),
        "margin": margin,
        "sweeps": [],
        "beside": [],
        "together": [],
    }
    for condition in conditions:
        own = frame[frame["condition"] == condition]
        parts = {
            (length, part): _sweep(own[own["length"] == length], condition, part)
            for length, parts in PARTS.items()
            for part in parts
        }
        rows = {}
        for (length, part), sweep in parts.items():
            if sweep.n_pairs:
                numbers = sweep_numbers(sweep, bootstrap, margin)
                verdicts = verdicts_of(numbers, numbers["comparison"])
                verdict = verdict_of_many(own for own, points in verdicts.items() if points)
                rows[length, part] = {"length": length, "part": part, **numbers, "verdict": verdict}
        found["sweeps"] += rows.values()
        one, first = parts[ONE_TOKEN, WHOLE], parts[LONGER, FIRST]
        # The last point hands over the first token's logits, and later tokens nothing.
        of_one, of_first, of_later = (
            _points_above(rows, part) - {max(first.points, default=0)}
            for part in ((ONE_TOKEN, WHOLE), (LONGER, FIRST), (LONGER, LATER))
        )
        if beside := _beside(one, first, of_one | of_first):
            found["beside"].append({"condition": condition, **beside})
        above = of_first, of_later
        later = parts[LONGER, LATER]
        if together := compare_conditions(first, later, above, margin):
            found["together"].append({"condition": condition, **together})
    _judge_beside(found["beside"], margin)
    paired = frame[(frame["donor_kind"] == "paired") & (frame["length"] == LONGER)]
    return {**found, "tokens": _token_numbers(paired, min_gap), "kinds": _kind_numbers(paired)}


def _frame(patches: pa.Table, pairs: pa.Table, min_gap: float) -> "DataFrame":
    """The patches with what their pair is, and the effect on the parts of the target."""
    frame = patches.to_pandas()
    kinds = {}
    for row in pairs.to_pylist():
        length = length_of(row["target_token_ids"], row["foil_token_ids"])
        kinds[row["pair_id"]] = length, stratum_of(row["target_form"], row["target"])
    frame["length"] = [kinds[pair][0] for pair in frame["pair_id"]]
    frame["stratum"] = [kinds[pair][1] for pair in frame["pair_id"]]
    frame[WHOLE] = frame["normalised_effect"].astype(np.float64)
    frame[PER_TOKEN] = frame["mean_effect"].astype(np.float64)
    for part, tokens in ((FIRST, slice(0, 1)), (LATER, slice(1, None))):
        after, before, donor = (
            np.array([own[tokens].sum(dtype=np.float64) for own in frame[column]])
            for column in ("token_logprobs", "recipient_token_logprobs", "donor_token_logprobs")
        )
        frame[part] = regained(after, before, donor, min_gap)
    return frame


def regained(
    after: NDArray[np.float64],
    before: NDArray[np.float64],
    donor: NDArray[np.float64],
    min_gap: float,
) -> NDArray[np.float64]:
    """How much of the way from `before` to `donor` log-probabilities have gone, 0 to 1 and beyond.

    NaN where the donor has not at least `min_gap` more: it has nothing to bring.
    """
    gap = donor - before
    return np.where(gap >= min_gap, (after - before) / np.where(gap >= min_gap, gap, 1), np.nan)


def _sweep(frame: "DataFrame", condition: str, part: str) -> Sweep:
    """The curves of a part of the type by kind of donor, of the pairs that have its effect."""
    effects, flips = {}, {}
    small: set[str] = set()
    turned = frame["turned"] if part in GREEDY else frame[part] >= HALF
    frame = frame.assign(flip=turned.astype(float))
    for kind in DONOR_KINDS:
        rows = frame[frame["donor_kind"] == kind]
        if rows.empty:
            continue
        known = rows[rows[part].notna()]
        small |= set(rows["pair_id"]) - set(known["pair_id"])
        # The greedy answer is there without a normalised effect too.
        flips[kind] = _curve(rows if part in GREEDY else known, "flip")
        if len(known):
            effects[kind] = _curve(known, part)
    points = sorted(int(point) for point in set(frame["point"]))
    flips = {kind: curve for kind, curve in flips.items() if len(curve.values)}
    return Sweep(condition, part, points, effects, flips, frame["pair_id"].nunique(), len(small))


def _curve(rows: "DataFrame", measure: str) -> Curve:
    values = rows.pivot(index="pair_id", columns="point", values=measure).sort_index()
    programs = rows.drop_duplicates("pair_id").set_index("pair_id")["program_id"]
    return Curve(
        np.round(values.to_numpy(dtype=np.float64), EFFECT_DECIMALS),
        programs.loc[values.index].to_numpy(dtype=str),
        values.index.to_numpy(dtype=str),
    )


def _points_above(rows: Mapping[tuple[str, str], Numbers], part: tuple[str, str]) -> set[int]:
    """The points at which a part does more than its controls."""
    return set(points_above(rows[part]["comparison"])) if part in rows else set()


def _beside(one: Sweep, longer: Sweep, points: set[int]) -> Numbers | None:
    """The mean effect on the first token of longer types minus that on types of one token.

    returns   rows of `points`, each a difference of two groups of recipients, clustered by program;
              None where a group has no effect or there is no point at which one arrives
    """
    curves = [sweep.effects.get("paired") for sweep in (longer, one)]
    places = [place for place, point in enumerate(one.points) if point in points]
    if None in curves or not places:
        return None
    values = np.concatenate([curve.values[:, places] for curve in curves])
    is_longer = np.repeat([True, False], [len(curve.values) for curve in curves])
    programs = np.concatenate([curve.programs for curve in curves])
    difference, p = clustered_difference(values, is_longer, programs)
    return {
        "n_longer": len(curves[0].values),
        "n_one_token": len(curves[1].values),
        "points": [
            {"point": one.points[place], **difference[i].numbers(), "p": significant(p[i])}
            for i, place in enumerate(places)
        ],
    }


def _judge_beside(rows: Sequence[Numbers], margin: float) -> None:
    """Put verdicts into the points of each row, its points one family; and `verdict` of all."""
    for row in rows:
        judge_together(row["points"], margin)
        row["verdict"] = verdict_of_many(point["verdict"] for point in row["points"])


def _token_numbers(paired: "DataFrame", min_gap: float) -> list[Numbers]:
    """Of each token of the target, the tokens that the donor makes likelier, by how much comes.

    paired   patches of longer targets with their paired donors, all conditions

    token      1 is the first; from LAST_NAMED on all together
    n, n_programs, estimate, lower, upper   of the share that regains half at some point
    point      the median of the first points at which those that do regain it; None where none does
    largest    the largest mean of the points, of the way to the donor
    """
    rows: dict[int, list[tuple[str, NDArray[np.float64]]]] = {}
    for _, own in paired.sort_values("point").groupby("pair_id", sort=True):
        after, before, donor = (
            np.array([list(values) for values in own[column]])
            for column in ("token_logprobs", "recipient_token_logprobs", "donor_token_logprobs")
        )
        found = regained(after, before, donor, min_gap)
        for token in range(found.shape[1]):
            if not np.isnan(found[0, token]):
                named = min(token + 1, LAST_NAMED)
                rows.setdefault(named, []).append((own["program_id"].iloc[0], found[:, token]))
    points = np.array(sorted(set(paired["point"])))
    return [{"token": token, **_half_numbers(rows[token], points)} for token in sorted(rows)]


def _half_numbers(
    curves: Sequence[tuple[str, NDArray[np.float64]]], points: NDArray[np.int64]
) -> Numbers:
    """Of some curves [point] with their programs how many reach half, and where."""
    programs = [program for program, _ in curves]
    values = np.array([curve for _, curve in curves])
    reached = values >= HALF
    does = reached.any(axis=1)
    firsts = points[reached[does].argmax(axis=1)]
    return {
        **Clustered.of(does.astype(float), programs).rate().numbers(),
        "point": int(np.quantile(firsts, 0.5, method="inverted_cdf")) if len(firsts) else None,
        "largest": number(values.mean(axis=0).max()),
    }


def _kind_numbers(paired: "DataFrame") -> list[Numbers]:
    """Of each kind of longer target, over all conditions, what first and later tokens regain.

    n_pairs; and of each part `_half_numbers` of the pairs that have it, None where none has
    """
    found = []
    points = np.array(sorted(set(paired["point"])))
    for stratum in STRATA:
        own = paired[paired["stratum"] == stratum].sort_values("point")
        if own.empty:
            continue
        parts = {}
        for part in (FIRST, LATER):
            curves = [
                (rows["program_id"].iloc[0], rows[part].to_numpy())
                for _, rows in own[own[part].notna()].groupby("pair_id", sort=True)
            ]
            parts[part] = _half_numbers(curves, points) if curves else None
        found.append({"kind": stratum, "n_pairs": own["pair_id"].nunique(), "parts": parts})
    return found
