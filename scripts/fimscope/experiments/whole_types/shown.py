"""The types that a prompt shows: what a guesser could copy."""

import re
from collections.abc import Sequence

from fimscope.prompts.encoder import Encoder
from fimscope.prompts.regions import Region
from fimscope.typescript.client import TypeScript

# What a token may hold before the type with which it goes on: `): string`.
BEFORE = re.compile(r"^\W*:\s*")


def shown_annotations(
    encoder: Encoder, token_ids: Sequence[int], regions: Sequence[Region]
) -> list[str]:
    """The text of each annotation of a prompt, in its order; it may end with what follows it.

    What cuts an annotation, as the hole's name inside a function type, leaves its pieces.
    """
    return [
        BEFORE.sub("", encoder.decode(token_ids[region.start : region.end]).strip())
        for region in regions
        if region.kind == "annotation"
    ]


def shown_types(typescript: TypeScript, annotations: Sequence[Sequence[str]]) -> list[list[str]]:
    """Of each prompt the types that its annotations begin with, as often as each is shown.

    annotations   of each prompt, of `shown_annotations`; pieces that are no type are left out
    """
    texts = sorted({text for own in annotations for text in own})
    types = typescript.type_texts([(text, "parameter") for text in texts])
    spelled = dict(zip(texts, types, strict=True))
    return [[spelled[text] for text in own if spelled[text]] for own in annotations]
