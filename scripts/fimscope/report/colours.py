"""The colours of all that is shown: one thing has one colour, in every figure and page."""

from collections.abc import Iterator
from typing import NamedTuple


class Colour(NamedTuple):
    """The same colour on the light paper and on the dark."""

    light: str
    dark: str


PAPER, INK, FAINT = "#FFFFFF", "#222222", "#5C6066"
# Writing and dots on a heat map, whose cells keep their colours on any paper.
ON_PALE_CELL, ON_DARK_CELL = "#000000", "#FEFEFE"

SURFACES = {
    "paper": Colour(PAPER, "#17181A"),
    "ink": Colour(INK, "#ECECEC"),
    "faint": Colour(FAINT, "#A4A9B0"),
    "line": Colour("#D9DCE0", "#3A3D43"),
    "tint": Colour("#F4F5F7", "#222428"),
    "link": Colour("#005A94", "#7CC0F5"),
    "shade": Colour("#0003", "#FFF3"),
    "bar": Colour("#9A9FA6", "#6A7078"),
}
# Hues after Okabe & Ito (2008), their lightness chosen so that each stands out from its paper (3:1,
# WCAG 2.2, 1.4.11) and things of one figure stay apart for colour-blind readers.
PALETTE = {
    "blue": Colour("#0072B2", "#4FA3E3"),
    "black": Colour("#111111", "#FFFFFF"),
    "vermilion": Colour("#BA4B00", "#D86818"),
    "pink": Colour("#C766A0", "#EAAACF"),
    "olive": Colour("#5B4500", "#B6AD45"),
    "green": Colour("#009E73", "#1DB98B"),
    "sky": Colour("#0D96EA", "#8DCFFB"),
    "orange": Colour("#BE8501", "#F0B435"),
    "indigo": Colour("#332288", "#9C8CF0"),
    "wine": Colour("#7F174D", "#DD71B4"),
    "lilac": Colour("#9882C5", "#C8B0CF"),
    "violet": Colour("#7B4CB1", "#A887DC"),
    "deep": Colour("#4A1E82", "#8A5ACF"),
    "grey": Colour("#6C6C6C", "#748085"),
}
THINGS = {
    # how an answer came out, and whose it is
    "right": "green",
    "wrong": "orange",
    "broken": "vermilion",
    "mended": "blue",
    "original": "green",
    "edited": "vermilion",
    "gold": "indigo",
    "foil": "wine",
    "foil_of_original": "wine",
    "answer": "sky",
    "worsened": "orange",
    # what a patch writes
    "paired": "blue",
    "self": "black",
    "unrelated": "vermilion",
    "random": "pink",
    "random_position": "olive",
    # what steering adds
    "mean_difference": "blue",
    "gold_type": "green",
    "held_out_type": "sky",
    "majority_type": "vermilion",
    "other_edit": "olive",
    "flipped": "wine",
    "shuffled": "grey",
    "zero": "black",
    "uniform": "vermilion",
    # what else is asked of the model, and what it is held against
    "greedy": "green",
    "top10": "sky",
    "pass_at_1": "lilac",
    "pass_at_10": "violet",
    "pass_at_100": "deep",
    "chance_of_10": "grey",
    "chance": "grey",
    "control": "grey",
    "majority": "vermilion",
    "same_type": "blue",
    "other_type": "vermilion",
    "untyped": "olive",
    "scrambled": "grey",
    "masked": "blue",
}


def style_rule() -> str:
    """The CSS rule that gives every colour its name: `--blue`, and `--paired` for the thing."""
    things = {_property(thing): f"var({_property(hue)})" for thing, hue in THINGS.items()}
    lines = [f"  {name}: {value};" for name, value in [*_pairs(), *things.items()]]
    return "\n".join([":root {", "  color-scheme: light dark;", *lines, "}"]) + "\n"


def property_of(colour: str) -> str | None:
    """The CSS value for a light colour by its hexadecimal number; None where it is none of ours."""
    return _PROPERTIES.get(colour.lower())


def _pairs() -> Iterator[tuple[str, str]]:
    for name, colour in (SURFACES | PALETTE).items():
        yield _property(name), f"light-dark({colour.light}, {colour.dark})"


def _property(name: str) -> str:
    return f"--{name.replace('_', '-')}"


_PROPERTIES = {
    colour.light.lower(): f"var({_property(name)})" for name, colour in (SURFACES | PALETTE).items()
}
