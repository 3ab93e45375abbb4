"""Solved examples to put in front of a prompt: how they are written, and which are drawn.

In-context examples after Brown et al. 2020 (arXiv 2005.14165); that their form can matter more than
their answers is why each draw has its controls (Min et al. 2022, arXiv 2202.12837).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fimscope.experiments.icl.choices import DRAWS
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.fim import choose_fim_window
from fimscope.prompts.prompt import Unfit
from fimscope.prompts.rewrite import rewrite_text
from fimscope.report.format import counted
from fimscope.steps.seeds import seed_of
from fimscope.typescript.client import TypeScript
from fimscope.typescript.results import Units

Row = Mapping[str, Any]

MOST_CHARS_A_TOKEN = 16  # a larger unit cannot be a shot, and need not be looked at
BETWEEN = "\n\n"


@dataclass(frozen=True)
class Shot:
    """The tokens of a solved example, with its annotation and without."""

    example_id: str
    gold: str
    typed: list[int]
    untyped: list[int]


def make_shot(
    encoder: Encoder, typescript: TypeScript, format: str, donor: Row, max_tokens: int
) -> Shot:
    """The shot of an example: its own function, or the lines around its hole where that is longer.

    format      fim: the typed code; rewrite: the code without types, and then the typed code
    max_tokens  of the typed code
    raises      Unfit (over_budget) where not even the hole's own lines fit, TypeScriptError
    """
    max_chars = max_tokens * MOST_CHARS_A_TOKEN
    units = typescript.units(donor["prefix"], donor["gold"], donor["suffix"], max_chars)
    write = WRITERS[format]
    typed = encoder.encode(write(encoder, units, donor["gold"], max_tokens) + BETWEEN).ids
    untyped = encoder.encode(write(encoder, units, None, max_tokens) + BETWEEN).ids
    return Shot(donor["example_id"], donor["gold"], typed, untyped)


def _write_fim(encoder: Encoder, units: Units, gold: str | None, max_tokens: int) -> str:
    unit = units.units[0]
    if encoder.count(unit.before + unit.after) <= max_tokens:
        return _fill(unit.before, gold, unit.after)
    window = choose_fim_window(encoder, units, max_tokens)
    before = units.before_parts[len(units.before_parts) - window.n_before :]
    after = units.after_parts[: window.n_after]
    return _fill("".join(before), gold, "".join(after)).strip("\n")


def _write_rewrite(encoder: Encoder, units: Units, gold: str | None, max_tokens: int) -> str:
    unit = units.units[0]
    if encoder.count(unit.before + unit.after) > max_tokens:
        raise Unfit("over_budget", f"the shot's function does not fit into {max_tokens} tokens")
    head = rewrite_text(unit, None).removesuffix(unit.before.rstrip())
    return head + _fill(unit.before, gold, unit.after)


WRITERS: dict[str, Callable[[Encoder, Units, str | None, int], str]] = {
    "fim": _write_fim,
    "rewrite": _write_rewrite,
}


def _fill(before: str, gold: str | None, after: str) -> str:
    """Code with its annotation, or without it and its colon."""
    if gold is not None:
        return f"{before}{gold}{after}"
    return f"{before.rstrip().removesuffix(':').rstrip()}{after}"


def draw_shots(
    choice: str, recipient: Row, pool: Sequence[Shot], n: int, seed: int
) -> tuple[list[int], list[str]]:
    """The tokens to put in front of a recipient's prompt, and the examples that they show.

    recipient   a row with example_id and gold
    pool        in a fixed order; none of the recipient's own program
    returns     token ids, and example ids in the order of the text

    For one seed the shots of a smaller n are among those of a larger one, the nearest to the
    prompt, and every choice of one draw has the same.
    raises      Unfit (not_paired) where the pool has fewer than n to draw from
    """
    draw = DRAWS[choice]
    fitting = [shot for shot in pool if _fits(draw, shot, recipient)]
    if len(fitting) < n:
        detail = (
            f"{counted(n, 'shot')} ({choice}) for {recipient['gold']!r}, {len(fitting)} at hand"
        )
        raise Unfit("not_paired", detail)
    rng = np.random.default_rng(seed_of(seed, "shots", draw, recipient["example_id"]))
    drawn = [fitting[i] for i in rng.permutation(len(fitting))[:n]][::-1]
    token_ids = [
        token for shot in drawn for token in (shot.untyped if choice == "untyped" else shot.typed)
    ]
    if choice == "scrambled":
        token_ids = [token_ids[i] for i in rng.permutation(len(token_ids))]
    return token_ids, [shot.example_id for shot in drawn]


def _fits(draw: str, shot: Shot, recipient: Row) -> bool:
    if draw == "random":
        return True
    return (shot.gold == recipient["gold"]) == (draw == "same_type")


def put_in_front(prompt: Row, shot_ids: Sequence[int], n_start: int) -> list[int]:
    """The prompt's tokens with those of the shots in front of its program.

    prompt    a row of the prompts table
    n_start   tokens that the tokenizer puts in front of every text; a fill-in-the-middle prompt has
              its prefix token behind them

    The prompt's own tokens stay as they are, so that nothing changes but what stands before them.
    """
    prefix = [p["index"] for p in prompt["positions"] if p["name"] == "fim_prefix"]
    at = prefix[0] + 1 if prefix else n_start
    return [*prompt["token_ids"][:at], *shot_ids, *prompt["token_ids"][at:]]
