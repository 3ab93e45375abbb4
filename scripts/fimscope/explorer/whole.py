"""Whole types: what the model completed of a hole, how it is judged, and what lent ones do to it.

The predictions ask holes whose golds are of one token, unless the study says otherwise. Others are
known by the compiler's verdicts alone: their rows are made here into those that a page has of the
predictions, without what they lack.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from fimscope.errors import UserError
from fimscope.explorer.payload import rounded
from fimscope.report.links import LONGER, ONE_TOKEN

Row = Mapping[str, Any]
Json = Any
Key = tuple[str, str]  # example, edit

VERDICT = ("completed_type", "verdict", "is_any", "detail", "right", "ended")


def length_of(n_tokens: int) -> str:
    """ONE_TOKEN or LONGER, by the number of a gold's tokens."""
    return ONE_TOKEN if n_tokens == 1 else LONGER


def longer_splits(verdicts: Iterable[Row], predicted: Collection[Key]) -> dict[str, dict[str, Row]]:
    """example -> edit -> outcome, broken and mended, of longer golds that no prediction asks.

    verdicts    rows of all edits; right is what they count as right
    predicted   what the predictions ask

    As in the split, but by verdicts: one whose original has none is neither broken nor mended.
    """
    rows = list(verdicts)
    before = {row["example_id"]: row["right"] for row in rows if row["edit"] == "original"}
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        example, edit, right = row["example_id"], row["edit"], row["right"]
        if length_of(row["n_gold_tokens"]) == LONGER and (example, edit) not in predicted:
            found.setdefault(example, {})[edit] = {
                "outcome": "right" if right else "wrong",
                "broken": before.get(example) is True and not right,
                "mended": before.get(example) is False and right,
            }
    return found


def as_prediction(verdict: Row, completion: Row) -> Row:
    """A row of each table as one of the predictions: no candidates, and no probability."""
    return {
        **{name: verdict[name] for name in ("example_id", "edit", "gold")},
        "predicted": verdict["completed_type"],
        "completion": completion["completion"],
        "n_tokens": completion["n_tokens"],
        **dict.fromkeys(("gold_rank", "gold_logprob", "n_prompt_truncated", "top10")),
    }


def cut_at(completion: Row) -> int | None:
    """The number of tokens at which a completion was cut; None where its type ended."""
    return None if completion["ended"] else completion["n_new_tokens"]


def as_prompt(completion: Row) -> Row:
    """A row of the completions as one of the prompts, of which the last token alone has a name."""
    last = {"name": "last", "index": len(completion["token_ids"]) - 1}
    return {"token_ids": completion["token_ids"], "window": None, "positions": [last]}


def judged(verdicts: Iterable[Row]) -> dict[str, Json] | None:
    """The completed type of a variant and the compiler's verdict; None where it was not asked."""
    row = next(iter(verdicts), None)
    return row and {"gold": row["gold"], **{name: row[name] for name in VERDICT}}


def lent(patches: Iterable[Row], pairs: Iterable[Row]) -> list[Json]:
    """What lent whole types do to a recipient: one entry a pair, in it one curve a donor.

    patches   rows of the whole_patches table, of one recipient
    pairs     of the whole_pairs table, of its example
    raises    UserError where these lack a pair that is patched
    """
    known = {row["pair_id"]: row for row in pairs if row["donor_kind"] == "paired"}
    found: dict[str, dict[str, list[Row]]] = {}
    for row in patches:
        found.setdefault(row["pair_id"], {}).setdefault(row["donor_kind"], []).append(row)
    if missing := sorted(found.keys() - known.keys()):
        raise UserError(
            f"whole_pairs: no row of pair {missing[0]}, which whole_patches have; give the table "
            "that they were made of"
        )
    return [
        {
            **{name: known[pair][name] for name in ("condition", "target", "foil")},
            "donor": known[pair]["donor_example_id"],
            "donor_edit": known[pair]["donor_edit"],
            "curves": [_curve(kind, rows) for kind, rows in donors.items()],
        }
        for pair, donors in found.items()
    ]


def _curve(kind: str, rows: list[Row]) -> dict[str, Json]:
    rows = sorted(rows, key=lambda row: row["point"])
    return {
        "kind": kind,
        "points": [row["point"] for row in rows],
        "effects": [rounded(row["normalised_effect"], 4) for row in rows],
        "turned": [row["turned"] for row in rows],
    }
