"""Answers that hang on a name, and what of the name stands between the types."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fimscope.experiments.repair.repaired import outcome_of
from fimscope.experiments.subspace.bases import Part, Space
from fimscope.prompts.regions import name_tokens, read_regions
from fimscope.typescript.edit_names import RENAMING, parse_edit

if TYPE_CHECKING:
    from torch import Tensor

Row = Mapping[str, Any]
Rows = Mapping[str, Row]  # example_id -> row
PLANTED, RENAMED = "planted name", "new names"


def renamed_pairs(originals: Rows, variants: Rows) -> Iterator[Row]:
    """Two recipients of each example whose answer is right, and wrong once names have changed.

    originals, variants   of each example its row of prompts and of predictions, as one; of an
                          edit that renames nothing there is no such example
    """
    for example_id, variant in variants.items():
        original = originals.get(example_id)
        is_renamed = any(step.name in RENAMING for step in parse_edit(variant["edit"]))
        if (
            original
            and is_renamed
            and (outcome_of(original), outcome_of(variant)) == ("right", "wrong")
        ):
            yield from _pair(RENAMED, original, variant, *map(_name_tokens, (original, variant)))


def planted_pairs(prompts: Rows, planted: Sequence[Row]) -> Iterator[Row]:
    """Two recipients of each example whose answer is right, and wrong with a name of another type.

    prompts   as in `renamed_pairs`, of one edit
    planted   rows of the algorithms table of that edit

    The answer hangs on the name where this moves it, and the same name for another variable does
    not.
    """
    of_name = [row for row in planted if row["hypothesis"] == "name"]
    moved_so = {row["example_id"]: row["moved"] for row in of_name if row["is_control"]}
    for change in of_name:
        own = prompts.get(change["example_id"])
        if change["is_control"] or own is None or outcome_of(own) != "right":
            continue
        if change["moved"] and moved_so.get(change["example_id"]) is False:
            changed = {**own, "token_ids": change["token_ids"]}
            yield from _pair(PLANTED, own, changed, _name_tokens(own), change["name_tokens"])


def _name_tokens(prompt: Row) -> list[int]:
    return name_tokens(read_regions(prompt))


def _pair(
    cause: str, right: Row, wrong: Row, right_name: Sequence[int], wrong_name: Sequence[int]
) -> Iterator[Row]:
    """Both recipients; none where a prompt does not show the name."""
    if right_name and wrong_name:
        yield {**right, "cause": cause, "outcome": "right", "name_tokens": right_name}
        yield {**wrong, "cause": cause, "outcome": "wrong", "name_tokens": wrong_name}


def taken_out(space: Space, part: Part, residuals: "Tensor") -> "Tensor":
    """Residuals [..., d_model] of a name whose part between the types is that of no type: the mean
    of the types' means.

    Of a `random` part the change is as long as that between the types at this rank.
    """
    import torch

    neutral = torch.from_numpy(space.means.mean(axis=0))
    between = space.written(Part("types", part.rank), residuals, neutral)
    if part.kind == "types":
        return between
    change = space.written(part, residuals, neutral) - residuals
    wanted, found = (own.norm(dim=-1, keepdim=True) for own in (between - residuals, change))
    return residuals + change * (wanted / found.clamp(min=torch.finfo(found.dtype).tiny))
