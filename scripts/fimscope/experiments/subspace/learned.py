"""What learned subspaces carry beside the directions between types, as plain values."""

from typing import TYPE_CHECKING

import pyarrow as pa

from fimscope.experiments.subspace.numbers import effects_of
from fimscope.statistics.claims import judge_together
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.numbers import Numbers, number
from fimscope.statistics.paired import paired_numbers

if TYPE_CHECKING:
    from pandas import DataFrame

RIVALS = ("types", "random")  # of a learned subspace, at its rank


def learned_numbers(
    learned: pa.Table, learned_patches: pa.Table, patches: pa.Table, margin: float
) -> Numbers | None:
    """The numbers of the learned subspaces, out of their two tables and the patches of the others.

    margin   within which of 0 a difference of effects counts as none

    point, n_fit, n_select
    rank       chosen: the smallest that was learned whose mean effect is half of the whole stream's
               on `select`, over all conditions; the largest where none is
    subspaces  a row a rank: step, first_loss, loss, types_share, chance_share
    rows       a row a condition and rank, of `test` (`_row`); one family of tests (Holm)

    None where nothing was learned, or no pair of `test` has an effect.
    """
    subspaces = learned.to_pylist()
    if not subspaces:
        return None
    point = subspaces[0]["point"]
    frame = pa.concat_tables([patches, learned_patches]).to_pandas()
    # Those whose donor is of another group than their recipient have no learned part.
    asked = frame["pair_id"].isin(learned_patches["pair_id"].to_pylist())
    frame = frame[(frame["point"] == point) & asked]
    selected, tested = (frame[frame["group"] == group] for group in ("select", "test"))
    ranks = sorted(row["rank"] for row in subspaces)
    rows = [
        row
        for condition, own in tested.groupby("condition", sort=False)
        for rank in ranks
        if (row := _row(own, str(condition), rank))
    ]
    if not rows:
        return None
    judge_together([test for row in rows for test in row["beside"].values()], margin)
    whole, own = effects_of(selected, "whole"), effects_of(selected, "learned").mean()
    half = whole.mean().iloc[0] / 2 if len(whole) else float("inf")
    reached = [rank for rank in ranks if rank in own.index and own[rank] >= half]
    keys = ("first_loss", "loss", "types_share", "chance_share")
    return {
        "point": point,
        "n_fit": subspaces[0]["n_fit"],
        "n_select": subspaces[0]["n_select"],
        "rank": reached[0] if reached else ranks[-1],
        "subspaces": [
            {
                **{key: row[key] for key in ("rank", "step")},
                **{key: None if row[key] is None else number(row[key]) for key in keys},
            }
            for row in subspaces
        ],
        "rows": rows,
    }


def _row(frame: "DataFrame", condition: str, rank: int) -> Numbers | None:
    """One condition and rank.

    effects   part -> its mean effect: learned, whole, and each rival that has this rank
    share     of the whole's mean effect
    beside    rival -> learned minus rival, paired
    """
    effects = {part: effects_of(frame, part) for part in ("learned", *RIVALS)}
    whole = effects_of(frame, "whole")
    if not len(whole) or rank not in effects["learned"]:
        return None
    of_pair = frame.drop_duplicates("pair_id").set_index("pair_id")["program_id"]
    programs = of_pair.loc[whole.index].to_numpy(dtype=str)
    values = {
        part: own.loc[whole.index, rank].to_numpy() for part, own in effects.items() if rank in own
    }
    means = {
        part: Clustered.of(own, programs).mean().numbers()
        for part, own in {**values, "whole": whole.iloc[:, 0].to_numpy()}.items()
    }
    return {
        "condition": condition,
        "rank": rank,
        "n_pairs": len(whole),
        "n_programs": len(set(programs)),
        "effects": means,
        "share": number(means["learned"]["estimate"] / means["whole"]["estimate"]),
        "beside": {
            rival: paired_numbers(values["learned"] - values[rival], programs)
            for rival in RIVALS
            if rival in values
        },
    }
