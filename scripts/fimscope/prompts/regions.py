"""The labelled token regions of prompts, and which tokens of two prompts are one another's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fimscope.errors import MisalignedError


@dataclass(frozen=True)
class Region:
    """Tokens start..end (end excluded) of a prompt that are one thing to its hole.

    kind   declaration   the hole's own name where it is declared
           use           one other use of that name
           annotation    a type that is written behind a colon, and is not the gold
           comment       a comment
           fim           what the format adds: its own tokens or lines, a start token
           rest          anything else
    """

    kind: str
    start: int
    end: int


def read_regions(prompt: Mapping[str, Any]) -> list[Region]:
    """The regions of a row of the prompts table: all its tokens, in order."""
    return [Region(**region) for region in prompt["regions"]]


def last_tokens(regions: Sequence[Region], kind: str = "use") -> list[int]:
    """The last token of every region of a kind, in the prompt's order: of all uses of the name."""
    return [region.end - 1 for region in regions if region.kind == kind]


def name_tokens(regions: Sequence[Region]) -> list[int]:
    """The last token of every place where the hole's name stands, its declaration too, in order."""
    return sorted(last_tokens(regions, "declaration") + last_tokens(regions, "use"))


def align_tokens(
    one: Sequence[Region], other: Sequence[Region], kind: str = "use"
) -> list[tuple[int, int]]:
    """The last tokens of the k-th region of a kind in two prompts, for every k.

    A prompt and that of its renamed variant show the same uses in the same order, so this is the
    alignment through the map of names.
    raises MisalignedError where the prompts differ in their number, as where an edit has deleted
           an annotation that held a use
    """
    found = last_tokens(one, kind), last_tokens(other, kind)
    if len(found[0]) != len(found[1]):
        raise MisalignedError(
            f"regions of kind {kind}: {len(found[0])} in one prompt and {len(found[1])} in the "
            "other; expected as many"
        )
    return list(zip(*found, strict=True))
