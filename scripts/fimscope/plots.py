"""The look of every figure: one theme, one style for each thing, and small drawing helpers."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fimscope.stats import Interval
from fimscope.tables import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PRINT_WIDTH = 7.0  # inches: the text width of a page
INK, FAINT = "#222222", "#767676"


class Style(NamedTuple):
    """Colour, line and marker of one thing; the last two tell it apart in black and white."""

    colour: str
    line: str | tuple[int, tuple[float, ...]]
    marker: str


# Colours of Okabe & Ito (2008), told apart by colour-blind readers. One thing, one style.
STYLES = {
    "paired": Style("#0072B2", "-", "o"),
    "self": Style("#000000", ":", "x"),
    "unrelated": Style("#D55E00", "--", "s"),
    "random": Style("#CC79A7", "-.", "^"),
    "random_position": Style("#7A6A00", (0, (5, 1, 1, 1, 1, 1)), "D"),
    "right": Style("#009E73", "-", "o"),
    "top10": Style("#56B4E9", "--", "D"),
    "wrong": Style("#E69F00", "--", "s"),
    "broken": Style("#E69F00", "--", "s"),
    "edited": Style("#009E73", "--", "D"),
    "same_type": Style("#0072B2", "-", "o"),
    "other_type": Style("#D55E00", "--", "s"),
    "untyped": Style("#7A6A00", (0, (5, 1, 1, 1, 1, 1)), "D"),
    "masked": Style("#0072B2", "-", "o"),
    "scrambled": Style("#767676", ":", "x"),
}


def use_theme() -> None:
    """Set matplotlib up: no display, plain type, text kept as text, the same bytes every time."""
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(
        {
            "font.family": "sans-serif",
            "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "sans-serif"],
            "font.size": 8,
            "axes.titlesize": 8.5,
            "axes.titleweight": "bold",
            "axes.labelsize": 8,
            "xtick.labelsize": 7.5,
            "ytick.labelsize": 7.5,
            "legend.fontsize": 7,
            "legend.frameon": False,
            "text.color": INK,
            "axes.labelcolor": INK,
            "axes.edgecolor": FAINT,
            "xtick.color": INK,
            "ytick.color": INK,
            "axes.linewidth": 0.6,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#E4E4E4",
            "grid.linewidth": 0.5,
            "lines.linewidth": 1.4,
            "lines.markersize": 3.5,
            "figure.facecolor": "white",
            "figure.constrained_layout.use": True,
            "savefig.dpi": 200,
            "svg.fonttype": "none",
            "svg.hashsalt": "fimscope",
            "text.parse_math": False,  # a model's answer may hold a dollar sign
        }
    )


def save_figure(figure: "Figure", svg: Path, png: Path) -> None:
    """Write a figure in both formats, with no date and no version in it, and close it."""
    import matplotlib.pyplot as plt

    plain = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}
    for path, kind in ((svg, "svg"), (png, "png")):
        with replacing(path) as temporary:
            figure.savefig(temporary, format=kind, metadata=plain[kind])
    plt.close(figure)


def visible(text: str, limit: int = 24) -> str:
    """Text from a model or a program, safe to show: no control characters, cut to `limit`.

    Control, formatting and private characters, surrogates and line breaks become their escapes;
    a longer text ends in an ellipsis; nothing at all becomes "(nothing)".
    """
    shown = "".join(character if _shows(character) else _escape(character) for character in text)
    if not shown.strip():
        return f"({len(text)} spaces)" if text else "(nothing)"
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def draw_curve(
    axes: "Axes",
    points: Sequence[int],
    curve: Sequence[float],
    band: Interval,
    kind: str,
    label: str,
) -> None:
    """One curve over points with its band, in the style of `kind`.

    `self` must change nothing: it has no band, so that it hides no other.
    """
    style = STYLES[kind]
    if kind != "self":
        alpha = 0.05 if kind == "random" else 0.16  # its band may cover all the others
        axes.fill_between(points, band.lower, band.upper, color=style.colour, alpha=alpha, lw=0)
    axes.plot(
        points,
        curve,
        color=style.colour,
        linestyle=style.line,
        marker=style.marker,
        markevery=max(1, len(points) // 12),
        label=label,
    )


def draw_rates(
    axes: "Axes", heights: Sequence[float], rates: Sequence[float], ends: Interval, kind: str
) -> None:
    """Rates in 0..1 with their intervals as horizontal bars, in percent, each with its figure."""
    style = STYLES[kind]
    shown, lower, upper = (100 * np.asarray(x) for x in (rates, ends.lower, ends.upper))
    axes.hlines(heights, lower, upper, color=style.colour, linewidth=1.6)
    axes.plot(shown, heights, linestyle="none", marker=style.marker, color=style.colour, ms=5)
    for height, rate in zip(heights, shown, strict=True):
        axes.annotate(
            f"{rate:.1f}",
            (rate, height),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            fontsize=7.5,
        )
    axes.set_xlim(0, 100)
    axes.grid(axis="y", visible=False)


def say(axes: "Axes", message: str) -> None:
    """Write a message in the middle of axes that have nothing to draw."""
    axes.text(0.5, 0.5, message, transform=axes.transAxes, ha="center", va="center", color=FAINT)
    axes.grid(visible=False)


def _shows(character: str) -> bool:
    category = unicodedata.category(character)
    return character == " " or not category.startswith(("C", "Z"))


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
