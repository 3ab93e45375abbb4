"""Why an answer is what it is: one sentence on what the study's interventions on it showed.

The rule, in this order; a clause for each kind of intervention that was made on this variant:

1. planted types (`algorithms`): the answer follows what it turns with, in the change and not in its
   control; else it hangs on what moves it and whose control does not; else nothing of it is shown
2. masks (`masking`): what is hidden or taken out with another answer, where its control has none
3. donors (`patches`): the first point from which on the paired donor brings the target at every
   point, and in how many patches at those points the controls bring it; the last point is left out,
   as the patch hands over the answer there

What has no control counts for nothing. Where nothing is left, the sentence says that, and that
whole types were lent, where they were: what they do is on the page.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

from fimscope.experiments.algorithms.hypotheses import READ
from fimscope.explorer.causes import FOLLOWS, MOVES

Row = Mapping[str, Any]
Json = Any

MASKED = {
    "annotation": "the other annotations",
    "annotations": "the other annotations",
    "comment": "the comments",
    "comments": "the comments",
    "use": "the uses of the name",
    "declaration": "the name where it is declared",
    "names": "the names",
    "siblings": "all outside the hole's function",
}
WAY = {
    "text": "without {}",
    "attention_last": "with {} hidden from the last token",
    "attention_later": "with {} hidden from all later tokens",
}
# Whose residual comes to the last token, the telling ones first.
DONOR = {
    "restore": "the original's residual brings back",
    "break": "its broken variant's residual makes it",
    "same_type": "a lent residual of the same type makes it",
    "other_type": "a lent residual of another type makes it",
    "wrong_to_wrong": "a lent residual of a wrong answer makes it",
}
OTHER_DONOR = "a lent residual makes it"  # under any other condition
MOST_MASKS = 2  # that are named
NOT_TESTED = "Not tested: no change, mask or patch with a control was made of this variant."
LENT = "Not tested on its first token. What lent whole types do to it stands below."


def verdict(
    changes: Sequence[Json], masks: Sequence[Json], patches: Sequence[Row], lent: Sequence[Json]
) -> list[str]:
    """The sentence, in pieces: text, and in every second place what stands as code.

    changes, masks   of `causes`
    patches          rows of the patches table of which the variant is the recipient
    lent             of `whole`, pairs whose recipient it is
    """
    held = [[entry for entry in entries if entry["control"]] for entries in (changes, masks)]
    clauses = [*_of_changes(held[0]), *_of_masks(held[1]), *_of_patches(patches)]
    if not clauses:
        return [LENT if lent else NOT_TESTED]
    pieces = [""]
    for number, (text, *rest) in enumerate(clauses):
        pieces[-1] += f"; {text}" if number else f"{text[:1].upper()}{text[1:]}"
        pieces += rest
    return [*pieces[:-1], f"{pieces[-1]}."]


Pieces = list[str]  # of odd length: text first and last


def _of_changes(changes: Sequence[Json]) -> Iterator[Pieces]:
    if not changes:
        return
    followed, moved = (_found(changes, found) for found in (FOLLOWS, MOVES))
    if followed:
        yield [
            f"it follows {_named(followed)}: with ",
            *_alternating([entry["planted"] for entry in followed]),
            " planted there it says so, in the control it does not",
        ]
    if moved:
        yield [
            f"it hangs on {_named(moved)}: changed or hidden, the answer is ",
            *_alternating([entry["change"]["predicted"] for entry in moved]),
            ", and in the control it stays",
        ]
    if not followed and not moved:
        what = _listed([READ[entry["hypothesis"]] for entry in changes], "or")
        yield [f"changing {what} does no more to it than the control"]


def _found(entries: Sequence[Json], found: str) -> list[Json]:
    return [entry for entry in entries if entry["found"] == found]


def _named(entries: Sequence[Json]) -> str:
    return _listed([READ[entry["hypothesis"]] for entry in entries], "and")


def _listed(texts: Sequence[str], word: str) -> str:
    """`one`, `one and two`, `one, two and three`; word: the one before the last."""
    return f" {word} ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))


def _alternating(texts: Sequence[str]) -> Pieces:
    """Texts as code, each once, listed: with `, ` between them, and ` and ` before the last."""
    once = list(dict.fromkeys(texts))
    between = ["", *[", "] * (len(once) - 2), " and "]
    return [piece for pair in zip(between, once, strict=False) for piece in pair][1:]


def _of_masks(masks: Sequence[Json]) -> Iterator[Pieces]:
    if not masks:
        return
    moved: dict[str, Json] = {}
    for entry in _found(masks, MOVES):
        moved.setdefault(MASKED[entry["distractor"]], entry)
    for what, entry in list(moved.items())[:MOST_MASKS]:
        yield [f"{WAY[entry['way']].format(what)} it says ", entry["change"]["predicted"], ""]
    if others := list(moved)[MOST_MASKS:]:
        yield [f"masks of {_listed(others, 'and')} change it too"]
    if not moved:
        one = f"none of {len(masks)} masks does" if len(masks) > 1 else "the one mask does not do"
        yield [f"{one} more to it than as many other tokens masked"]


def _of_patches(patches: Sequence[Row]) -> Iterator[Pieces]:
    conditions = {row["condition"] for row in patches}
    told = [condition for condition in (*DONOR, *sorted(conditions)) if condition in conditions]
    for condition in told[:1]:
        rows = [row for row in patches if row["condition"] == condition]
        yield _of_condition(DONOR.get(condition, OTHER_DONOR), rows)


def _of_condition(text: str, rows: Sequence[Row]) -> Pieces:
    """rows   of the patches table, of one pair at the last token"""
    last = max(row["point"] for row in rows)
    paired = {row["point"]: row for row in rows if row["donor_kind"] == "paired"}
    target, first = paired[last], turning_point(paired)
    if first == last:
        where = f" at no point before the last, {last}, where the patch hands over the answer"
    else:
        controls = [
            row["predicted_token_id"] == target["predicted_token_id"]
            for row in rows
            if row["donor_kind"] not in ("paired", "self") and first <= row["point"] < last
        ]
        where = f" from point {first} of {last} on, the controls there in {sum(controls)} of "
        where += f"{len(controls)} patches"
    return [f"{text} ", target["predicted"], where]


def turning_point(paired: Mapping[int, Row]) -> int:
    """The first point from which on every patch of the paired donor brings the target.

    paired   point -> row of the patches table; at the last point the patch hands over the target
    """
    points = sorted(paired, reverse=True)
    target = paired[points[0]]["predicted_token_id"]
    turned = takewhile(lambda point: paired[point]["predicted_token_id"] == target, points)
    return list(turned)[-1]
