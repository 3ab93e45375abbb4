"""How often a whole completed type is the gold, by the compiler's verdicts and by kind of gold."""

from collections import Counter, defaultdict
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
# What is guessed without the model: the commonest gold of holes of the same kind and name in the
# other packages; of the types that the prompt shows the commonest gold of holes of the same kind in
# the other packages, where it shows none the first guess.
GUESSES = ("name", "shown")
Shown = Mapping[str, Sequence[str]]  # example_id -> the types that its prompt shows


def whole_numbers(
    verdicts: Mapping[str, pa.Table],
    shown: Mapping[str, Shown],
    examples: Sequence[Row],
    margin: float,
) -> Numbers:
    """Of every edit the verdicts, over all golds, by their number of tokens, and by stratum.

    verdicts   edit -> its table, `original` among them
    shown      edit -> of each of its examples the types that its prompt shows
    examples   all of the study, with package, kind, name and gold of the hole in the original
    margin     within which of 0 a difference of two shares counts as none

    edits     edit -> group -> `group_numbers`; the gains of all, over both guesses, are one family
              of tests (Holm)
    changes   of each other edit and group: the share right under the edit minus that of the same
              examples in the original, all of them one family of tests (Holm)
    apart     where the study has both edits of RENAMED, of each group the share right under the
              first minus that under the second, on the same examples, another family
    """
    ranks = baseline_ranks(examples, 1)["name"]
    names = (row["example_id"] for row in examples)
    known = dict(zip(names, (ranks == 0).tolist(), strict=True))
    elsewhere = golds_elsewhere(examples)
    copied = {
        edit: {name: copied_type(types, elsewhere[name]) for name, types in of.items() if types}
        for edit, of in shown.items()
    }
    frames = {edit: _frame(table, known, copied[edit]) for edit, table in verdicts.items()}
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
    rows = [row for groups in edits.values() for row in groups.values()]
    judge_together([gain for row in rows for gain in row["gains"].values()], margin)
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
    baselines   by GUESSES: share of these holes whose gold is spelled as the guess
    gains       by GUESSES: the share right minus that baseline, on the same holes
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
        "baselines": {guess: number(rows[guess].mean()) for guess in GUESSES},
        "gains": {
            guess: difference_numbers(
                rows["right"].astype(float) - rows[guess].astype(float),
                rows["program_id"].to_numpy(),
            )
            for guess in GUESSES
        },
    }


def _frame(table: pa.Table, known: Mapping[str, bool], copied: Mapping[str, str]) -> "DataFrame":
    """The verdicts, each with its stratum and, by GUESSES, whether the guess is its gold."""
    frame = table.to_pandas()
    pairs = zip(frame["form"], frame["gold"], strict=True)
    frame["stratum"] = [stratum_of(form, gold) for form, gold in pairs]
    frame["name"] = [known[example] for example in frame["example_id"]]
    frame["shown"] = [
        copied[example] == gold if example in copied else known[example]
        for example, gold in zip(frame["example_id"], frame["gold"], strict=True)
    ]
    return frame


def golds_elsewhere(examples: Sequence[Row]) -> dict[str, Counter[str]]:
    """example_id -> how often the other packages' holes of its kind have which gold."""
    counts: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for row in examples:
        for key in ((row["kind"],), (row["kind"], row["package"])):
            counts[key][row["gold"]] += 1
    others = {key: counts[key[:1]] - own for key, own in list(counts.items()) if len(key) == 2}
    return {row["example_id"]: others[row["kind"], row["package"]] for row in examples}


def copied_type(types: Sequence[str], elsewhere: Counter[str]) -> str:
    """Of at least one type the commonest elsewhere; of equals the one that stands oftenest here,
    then the first."""
    here = Counter(types)
    return max(here, key=lambda kind: (elsewhere[kind], here[kind]))


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
