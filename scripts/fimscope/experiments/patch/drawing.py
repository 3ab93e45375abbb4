"""Panels of patch curves: one condition or position each, with its controls, under one legend."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from fimscope.experiments.patch.numbers import points_above
from fimscope.experiments.patch.pairs import DONOR_KINDS
from fimscope.report.format import counted
from fimscope.report.styles import FAINT, INK, STYLES
from fimscope.report.theme import (
    draw_curve,
    mark_points,
    point_ticks,
    write_message,
)
from fimscope.statistics.numbers import Numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARGIN = 0.08  # of the range of an effect, around it
WIDEST = (-1.0, 2.0)  # the most that an effect's axis shows: the donor is at 1


def draw_effects(axes: "Axes", sweep: Numbers, comparison: Numbers | None = None) -> None:
    """Mean normalised effect of every kind of donor over the points.

    comparison   the sweep's, of which squares mark the points above every control; default: none
    """
    if not sweep["n_pairs"]:
        write_message(axes, "no pairs")
    elif not sweep["effects"]:
        write_message(axes, "every gap\ntoo small")
    else:
        for level in (0, 1):
            axes.axhline(level, color=INK, linewidth=0.6)
        for kind, curve in sweep["effects"].items():
            draw_curve(axes, sweep["points"], curve, kind, kind)
            if kind.startswith("random"):  # a ratio without bound, which jumps about
                axes.lines[-1].set(linewidth=0.7, alpha=0.6, markersize=2.2, zorder=1)
        mark_points(axes, points_above(comparison))
        axes.set_xticks(point_ticks(sweep["points"], most=5))


def draw_flips(axes: "Axes", sweep: Numbers) -> None:
    """Share of predictions that become the target, in percent."""
    if not sweep["n_pairs"]:
        write_message(axes, "no pairs")
        return
    for kind, curve in sweep["flips"].items():
        draw_curve(axes, sweep["points"], curve, kind, kind, scale=100)
    mark_points(axes, points_above(sweep["comparison"]))
    axes.set_xticks(point_ticks(sweep["points"], most=5))


def effect_frame(
    sweeps: Iterable[Numbers], least: tuple[float, float] = (-0.1, 1.0)
) -> tuple[float, float]:
    """Limits that hold `least` and the paired donors' bands, within WIDEST."""
    ends = [
        end
        for sweep in sweeps
        for key in ("lower", "upper")
        for end in sweep["effects"].get("paired", {}).get(key, [])
        if end is not None
    ]
    lower, upper = min([least[0], *ends]), max([least[1], *ends])
    margin = MARGIN * (upper - lower)
    return max(WIDEST[0], lower - margin), min(WIDEST[1], upper + margin)


def share_legend(
    figure: "Figure", sweeps: Sequence[Numbers], note: str, n_columns: int | None = None
) -> None:
    """One legend of all kinds of donors above the panels, and a note on what they show below.

    n_columns   of the legend; default: as many as kinds
    """
    from matplotlib.lines import Line2D

    found = {kind for sweep in sweeps for kind in sweep["flips"]}
    handles = [
        Line2D(
            [],
            [],
            color=STYLES[kind].colour,
            linestyle=STYLES[kind].line,
            marker=STYLES[kind].marker,
            label=kind,
        )
        for kind in DONOR_KINDS
        if kind in found
    ]
    if note:
        figure.supxlabel(note, fontsize=7, color=FAINT)
    if handles:
        n_columns = n_columns or len(handles)
        figure.legend(handles=handles, loc="outside upper center", ncols=n_columns)


def write_count(axes: "Axes", sweep: Numbers) -> None:
    """Over a panel, how many pairs and programs it shows."""
    curve = sweep["flips"].get("paired")
    if curve is not None:
        text = f"n = {curve['n_pairs']}, {counted(curve['n_programs'], 'program')}"
        if not axes.get_title("left"):
            axes.set_title(" ", loc="left", fontsize=6.2)  # room for it
        # Not in the layout: on a narrow panel it would take the room of the curves.
        axes.text(
            0, 1.03, text, transform=axes.transAxes, fontsize=6.2, va="bottom", in_layout=False
        )
