"""Prompts for models without fill-in-the-middle tokens: JavaScript, then TypeScript.

The model is shown the code with every type erased, and asked to go on with the typed text where
the hole stands.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from fimscope.prompts.encoder import Encoder, gold_tokens, last_token_of
from fimscope.prompts.labels import FIM, REST, label_tokens, name_positions, regions_of
from fimscope.prompts.prompt import Prompt, Unfit
from fimscope.typescript.results import Hole, LabelledSpan, Unit, Units

JAVASCRIPT, TYPESCRIPT = "// JavaScript", "// TypeScript"


@dataclass(frozen=True)
class RewriteWindow:
    """The unit shown, counted from the innermost, and how many of its JavaScript's lines."""

    rank: int
    n_lines: int | None  # None is all


def choose_rewrite_window(encoder: Encoder, units: Units, max_tokens: int) -> RewriteWindow:
    """The largest syntax unit around the hole whose prompt stays within the budget.

    Where not even the innermost fits, the end of its JavaScript is cut by whole lines.
    raises Unfit (over_budget) where its text up to the hole alone is too long
    """
    budget = max_tokens - len(encoder.start_ids)
    costs = (encoder.count(rewrite_text(unit, None)) for unit in units.units)
    n_fitting = sum(1 for _ in takewhile(lambda cost: cost <= budget, costs))
    if n_fitting:
        return RewriteWindow(n_fitting - 1, None)
    innermost = units.units[0]
    n_lines = bisect_right(
        range(len(innermost.erased.splitlines())),
        budget,
        key=lambda n: encoder.count(rewrite_text(innermost, n)),
    )
    if n_lines < 2:
        raise Unfit("over_budget", f"the hole's own function does not fit into {max_tokens} tokens")
    return RewriteWindow(0, n_lines - 1)


def follow_rewrite(original: Units, variant: Units, window: RewriteWindow) -> RewriteWindow:
    """The window through which a variant shows the unit that its original shows: the same."""
    return window


def own_rewrite(units: Units, window: RewriteWindow) -> tuple[Units, RewriteWindow]:
    """The units and the window that show the hole's own function alone.

    raises Unfit (nothing_to_edit) where the window shows no more
    """
    if not window.rank:
        raise Unfit("nothing_to_edit", "the prompt shows the hole's own function alone")
    return units, RewriteWindow(0, None)


def rewrite_prompt(
    encoder: Encoder,
    hole: Hole,
    units: Units,
    window: RewriteWindow,
    spans: Sequence[LabelledSpan],
) -> Prompt:
    """The unit as JavaScript, then as TypeScript up to the hole.

    The text ends before the white space in front of the hole, which most tokenizers make a part of
    the type's first token.

    spans   of the whole program, for the prompt's regions; the JavaScript is all `rest`, its names
            and comments too
    """
    if window.rank >= len(units.units):
        raise Unfit("over_budget", "the edit took away the unit that the original's prompt shows")
    unit = units.units[window.rank]
    text = rewrite_text(unit, window.n_lines)
    encoding = encoder.encode(text)
    gap = unit.before[len(unit.before.rstrip()) :]
    token_ids = [*encoder.start_ids, *encoding.ids]
    unit_in_text = len(text) - len(unit.before.rstrip())
    offset = unit_in_text - (len(hole.prefix) - len(unit.before))
    program_labels = label_tokens(encoding.spans, spans, "prefix", offset, unit_in_text)
    headings = _touching_headings(encoding.spans, unit_in_text)
    labels = [
        *[FIM] * len(encoder.start_ids),
        *(
            FIM if in_heading and label == REST else label
            for label, in_heading in zip(program_labels, headings, strict=True)
        ),
    ]
    positions = {"last": len(token_ids) - 1, **name_positions(labels, spans)}
    name_in_text = hole.name_start + offset
    name_token = last_token_of(encoding.spans, name_in_text, hole.name)
    if name_in_text >= unit_in_text and name_token is not None:
        positions["hole_name"] = len(encoder.start_ids) + name_token
    return Prompt(
        text=text,
        token_ids=token_ids,
        gold_token_ids=gold_tokens(encoder, text, gap + hole.gold),
        positions=positions,
        regions=regions_of(labels),
        window=unit.kind if window.n_lines is None else f"{unit.kind}, {window.n_lines} lines",
        n_truncated=max(
            0,
            encoder.count(hole.prefix)
            + encoder.count(hole.suffix)
            - encoder.count(unit.before)
            - encoder.count(unit.after),
        ),
    )


def _touching_headings(token_spans: Sequence[tuple[int, int]], unit_start: int) -> list[bool]:
    """Whether each token touches one of the two lines that say which language follows."""
    headings = (0, len(JAVASCRIPT)), (unit_start - 1 - len(TYPESCRIPT), unit_start - 1)
    return [any(a < end and b > start for start, end in headings) for a, b in token_spans]


def rewrite_text(unit: Unit, n_lines: int | None) -> str:
    """The unit as JavaScript, of which n_lines are shown, then its TypeScript up to the hole."""
    erased = unit.erased.strip("\n")
    if n_lines is not None:
        erased = "\n".join(erased.splitlines()[:n_lines])
    return f"{JAVASCRIPT}\n{erased}\n{TYPESCRIPT}\n{unit.before.rstrip()}"
