"""Right, wrong and broken examples, drawn for an experiment that cannot ask all of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from fimscope.steps.seeds import seed_of

Row = Mapping[str, Any]

# `wrong` are those that were wrong, or not asked, before the edit too; `broken` the others.
OUTCOMES = ("right", "wrong", "broken")
OUTCOME_TITLES = {"right": "Right", "wrong": "Wrong", "broken": "Broken by the edit"}


def outcome_of(split: Row) -> str:
    """One of OUTCOMES, of a row of the split table."""
    return "broken" if split["broken"] else split["outcome"]


def draw_of_each(split: Sequence[Row], max_each: int, seed: int, what: str) -> dict[str, str]:
    """At most max_each examples of each outcome: example_id -> outcome, in the table's order.

    what   the experiment; with the seed and the example it decides, so that one example more or
           less moves no other's place in the draw
    """
    chosen: set[str] = set()
    for outcome in OUTCOMES:
        of_it = [row["example_id"] for row in split if outcome_of(row) == outcome]
        chosen.update(sorted(of_it, key=lambda name: seed_of(seed, what, name))[:max_each])
    return {row["example_id"]: outcome_of(row) for row in split if row["example_id"] in chosen}
