"""How all that is shown looks: one thing has one colour, line and marker, in every figure and page.

Figures take them as matplotlib writes them, the pages as CSS properties and as the names of d3.
"""

from typing import NamedTuple


class Colour(NamedTuple):
    """The same colour on the light paper and on the dark."""

    light: str
    dark: str


EMPTY = "nothing to draw: "  # how the description of a figure begins that has none
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
# Lines of matplotlib, and their dashes in a page; markers, and d3's symbols.
BROKEN_LINE = (0, (5, 1, 1, 1, 1, 1))
LONG_DASHES = (0, (9, 3))
DASHES = {
    "-": None,
    ":": "1,3",
    "--": "6,3",
    "-.": "7,3,1,3",
    BROKEN_LINE: "7,2,1,2,1,2",
    LONG_DASHES: "12,4",
}
SYMBOLS = {
    "o": "circle",
    "x": "times",
    "s": "square",
    "^": "triangle",
    "v": "wye",
    "D": "diamond",
    "P": "plus",
    "+": "plus",
}


class Style(NamedTuple):
    """Hue, line and marker of one thing; the last two tell it apart in black and white."""

    hue: str
    line: str | tuple[int, tuple[int, ...]] = "-"
    marker: str = "o"

    @property
    def colour(self) -> str:
        """On the light paper, which is that of the figures."""
        return PALETTE[self.hue].light


STYLES = {
    # how an answer came out, and whose it is
    "right": Style("green"),
    "wrong": Style("orange", "--", "s"),
    "broken": Style("vermilion", "--", "s"),
    "mended": Style("blue"),
    "original": Style("green"),
    "edited": Style("vermilion", "--", "s"),
    "gold": Style("indigo"),
    "foil": Style("wine", "-.", "v"),
    "foil_of_original": Style("wine", ":", "^"),
    "answer": Style("sky", "-.", "D"),
    "worsened": Style("orange", ":", "s"),
    # what the compiler says of an answer
    "same": Style("green"),
    "equivalent": Style("sky"),
    "checks": Style("orange"),
    "fails": Style("vermilion"),
    "any": Style("grey", ":", "P"),
    # what reads a point
    "linear_lens": Style("blue"),
    "logit_lens": Style("vermilion", "--", "s"),
    # what a patch aims at, beside `foil`
    "target": Style("blue"),
    # what a patch writes
    "paired": Style("blue"),
    "self": Style("black", ":", "x"),
    "unrelated": Style("vermilion", "--", "s"),
    "other_gold": Style("green", LONG_DASHES, "v"),
    "random": Style("pink", "-.", "^"),
    "random_position": Style("olive", BROKEN_LINE, "D"),
    # which part of the stream a patch writes
    "types": Style("blue"),
    "variance": Style("olive", BROKEN_LINE, "D"),
    "complement": Style("vermilion", "--", "s"),
    "learned": Style("green", LONG_DASHES, "v"),
    "whole": Style("black", ":", "x"),
    # what steering adds
    "mean_difference": Style("blue"),
    "gold_type": Style("green", "--", "v"),
    "held_out_type": Style("sky", "-.", "D"),
    "majority_type": Style("vermilion", "--", "s"),
    "other_edit": Style("olive", BROKEN_LINE, "D"),
    "flipped": Style("wine", ":", "v"),
    "shuffled": Style("grey", ":", "P"),
    "zero": Style("black", ":", "x"),
    "uniform": Style("vermilion", "--", "s"),
    # what else is asked of the model, and what it is held against
    "greedy": Style("green"),
    "top10": Style("sky", "--", "D"),
    "pass_at_1": Style("lilac", ":", "v"),
    "pass_at_10": Style("violet", "-.", "^"),
    "pass_at_100": Style("deep", "-", "s"),
    "chance": Style("grey", ":", "x"),
    "copying": Style("grey", LONG_DASHES, "+"),
    "control": Style("grey", ":", "P"),
    "majority": Style("vermilion", "--", "s"),
    "same_type": Style("blue"),
    "other_type": Style("vermilion", "--", "s"),
    "untyped": Style("olive", BROKEN_LINE, "D"),
    "scrambled": Style("grey", ":", "x"),
    "masked": Style("blue"),
    "cut": Style("black", ":", "x"),
}


def style_rule() -> str:
    """The CSS rule that gives every colour its name: `--blue`, and `--paired` for the thing."""
    return f":root {{\n  color-scheme: light dark;\n{custom_properties()}}}\n"


def custom_properties() -> str:
    """The declarations of that rule, for an element that stands in another's page."""
    colours = {
        name: f"light-dark({colour.light}, {colour.dark})"
        for name, colour in (SURFACES | PALETTE).items()
    }
    things = {thing: f"var({_property(style.hue)})" for thing, style in STYLES.items()}
    return "".join(f"  {_property(name)}: {value};\n" for name, value in (colours | things).items())


def page_lines() -> dict[str, tuple[str | None, str]]:
    """thing -> the dashes of its line in a page, and its symbol."""
    return {t: (DASHES[style.line], SYMBOLS[style.marker]) for t, style in STYLES.items()}


def property_of(colour: str) -> str | None:
    """The CSS value for a light colour by its hexadecimal number; None where it is none of ours."""
    return _PROPERTIES.get(colour.lower())


def _property(name: str) -> str:
    return f"--{name.replace('_', '-')}"


_PROPERTIES = {
    colour.light.lower(): f"var({_property(name)})" for name, colour in (SURFACES | PALETTE).items()
}
