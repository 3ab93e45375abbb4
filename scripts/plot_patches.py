"""Draw what patching does at every residual point, one column a condition, with its controls."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fimscope.curves import read_sweep
from fimscope.plots import (
    INK,
    PRINT_WIDTH,
    draw_curve,
    point_ticks,
    save_figure,
    say,
    use_theme,
    visible,
)
from fimscope.stats import N_DRAWS, Interval
from fimscope.steps import run_step, step_parser
from fimscope.summary import Numbers, sweep_numbers
from fimscope.tables import read_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TARGETS = {"wrong_to_wrong": "donor's answer"}  # of every other condition: the gold
CAPTION = (
    "residual point patched: 0 is what enters block 0, the last what enters the final norm\n"
    "bands: 95%, cluster bootstrap over programs; squares: more recipients turn than under every "
    "control (Holm)\nthe effect of a random vector has no bound and may leave the frame"
)


def plot_patches(sweeps: Sequence[Numbers]) -> "Figure":
    """Two rows of panels: mean normalised effect, and share of predictions that become the target.

    sweeps   numbers of `summary.sweep_numbers`, one column each, in this order
    """
    import matplotlib.pyplot as plt

    use_theme()
    n_kinds = max((len(sweep["flips"]) for sweep in sweeps), default=0)
    figure, grid = plt.subplots(
        3,
        len(sweeps),
        figsize=(PRINT_WIDTH, 5.4 + 0.14 * n_kinds),
        sharey="row",
        squeeze=False,
        height_ratios=[2.4, 2.4, 0.35 + 0.14 * n_kinds],
    )
    for (above, below, legend), sweep in zip(grid.T, sweeps, strict=True):
        above.set_title(visible(sweep["condition"]), loc="left")
        legend.set_axis_off()
        if not sweep["n_pairs"]:
            for axes in (above, below):
                say(axes, "no pairs")
                axes.set_xticks([])
            continue
        _draw_effects(above, sweep)
        _draw_flips(below, sweep)
        for axes in (above, below):
            axes.set_xticks(point_ticks(sweep["points"]))
        legend.legend(
            *below.get_legend_handles_labels(),
            loc="upper left",
            borderaxespad=0,
            handlelength=2.6,
            title=_note(sweep),
            title_fontsize=7,
            alignment="left",
        ).set_in_layout(False)  # it may be wider than its panel
    grid[0, 0].set_ylim(*_frame(sweeps))
    grid[0, 0].set_ylabel("normalised effect\n(0 recipient, 1 donor)")
    grid[1, 0].set_ylabel("% of predictions")
    figure.supxlabel(CAPTION, fontsize=7)
    figure.get_layout_engine().set(hspace=0.06)
    return figure


def _draw_effects(axes: "Axes", sweep: Numbers) -> None:
    if not sweep["effects"]:
        say(axes, "every gap too small")
        return
    for level in (0, 1):
        axes.axhline(level, color=INK, linewidth=0.6)
    for kind, curve in sweep["effects"].items():
        _draw(axes, sweep["points"], curve, kind, scale=1)


def _draw_flips(axes: "Axes", sweep: Numbers) -> None:
    for kind, curve in sweep["flips"].items():
        _draw(axes, sweep["points"], curve, kind, scale=100)
    target = TARGETS.get(sweep["condition"], "gold")
    axes.set_title(f"becomes the {target}", loc="left", fontweight="normal", pad=8)
    if sweep["comparison"]:
        above = sweep["comparison"]["points_above"]
        axes.plot(
            above,
            [1.0] * len(above),
            transform=axes.get_xaxis_transform(),
            color=INK,
            linestyle="none",
            marker="s",
            markersize=2.6,
            clip_on=False,
        )


def _frame(sweeps: Sequence[Numbers]) -> tuple[float, float]:
    """Limits that hold 0, 1 and every mean effect, but not those of random vectors."""
    means = [
        mean
        for sweep in sweeps
        for kind, curve in sweep["effects"].items()
        if not kind.startswith("random")
        for mean in curve["estimate"]
    ]
    return min([-0.2, *means]) - 0.1, max([1.1, *means]) + 0.1


def _draw(axes: "Axes", points: list[int], curve: Numbers, kind: str, scale: int) -> None:
    mean, lower, upper = (scale * np.array(curve[key]) for key in ("estimate", "lower", "upper"))
    label = f"{kind}: n = {curve['n_pairs']} ({curve['n_programs']} programs)"
    draw_curve(axes, points, mean, Interval(lower, upper), kind, label)


def _note(sweep: Numbers) -> str:
    """What the upper panel leaves out, over the legend that counts the pairs of the lower."""
    if not sweep["n_small_gap"]:
        return "every pair has a normalised effect"
    return f"no normalised effect, gap too small: {sweep['n_small_gap']}"


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument(
        "--patches", type=Path, nargs="+", required=True, help="patches/{condition}.parquet"
    )
    parser.add_argument("--pairs", type=Path, required=True, help="the pairs table")
    parser.add_argument("--position", default="last", help="the patched position to draw")
    parser.add_argument("--draws", type=int, default=N_DRAWS, help="draws of the bootstrap")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    parser.add_argument("--out-svg", type=Path, required=True, help="the figure for the report")
    parser.add_argument("--out-png", type=Path, required=True, help="the same as an image")
    with run_step(parser) as args:
        pairs = read_table(args.pairs, "pairs")
        sweeps = [
            sweep_numbers(read_sweep(path, pairs, args.position), args.draws, args.seed)
            for path in args.patches
        ]
        save_figure(plot_patches(sweeps), args.out_svg, args.out_png)


if __name__ == "__main__":
    main()
