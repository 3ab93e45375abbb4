"""What subspaces of the stream carry, as plain values ready for JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimscope.experiments.patch.curves import EFFECT_DECIMALS
from fimscope.statistics.bootstrap import Bootstrap, middle
from fimscope.statistics.claims import judge_together
from fimscope.statistics.estimate import Floats
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.numbers import Numbers, number
from fimscope.statistics.paired import paired_numbers, paired_rates

if TYPE_CHECKING:
    from pandas import DataFrame

PARTS = ("types", "variance", "random", "complement")
RIVALS = ("random", "variance", "complement")  # of the types' subspace, at its rank
WRITTEN_RIVALS = ("random", "variance")  # of the same, where the gold's mean is written into it


def subspace_numbers(
    directions: pa.Table,
    patches: pa.Table,
    means: pa.Table,
    bootstrap: Bootstrap,
    effect_margin: float,
    accuracy_margin: float,
) -> Numbers:
    """All numbers of the section, out of its three tables.

    types, n_directions, d_model, points, ranks
    shares     point -> [direction], of the scatter of the types' means
    chosen     point -> rank: the smallest whose mean effect is half of the whole stream's, on
               `select`, over all conditions; all directions where none is
    patches    a row a condition and point, of `test` (`_patch_numbers`)
    wrong_type   a row a point: whether the types' directions carry another share of a wrong type
               than of a right one (`_wrong_type`)
    means      what writing the gold's mean does (`_means_numbers`); None where nothing was written
    """
    spans = directions.to_pydict()
    points = sorted(set(spans["point"]))
    found: Numbers = {
        "types": spans["types"][0] if points else [],
        "points": points,
        "shares": {
            str(point): [
                number(share)
                for own, share in zip(spans["point"], spans["share"], strict=True)
                if own == point
            ]
            for point in points
        },
    }
    frame = patches.to_pandas()
    if not points or frame.empty:
        nothing = {"n_directions": 0, "chosen": {}, "means": None}
        return {**found, **nothing, "patches": [], "wrong_type": []}
    whole = frame["donor_kind"] == "whole"
    found["d_model"] = int(frame.loc[whole, "rank"].iloc[0])
    found["ranks"] = sorted(int(rank) for rank in set(frame.loc[~whole, "rank"]))
    found["n_directions"] = len(found["shares"][str(points[0])])
    selected, tested = (frame[frame["group"] == group] for group in ("select", "test"))
    chosen = {point: _choose_rank(selected[selected["point"] == point]) for point in points}
    chosen = {point: rank or found["n_directions"] for point, rank in chosen.items()}
    rows = [
        _patch_numbers(own, condition, point, chosen[point], bootstrap)
        for (condition, point), own in tested.groupby(["condition", "point"], sort=False)
    ]
    rows = [row for row in rows if row["n_pairs"]]
    tests = [row["beside"][rival] for row in rows for rival in RIVALS]
    judge_together(tests, effect_margin)
    return {
        **found,
        "chosen": {str(point): rank for point, rank in chosen.items()},
        "n_selected": int(selected["pair_id"].nunique()),
        "margin": effect_margin,
        "patches": rows,
        "wrong_type": [
            row
            for point in points
            if (row := _wrong_type(tested[tested["point"] == point], chosen[point], bootstrap))
        ],
        "means": _means_numbers(means.to_pandas(), accuracy_margin),
    }


def effects_of(frame: "DataFrame", part: str) -> "DataFrame":
    """The normalised effects of a part of the stream, pair by rank; of random ones the mean.

    Pairs whose gap is too small are left out.
    """
    rows = frame[(frame["donor_kind"] == part) & frame["normalised_effect"].notna()]
    wide = rows.pivot_table(
        index="pair_id", columns="rank", values="normalised_effect", aggfunc="mean"
    )
    return wide.sort_index().astype(np.float64).round(EFFECT_DECIMALS)


def _choose_rank(frame: "DataFrame") -> int | None:
    """The smallest rank at which the types have half of the whole's mean effect; None without."""
    whole, types = effects_of(frame, "whole"), effects_of(frame, "types")
    if not len(whole) or not len(types):
        return None
    reached = types.mean() >= whole.mean().iloc[0] / 2
    return int(types.columns[reached][0]) if reached.any() else None


def _patch_numbers(
    frame: "DataFrame", condition: str, point: int, rank: int, bootstrap: Bootstrap
) -> Numbers:
    """One condition at one point.

    rank      the chosen one
    curves    part -> ranks, and the mean effect at each with its interval
    whole     the whole stream's mean effect
    at_rank   part -> its mean effect at the chosen rank
    share     of the whole's effect, under the chosen rank: of means, with its interval
    half      part -> the smallest rank that has half of the whole's mean effect, with its interval;
              d_model where no rank that was tried has it
    beside    rival -> types minus rival at the chosen rank, paired
    """
    whole = effects_of(frame, "whole")
    found: Numbers = {"condition": condition, "point": int(point), "rank": rank}
    if not len(whole):
        return {**found, "n_pairs": 0}
    d_model = int(whole.columns[0])
    of_pair = frame.drop_duplicates("pair_id").set_index("pair_id")["program_id"]
    programs = of_pair.loc[whole.index].to_numpy(dtype=str)
    effects = {part: effects_of(frame, part).loc[whole.index] for part in PARTS}
    curves = {}
    for part, own in effects.items():
        mean = Clustered.of(own.to_numpy(), programs).mean()
        curves[part] = {"ranks": [int(rank) for rank in own.columns], **mean.ends()}
    resampled = {
        part: bootstrap.resample(np.hstack([own.to_numpy(), whole.to_numpy()]), programs)
        for part, own in effects.items()
    }
    place = list(effects["types"].columns).index(rank)
    shares = resampled["types"].draws[:, place] / resampled["types"].draws[:, -1]
    ends = middle(shares)
    value = resampled["types"].value
    return {
        **found,
        "n_pairs": len(whole),
        "n_programs": len(set(programs)),
        "whole": Clustered.of(whole.to_numpy()[:, 0], programs).mean().numbers(),
        "curves": curves,
        "at_rank": {
            part: Clustered.of(own[rank].to_numpy(), programs).mean().numbers()
            for part, own in effects.items()
        },
        "share": {
            "estimate": number(value[place] / value[-1]),
            "lower": number(ends.lower),
            "upper": number(ends.upper),
        },
        "half": {
            part: _half(
                resampled[part].value, resampled[part].draws, [*effects[part].columns, d_model]
            )
            for part in ("types", "variance", "random")
        },
        "beside": {
            rival: paired_numbers(
                (effects["types"][rank] - effects[rival][rank]).to_numpy(), programs
            )
            for rival in RIVALS
        },
    }


def _wrong_type(frame: "DataFrame", rank: int, bootstrap: Bootstrap) -> Numbers | None:
    """Whether what carries the right type carries a wrong one too, at one point.

    The types' share of the whole's mean effect at the chosen rank under `break`, which brings the
    wrong answer's type into the original, minus that under `restore`, which brings the right one
    back, on the examples that have both; with the middle 95% of draws of programs. None where
    either condition has no effect to compare.
    """
    from pandas import concat

    columns, programs = [], frame.drop_duplicates("example_id").set_index("example_id")
    for condition in ("break", "restore"):
        own = frame[frame["condition"] == condition]
        for part, column in (("types", rank), ("whole", None)):
            effects = effects_of(own, part)
            if effects.empty:
                return None
            values = effects[column] if column else effects.iloc[:, 0]
            columns.append(values.rename(lambda pair: pair.partition("-")[2]))
    both = concat(columns, axis=1, join="inner").sort_index()
    if both.empty:
        return None
    own_programs = programs.loc[both.index, "program_id"].to_numpy(dtype=str)
    resampled = bootstrap.resample(both.to_numpy(), own_programs)

    def difference(means: Floats) -> Floats:
        wrong, all_wrong, right, all_right = np.moveaxis(means, -1, 0)
        return wrong / all_wrong - right / all_right

    ends = middle(difference(resampled.draws))
    return {
        "point": int(frame["point"].iloc[0]),
        "rank": rank,
        "n": len(both),
        "n_programs": len(set(own_programs)),
        "estimate": number(difference(resampled.value)),
        "lower": number(ends.lower),
        "upper": number(ends.upper),
    }


def _half(value: Floats, draws: Floats, ranks: Sequence[int]) -> Numbers:
    """The smallest rank that has half of the last one's effect.

    value   [rank]; draws [draw, rank]; the last is the whole stream
    """
    of_rank = np.array(ranks)

    def first(curves: Floats) -> NDArray[np.int64]:
        return of_rank[(curves >= curves[..., -1:] / 2).argmax(axis=-1)]

    ends = middle(first(draws), method="inverted_cdf")
    return {
        "estimate": int(first(value)),
        "lower": int(ends.lower),
        "upper": int(ends.upper),
    }


def _means_numbers(frame: "DataFrame", margin: float) -> Numbers | None:
    """What writing the gold's mean into the types' subspace mends and spoils.

    point, rank   where its net is largest on `select`, of the whole stream's and the types'; of
                  equal ones the smallest rank, then the first point
    rows          part -> mended (of the wrong), spoilt (of the right) and net (of all), on `test`
    tests         the net against 0 and against each of WRITTEN_RIVALS, adjusted together
    """
    if frame.empty:
        return None
    frame = frame.assign(change=_change(frame))
    selected, tested = (frame[frame["group"] == group] for group in ("select", "test"))
    own = selected[selected["part"] == "types"]
    if own.empty or tested.empty:
        return None
    nets = own.groupby(["rank", "point"])["change"].mean()
    rank, point = (int(value) for value in nets.idxmax())
    at = tested[tested["point"] == point]
    chosen = {
        part: at[(at["part"] == part) & (at["rank"] == rank)] for part in ("types", *WRITTEN_RIVALS)
    }
    chosen["whole"] = at[at["part"] == "whole"]
    changes = {part: rows.groupby("example_id")["change"].mean() for part, rows in chosen.items()}
    first = chosen["types"].set_index("example_id").sort_index()
    programs, wrong = first["program_id"].to_numpy(dtype=str), first["outcome"] == "wrong"
    own_change = changes["types"].loc[first.index]
    over = {rival: own_change - changes[rival].loc[first.index] for rival in WRITTEN_RIVALS}
    tests = {
        name: paired_rates(change.to_numpy(), programs)
        for name, change in {"none": own_change, **over}.items()
    }
    judge_together(list(tests.values()), margin)
    return {
        "point": point,
        "rank": rank,
        "n_selected": int(own["example_id"].nunique()),
        "n": len(first),
        "n_programs": len(set(programs)),
        "rows": {
            part: _rates(own.loc[first.index].to_numpy(), wrong.to_numpy(), programs)
            for part, own in changes.items()
        },
        "tests": tests,
    }


def _change(frame: "DataFrame") -> NDArray[np.float64]:
    """1 where a wrong answer becomes the gold, -1 where a right one leaves it, else 0."""
    wrong, gold = (frame["outcome"] == "wrong").to_numpy(), frame["to_gold"].to_numpy(dtype=bool)
    return np.where(wrong, gold, -1.0 * ~gold)


def _rates(change: Floats, wrong: NDArray[np.bool_], programs: NDArray[np.str_]) -> Numbers:
    """mended, of the wrong; spoilt, of the right; net, of all: each a rate with its interval."""
    parts = {
        "mended": (change[wrong], programs[wrong]),
        "spoilt": (-change[~wrong], programs[~wrong]),
    }
    return {
        **{
            name: Clustered.of(*own).rate().numbers() if len(own[0]) else None
            for name, own in parts.items()
        },
        "net": Clustered.of(change, programs).difference().numbers(),
    }
