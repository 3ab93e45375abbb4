"""Which donor goes into which recipient, where both are known by whole types.

Conditions, controls and draws are those of `patch.pairs`, which knows a type by the number of its
first token: a number for every whole type stands in that place here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fimscope.experiments.patch.donors import Key, donor_key, recipient_key
from fimscope.experiments.patch.pairs import DONOR_KINDS, FROM_VARIANTS
from fimscope.files.rejections import rejection
from fimscope.report.format import counted

STEP = "pair_whole_types"
Row = Mapping[str, Any]
ONE_TOKEN, LONGER = "one token", "more tokens"
LENGTHS = (ONE_TOKEN, LONGER)


def length_of(target: Sequence[int], foil: Sequence[int]) -> str | None:
    """Of LENGTHS: both types of one token, as `sweep_patches` has them; the target of more.

    None where the foil alone has more: that pair is neither.
    """
    if len(target) > 1:
        return LONGER
    return ONE_TOKEN if len(foil) == 1 else None


def judged_rows(
    completions: Iterable[Row], verdicts: Iterable[Row], max_tokens: int
) -> tuple[list[Row], list[Row]]:
    """The judged answers that can be patched, and rows of the rejected table for the others.

    completions, verdicts   of one edit
    max_tokens              of gold and answer

    Left out is an answer that spells no type or never ends, whose last token also spells what
    follows it, that is too long, or that is right and spelled otherwise than its gold: what it says
    then is not what a patch would be held against.
    """
    of_example = {row["example_id"]: row for row in verdicts}
    found, rejected = [], []
    for row in completions:
        verdict = of_example.get(row["example_id"])
        if verdict is None:  # left out where it was judged
            continue
        reason, detail = _unfit(row, verdict, max_tokens)
        if reason:
            key = {"example_id": row["example_id"], "edit": row["edit"]}
            rejected.append(rejection(STEP, reason, detail, **key))
        else:
            found.append({**row, "form": verdict["form"], "correct": verdict["right"]})
    return found, rejected


def _unfit(row: Row, verdict: Row, max_tokens: int) -> tuple[str, str]:
    """Why an answer cannot be patched; "" where it can."""
    if not row["ended"] or not row["completed_type"]:
        return "not_paired", "the completion spells no type that ends"
    if row["type_token_ids"] is None:
        return "token_boundary", f"the last token of {row['completed_type']!r} spells more"
    longest = max(len(row["gold_token_ids"]), len(row["type_token_ids"]))
    if longest > max_tokens:
        return (
            "over_budget",
            f"a type of {counted(longest, 'token')}; patched are those of {max_tokens}",
        )
    if verdict["right"] and verdict["verdict"] != "same":
        return "not_paired", f"{row['completed_type']!r} is right for {row['gold']!r}"
    return "", ""


def numbered(rows: Sequence[Row], numbers: dict[str, int]) -> list[Row]:
    """Rows as those of predictions, with whole types in the place of first tokens.

    numbers   spelled type -> its number; grows by those that it lacks
    """

    def number(spelled: str) -> int:
        return numbers.setdefault("".join(spelled.split()), len(numbers))

    return [
        {
            **{key: row[key] for key in ("example_id", "edit", "program_id", "gold", "correct")},
            "gold_token_id": number(row["gold"]),
            # A right answer is spelled as its gold, comments apart.
            "predicted_token_id": number(row["gold" if row["correct"] else "completed_type"]),
        }
        for row in rows
    ]


def whole_pairs(
    found: Sequence[Row], rows: Mapping[Key, Row], max_pairs: int
) -> tuple[list[Row], list[Row]]:
    """Rows of the whole_pairs table but for `target_form`, and rows of the rejected table.

    found       of `patch.pairs.pair`, of one condition: so many rows a pair, in their random order
    rows        of `judged_rows`, by example and edit
    max_pairs   of each of LENGTHS, the first ones

    Left out are pairs whose foil alone has several tokens, and pairs one of whose types begins with
    the other: the shorter is never the less likely, whatever is patched.
    """
    counts = dict.fromkeys(LENGTHS, 0)
    kept: list[Row] = []
    rejected: list[Row] = []
    for start in range(0, len(found), len(DONOR_KINDS)):
        pair = found[start : start + len(DONOR_KINDS)]
        made = _types_of(pair[0], rows)
        target, foil = made["target_token_ids"], made["foil_token_ids"]
        length = length_of(target, foil)
        begin_alike = all(one == other for one, other in zip(target, foil, strict=False))
        if length is None or begin_alike:
            reason = "same_answer" if begin_alike else "not_paired"
            detail = f"{pair[0]['condition']}: {made['target']!r} beside {made['foil']!r}"
            example, edit = recipient_key(pair[0])
            rejected.append(rejection(STEP, reason, detail, example_id=example, edit=edit))
        elif counts[length] < max_pairs:
            counts[length] += 1
            kept += [{**row, **made} for row in pair]
    return kept, rejected


def _types_of(pair: Row, rows: Mapping[Key, Row]) -> Row:
    """Target and foil of the paired donor's row, which all rows of the pair share."""
    recipient, donor = rows[recipient_key(pair)], rows[donor_key(pair)]
    if pair["condition"] in FROM_VARIANTS:
        target, token_ids = donor["completed_type"], donor["type_token_ids"]
    else:
        own = donor if pair["condition"] == "other_type" else recipient
        target, token_ids = own["gold"], own["gold_token_ids"]
    return {
        "target": target,
        "target_token_ids": token_ids,
        "foil": recipient["completed_type"],
        "foil_token_ids": recipient["type_token_ids"],
    }
