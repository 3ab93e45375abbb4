"""Prompts with fill-in-the-middle tokens: the text before the hole, the text after it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fimscope.errors import UserError
from fimscope.prompts.encoder import Encoder, last_token_of
from fimscope.prompts.labels import FIM, label_tokens, name_positions, regions_of
from fimscope.prompts.prompt import Prompt, Unfit
from fimscope.report.format import counted
from fimscope.typescript.results import Hole, LabelledSpan, Units

# (prefix, suffix, middle) tokens by family, as each family's own model card gives them.
FIM_TOKENS = {
    "StarCoder, StarCoder2": ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
    "SantaCoder": ("<fim-prefix>", "<fim-suffix>", "<fim-middle>"),
    "Qwen2.5-Coder, CodeGemma": ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    "DeepSeek-Coder": ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),
    "CodeLlama": ("▁<PRE>", "▁<SUF>", "▁<MID>"),
}


def find_fim_tokens(encoder: Encoder) -> tuple[int, int, int]:
    """Ids of the prefix, suffix and middle tokens of the tokenizer's family.

    raises UserError with the families that are known where the tokenizer has none of their tokens
    """
    for tokens in FIM_TOKENS.values():
        prefix, suffix, middle = (encoder.token_id(token) for token in tokens)
        if prefix is not None and suffix is not None and middle is not None:
            return prefix, suffix, middle
    raise UserError(
        "prompt.format: fim needs a tokenizer with fill-in-the-middle tokens, and this one has "
        f"none of those known ({'; '.join(FIM_TOKENS)}); set prompt.format: rewrite"
    )


@dataclass(frozen=True)
class FimWindow:
    """How many of the parts next to the hole a prompt shows, on either side."""

    n_before: int
    n_after: int


def choose_fim_window(encoder: Encoder, units: Units, max_tokens: int) -> FimWindow:
    """As many whole parts (statements, members, lines) next to the hole as the budget holds.

    The side that shows fewer tokens grows next, until its next part does not fit.
    raises Unfit (over_budget) where not even the hole's own lines fit
    """
    budget = max_tokens - len(encoder.start_ids) - 3
    waiting = [list(units.before_parts), list(reversed(units.after_parts))]
    n_shown, n_tokens = [0, 0], [0, 0]
    growing = [side for side in (0, 1) if waiting[side]]
    while growing:
        side = min(growing, key=n_tokens.__getitem__)
        cost = encoder.count(waiting[side].pop())
        fits = sum(n_tokens) + cost <= budget
        if fits:
            n_shown[side] += 1
            n_tokens[side] += cost
        elif not n_shown[side]:
            raise Unfit("over_budget", f"the hole's own lines do not fit into {max_tokens} tokens")
        if not fits or not waiting[side]:
            growing.remove(side)
    return FimWindow(*n_shown)


# Possessive: a line of slashes can be split in many ways.
COMMENTS = re.compile(r"(?:\s|//[^\n]*+|(?>/\*.*?\*/))*+", re.DOTALL)


def follow_fim(original: Units, variant: Units, window: FimWindow) -> FimWindow:
    """The window through which a variant shows the code that its original shows.

    A comment that stood alone is a part less where an edit has taken it away, and so is each line
    of an annotation of several: by the number of parts, code that the original hides would take
    their place.
    """
    before = original.before_parts[::-1], variant.before_parts[::-1]
    after = original.after_parts, variant.after_parts
    return FimWindow(_follow(*before, window.n_before), _follow(*after, window.n_after))


def _follow(original: Sequence[str], variant: Sequence[str], n_shown: int) -> int:
    """How many parts of a variant, from the hole outwards, are those that its original shows.

    Elsewhere than around the hole a part is a whole statement or member, which an edit leaves one:
    lines of code that are gone stood next to the hole.
    """
    n_fewer = sum(map(_is_code, original)) - sum(map(_is_code, variant))
    return n_shown - _n_vanished(original, variant, n_shown) - max(0, n_fewer)


def _is_code(part: str) -> bool:
    return not COMMENTS.fullmatch(part)


def _is_comment(part: str) -> bool:
    return bool(part.strip()) and not _is_code(part)


def _n_vanished(original: Sequence[str], edited: Sequence[str], n_shown: int) -> int:
    """How many of the shown parts, from the hole outwards, are comments that an edit has taken."""
    if sum(map(_is_comment, original)) == sum(map(_is_comment, edited)):
        return 0  # one that says something else now mentions a name that has changed
    n_vanished = 0
    for index, part in enumerate(original[:n_shown]):
        here = edited[index - n_vanished : index - n_vanished + 1]
        if _is_comment(part) and list(here) != [part]:
            n_vanished += 1
    return n_vanished


def own_fim(units: Units, window: FimWindow) -> tuple[Units, FimWindow]:
    """The units and the window that show of the hole's own function what this window shows of it.

    raises Unfit (nothing_to_edit) where the window shows no more
    """
    shown, own = _shown(units, window), (units.units[0].before, units.units[0].after)
    before, after = (min(pair, key=len) for pair in zip(shown, own, strict=True))
    if (before, after) == shown:
        raise Unfit("nothing_to_edit", "the prompt shows the hole's own function alone")
    return Units(units.units, [before], [after]), FimWindow(1, 1)


def _shown(units: Units, window: FimWindow) -> tuple[str, str]:
    """The text before the hole and behind it."""
    before = units.before_parts[len(units.before_parts) - window.n_before :]
    return "".join(before), "".join(units.after_parts[: window.n_after])


def fim_prompt(
    encoder: Encoder,
    hole: Hole,
    units: Units,
    window: FimWindow,
    spans: Sequence[LabelledSpan],
) -> Prompt:
    """Prefix, suffix, middle: the order that StarCoder's family was trained on most.

    spans   of the whole program, for the prompt's regions
    """
    fim_prefix, fim_suffix, fim_middle = find_fim_tokens(encoder)
    shown_before, shown_after = _shown(units, window)
    before, after = encoder.encode(shown_before), encoder.encode_inside(shown_after)
    start = [*encoder.start_ids, fim_prefix]
    token_ids = [*start, *before.ids, fim_suffix, *after.ids, fim_middle]
    hidden_before = len(hole.prefix) - len(shown_before)
    labels = [
        *[FIM] * len(start),
        *label_tokens(before.spans, spans, "prefix", -hidden_before),
        FIM,
        *label_tokens(after.spans, spans, "suffix", 0),
        FIM,
    ]
    positions = {
        "fim_prefix": len(start) - 1,
        "fim_suffix": len(start) + len(before.ids),
        "fim_middle": len(token_ids) - 1,
        "last": len(token_ids) - 1,
        **name_positions(labels, spans),
    }
    name_start = hole.name_start - hidden_before
    if (name_token := last_token_of(before.spans, name_start, hole.name)) is not None:
        positions["hole_name"] = len(start) + name_token
    shown = len(before.ids) + len(after.ids)
    return Prompt(
        text=f"{shown_before}<hole>{shown_after}",
        token_ids=token_ids,
        # A special token stands between: no merge.
        gold_token_ids=encoder.encode_inside(hole.gold).ids,
        positions=positions,
        regions=regions_of(labels),
        window=f"{counted(window.n_before, 'part')} before, {window.n_after} after",
        n_truncated=max(0, encoder.count(hole.prefix) + encoder.count(hole.suffix) - shown),
    )
