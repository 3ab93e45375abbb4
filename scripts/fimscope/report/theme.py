"""The look of every figure: one theme, and small drawing helpers."""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fimscope.files.atomic import replacing
from fimscope.files.digests import sealed
from fimscope.report.styles import EMPTY, FAINT, INK, PAPER, STYLES, SURFACES
from fimscope.statistics.numbers import INTERVAL, Numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE_SHEET = Path(__file__).parent / "fimscope.mplstyle"
INK_KEYS = ("text.color", "axes.labelcolor", "xtick.color", "ytick.color")
CONTROLS = ("unrelated", "other_gold", "random", "random_position")  # of patches: behind the rest
MARKER_SIZE, SMALL_MARKER_SIZE = 3.5, 2.2  # points; the small one where there are many
MANY_POINTS = 13
MARK_HEIGHT = 0.965  # of a frame
MESSAGE = "_message"  # label of the text of empty axes; a legend passes over labels with a _
PRINT_WIDTH = 7.0  # inches: the text width of a page


def add_figure_options(parser: argparse.ArgumentParser, name: str = "") -> None:
    """--out-svg and --out-png; of a named figure beside the first, --out-{name}-svg and -png."""
    out = f"--out-{name}-" if name else "--out-"
    parser.add_argument(f"{out}svg", type=Path, required=True, help="the figure for the report")
    parser.add_argument(f"{out}png", type=Path, required=True, help="the same as an image")


def mark_points(axes: "Axes", points: Sequence[int]) -> None:
    """A square over each of some points, under the frame's upper edge: where a test holds."""
    if not len(points):  # a line without points, if not clipped, upsets the layout
        return
    axes.plot(
        points,
        [MARK_HEIGHT] * len(points),
        transform=axes.get_xaxis_transform(),
        color=INK,
        linestyle="none",
        marker="s",
        markersize=2.6,
    )


def use_theme() -> None:
    """Set matplotlib up: no display, plain type, text kept as text, the same bytes every time."""
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(theme_settings())


def theme_settings() -> dict[str, Any]:
    """The theme as matplotlib's settings, for a figure in a notebook that keeps its own."""
    from matplotlib import rc_params_from_file

    return {
        **rc_params_from_file(STYLE_SHEET, use_default_template=False),
        **dict.fromkeys(INK_KEYS, INK),
        "axes.edgecolor": FAINT,
        "grid.color": SURFACES["line"].light,
        "figure.facecolor": PAPER,
    }


def save_figure(figure: "Figure", svg: Path, png: Path) -> None:
    """Write a figure in both formats, with no date and no version in it, and close it.

    Of one with a message in every panel the SVG says so: see `fimscope.report.svg.why_empty`.
    """
    import matplotlib.pyplot as plt

    why = _messages(figure)
    own = {"Description": EMPTY + why} if why else {}
    plain = {"svg": {"Date": None, "Creator": None, **own}, "png": {"Software": None}}
    for path, kind in ((svg, "svg"), (png, "png")):
        with replacing(path) as temporary:
            figure.savefig(temporary, format=kind, metadata=plain[kind])
            if kind == "svg":
                temporary.write_text(sealed(temporary.read_text("utf-8")), encoding="utf-8")
    plt.close(figure)


def draw_curve(
    axes: "Axes",
    points: Sequence[float],
    curve: Numbers,
    kind: str,
    label: str,
    scale: float = 1,
) -> None:
    """One curve over points with its band, in the style of `kind`.

    curve   estimate, lower and upper, [point] each; they are multiplied by `scale`; of one point
            alone the band is a bar

    `self` must change nothing: it has no band, so that it hides no other.
    """
    style = STYLES[kind]
    mean, lower, upper = (scale * np.array(curve[key], float) for key in INTERVAL)
    if kind != "self":
        alpha = 0.05 if kind in CONTROLS else 0.16  # its band may cover all the others
        if len(points) > 1:
            axes.fill_between(points, lower, upper, color=style.colour, alpha=alpha, lw=0)
        else:
            axes.vlines(points, lower, upper, color=style.colour, lw=1.2, alpha=0.7)
    axes.plot(
        points,
        mean,
        color=style.colour,
        linestyle=style.line,
        marker=style.marker,
        markersize=MARKER_SIZE if len(points) <= MANY_POINTS else SMALL_MARKER_SIZE,
        label=label,
        zorder=2 if kind in CONTROLS else 2.5,
    )


def draw_interval(axes: "Axes", height: float, row: Numbers, colour: str, scale: float = 1) -> None:
    """An interval as a horizontal bar; none where it has no ends, as the mean of one program."""
    if row["lower"] is not None:
        axes.hlines(height, scale * row["lower"], scale * row["upper"], color=colour, linewidth=1.5)


def draw_rates(axes: "Axes", heights: Sequence[float], rates: Sequence[Numbers], kind: str) -> None:
    """Rates in 0..1 with their intervals as horizontal bars, in percent, each with its figure."""
    style = STYLES[kind]
    shown, lower, upper = (100 * np.array([rate[key] for rate in rates]) for key in INTERVAL)
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
    axes.set_xlim(-3, 103)
    axes.grid(axis="y", visible=False)


def point_ticks(points: Sequence[int], most: int = 7) -> list[int]:
    """At most so many points, evenly spread, the first and the last among them."""
    step = max(1, math.ceil((points[-1] - points[0]) / (most - 1)))
    found = range(points[0], points[-1] + 1, step)
    return [*(point for point in found if points[-1] - point > step / 2), points[-1]]


def plain_log_scale(axes: "Axes") -> None:
    """A logarithmic y axis whose ticks are plain numbers: the theme reads no mathematics."""
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def legend_above(figure: "Figure", axes: "Axes", n_columns: int) -> None:
    """One legend for the whole figure, of the curves of one of its panels."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside upper center", ncols=n_columns)


def draw_legend(legend: "Axes", axes: "Axes") -> None:
    """The legend of some axes in axes of its own, below them."""
    legend.set_axis_off()
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        found = legend.legend(
            handles, labels, loc="upper left", borderaxespad=0, handlelength=2.6, fontsize=6.5
        )
        found.set_in_layout(False)  # it may be wider than its panel


def write_message(axes: "Axes", message: str) -> None:
    """Write a message in the middle of axes that have nothing to draw, in place of frame and ticks.

    An axis that other panels share is theirs too, and keeps its ticks.
    """
    text = axes.text(0.5, 0.5, message, transform=axes.transAxes, ha="center", va="center")
    text.set(color=FAINT, label=MESSAGE)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    for axis, shared in (
        (axes.xaxis, axes.get_shared_x_axes()),
        (axes.yaxis, axes.get_shared_y_axes()),
    ):
        if len(shared.get_siblings(axes)) == 1:
            axis.set_ticks([])


def _messages(figure: "Figure") -> str:
    """What stands in the panels of a figure that draws nothing; nothing of one that draws some."""
    found = [
        next((text.get_text() for text in axes.texts if text.get_label() == MESSAGE), None)
        for axes in figure.axes
    ]
    return "; ".join(dict.fromkeys(found)) if all(found) else ""
