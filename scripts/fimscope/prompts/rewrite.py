"""Prompts for models without fill-in-the-middle tokens: JavaScript, then TypeScript.

The model is shown the code with every type erased, and asked to go on with the typed text where
the hole stands.
"""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import takewhile

from fimscope.prompts import Prompt, Unfit
from fimscope.prompts.encoder import Encoder, gold_tokens, last_token_of
from fimscope.typescript import Hole, Unit, Units


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


def rewrite_prompt(encoder: Encoder, hole: Hole, units: Units, window: RewriteWindow) -> Prompt:
    """The unit as JavaScript, then as TypeScript up to the hole.

    The text ends before the white space in front of the hole, which most tokenizers make a part of
    the type's first token.
    """
    if window.rank >= len(units.units):
        raise Unfit("over_budget", "the edit took away the unit that the original's prompt shows")
    unit = units.units[window.rank]
    text = rewrite_text(unit, window.n_lines)
    encoding = encoder.encode(text)
    gap = unit.before[len(unit.before.rstrip()) :]
    token_ids = [*encoder.start_ids, *encoding.ids]
    positions = {"last": len(token_ids) - 1}
    name_in_unit = hole.name_start - (len(hole.prefix) - len(unit.before))
    name_in_text = name_in_unit + len(text) - len(unit.before.rstrip())
    name_token = last_token_of(encoding.spans, name_in_text, hole.name)
    if name_in_unit >= 0 and name_token is not None:
        positions["hole_name"] = len(encoder.start_ids) + name_token
    return Prompt(
        text=text,
        token_ids=token_ids,
        gold_token_ids=gold_tokens(encoder, text, gap + hole.gold),
        positions=positions,
        window=unit.kind if window.n_lines is None else f"{unit.kind}, {window.n_lines} lines",
        n_truncated=max(
            0,
            encoder.count(hole.prefix)
            + encoder.count(hole.suffix)
            - encoder.count(unit.before)
            - encoder.count(unit.after),
        ),
    )


def rewrite_text(unit: Unit, n_lines: int | None) -> str:
    """The unit as JavaScript, of which n_lines are shown, then its TypeScript up to the hole."""
    erased = unit.erased.strip("\n")
    if n_lines is not None:
        erased = "\n".join(erased.splitlines()[:n_lines])
    return f"// JavaScript\n{erased}\n// TypeScript\n{unit.before.rstrip()}"
