"""How often a whole completed type is the gold, by the compiler's verdicts and by kind of gold."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from fimscope.experiments.accuracy.baselines import baseline_ranks
from fimscope.experiments.whole_types.strata import STRATA, stratum_of
from fimscope.experiments.whole_types.verdicts import VERDICTS
from fimscope.statistics.claims import difference_numbers, judge_together
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.numbers import Numbers, number

if TYPE_CHECKING:
    from pandas import DataFrame, Series

Row = Mapping[str, Any]
ALL, ONE_TOKEN, LONGER = "all golds", "of one token", "of more tokens"
RENAMED = ("rename_types", "rename_vars")  # edits that are held against each other
BASELINE = "name"  # what holes of the same kind and name have in other packages


def whole_numbers(
    verdicts: Mapping[str, pa.Table], examples: Sequence[Row], margin: float
) -> Numbers:
    """Of every edit the verdicts, over all golds, by their number of tokens, and by stratum.

    verdicts   edit -> its table, `original` among them
    examples   all of the study, with package, kind, name and gold of the hole in the original
    margin     within which of 0 a difference of two shares counts as none

    edits     edit -> group -> `group_numbers`; the gains of all are one family of tests (Holm)
    changes   of each other edit and group: the share right under the edit minus that of the same
              examples in the original, all of them one family of tests (Holm)
    apart     where the study has both edits of RENAMED, of each group the share right under the
              first minus that under the second, on the same examples, another family
    """
    ranks = baseline_ranks(examples, 1)[BASELINE]
    names = (row["example_id"] for row in examples)
    guessed = dict(zip(names, (ranks == 0).tolist(), strict=True))
    frames = {edit: _frame(table, guessed) for edit, table in verdicts.items()}
    before = frames["original"].set_index("example_id")["right"]
    changes = [
        {"edit": edit, "group": group, **_change(rows, before)}
        for edit, frame in frames.items()
        if edit != "original"
        for group, rows in _groups(frame[frame["example_id"].isin(before.index)]).items()
    ]
    judge_together(changes, margin)
    apart = _apart(frames)
    judge_together(apart, margin)
    edits = {
        edit: {group: group_numbers(rows) for group, rows in _groups(frame).items()}
        for edit, frame in frames.items()
    }
    judge_together([row["gain"] for groups in edits.values() for row in groups.values()], margin)
    return {
        "edits": edits,
        "changes": changes,
        "apart": apart,
    }


def group_numbers(rows: "DataFrame") -> Numbers:
    """The verdicts on some answers: counts, and shares with 95% intervals over programs.

    n_any       of those that check, how many are `any` to the compiler: they check anywhere
    n_unended   of those that fail, how many completions have not ended
    right       by the verdicts that answers.right counts
    baseline    share of these holes whose gold, spelled alike, is the commonest of holes of the
                same kind and name in the other packages
    gain        the share right minus the baseline, on the same holes
    """
    given = rows["verdict"].to_numpy()
    shares = np.column_stack([rows["right"], *(given == verdict for verdict in VERDICTS)])
    rates = Clustered.of(shares, rows["program_id"].to_numpy()).rate()
    right, *by_verdict = (rates[column].numbers() for column in range(shares.shape[1]))
    return {
        "n": len(rows),
        "n_programs": rates.n_programs,
        "n_verdicts": {verdict: int((given == verdict).sum()) for verdict in VERDICTS},
        "n_any": int(rows["is_any"].sum()),
        "n_unended": int((~rows["ended"]).sum()),
        "right": right,
        "verdicts": dict(zip(VERDICTS, by_verdict, strict=True)),
        "baseline": number(rows["guessed"].mean()),
        "gain": difference_numbers(
            rows["right"].astype(float) - rows["guessed"].astype(float),
            rows["program_id"].to_numpy(),
        ),
    }


def _frame(table: pa.Table, guessed: Mapping[str, bool]) -> "DataFrame":
    """The verdicts, each with its stratum and whether the baseline guesses its gold."""
    frame = table.to_pandas()
    pairs = zip(frame["form"], frame["gold"], strict=True)
    frame["stratum"] = [stratum_of(form, gold) for form, gold in pairs]
    frame["guessed"] = [guessed[example] for example in frame["example_id"]]
    return frame


def _groups(frame: "DataFrame") -> "dict[str, DataFrame]":
    """The rows of each group that has any; every row is in three of them."""
    is_one = frame["n_gold_tokens"] == 1
    masks = {
        ALL: is_one | ~is_one,
        ONE_TOKEN: is_one,
        LONGER: ~is_one,
        **{stratum: frame["stratum"] == stratum for stratum in STRATA},
    }
    return {group: frame[mask] for group, mask in masks.items() if mask.any()}


def _apart(frames: "Mapping[str, DataFrame]") -> list[Numbers]:
    """Of each group how the first edit of RENAMED differs from the second; none without both."""
    if not set(RENAMED) <= frames.keys():
        return []
    one, other = (frames[edit].set_index("example_id") for edit in RENAMED)
    originals = frames["original"].set_index("example_id")["right"]
    # The original's gold says the group: under an edit that renames types it is another text.
    both = frames["original"][frames["original"]["example_id"].isin(one.index)]
    both = both[both["example_id"].isin(other.index)]
    found = []
    for group, rows in _groups(both).items():
        names = rows["example_id"]
        right, was = (own.loc[names, "right"].to_numpy(dtype=bool) for own in (one, other))
        before = originals.loc[names].to_numpy(dtype=bool)
        found.append(
            {
                "group": group,
                "n_only_first": int((before & ~right & was).sum()),
                "n_only_second": int((before & right & ~was).sum()),
                "n_both": int((before & ~right & ~was).sum()),
                **difference_numbers(
                    right.astype(float) - was.astype(float), rows["program_id"].to_numpy()
                ),
            }
        )
    return found


def _change(rows: "DataFrame", before: "Series") -> Numbers:
    was, now = before.loc[rows["example_id"]].to_numpy(), rows["right"].to_numpy()
    change = now.astype(float) - was.astype(float)
    return {
        "n_right_before": int(was.sum()),
        "n_broken": int((was & ~now).sum()),
        "n_mended": int((~was & now).sum()),
        **difference_numbers(change, rows["program_id"].to_numpy()),
    }
