"""From the labelled spans of a program to labelled tokens of its prompt."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from fimscope.prompts.regions import Region
from fimscope.typescript.results import LabelledSpan

# A token that touches spans of several kinds belongs to the first of these.
KINDS = ("declaration", "use", "annotation", "comment")


@dataclass(frozen=True)
class Label:
    """The kind of a token's region; regions next to each other differ in their span's number."""

    kind: str
    span: int = -1


FIM, REST = Label("fim"), Label("rest")


def label_tokens(
    token_spans: Sequence[tuple[int, int]],
    spans: Sequence[LabelledSpan],
    part: str,
    offset: int,
    shown_from: int = 0,
) -> list[Label]:
    """The label of each token of a text that shows a piece of one part of a program.

    token_spans   code points of the text that each token covers, ascending
    spans         those of the whole program, in source order
    part          prefix or suffix, whichever the text shows
    offset        code point of the text where the part would start: negative where it starts above
    shown_from    code point of the text where the piece of the program starts

    A token that touches several spans belongs to the first kind of KINDS among them, and within a
    kind to the first span. So a use whose every token is also one of the use before it has no
    region; a tokenizer that never joins a word and a sign gives no such token.
    """
    starts, ends = [start for start, _ in token_spans], [end for _, end in token_spans]
    shown = [
        (KINDS.index(span.kind), number, span)
        for number, span in enumerate(spans)
        if span.part == part and span.end + offset > shown_from
    ]
    labels = [REST] * len(token_spans)
    for _, number, span in sorted(shown, key=lambda each: each[:2], reverse=True):
        first = bisect_right(ends, max(span.start + offset, shown_from))
        for token in range(first, bisect_left(starts, span.end + offset)):
            labels[token] = Label(span.kind, number)
    return labels


def regions_of(labels: Sequence[Label]) -> list[Region]:
    """The regions of a whole prompt, in order and without a gap."""
    regions = []
    start = 0
    for label, tokens in groupby(labels):
        end = start + sum(1 for _ in tokens)
        regions.append(Region(label.kind, start, end))
        start = end
    return regions


def name_positions(labels: Sequence[Label], spans: Sequence[LabelledSpan]) -> dict[str, int]:
    """The positions `declaration` and `use` of a prompt, each where the prompt shows it.

    declaration   the last token of the hole's name where it is declared
    use           the last token of the first use behind the declaration that the prompt shows,
                  whether or not it shows the declaration
    """
    declared = next((i for i, span in enumerate(spans) if span.kind == "declaration"), len(spans))
    last = {label: token for token, label in enumerate(labels)}
    uses = [label for label in last if label.kind == "use" and label.span > declared]
    named = {"declaration": Label("declaration", declared)}
    if uses:
        named["use"] = min(uses, key=lambda label: label.span)
    return {name: last[label] for name, label in named.items() if label in last}
