"""Draw what patching attention, MLPs and single heads does, and write its section of the report."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fimscope.experiments.components.numbers import (
    KINDS,
    component_numbers,
    largest_each_way,
    part_numbers,
)
from fimscope.experiments.components.section import components_section
from fimscope.experiments.patch.drawing import draw_effects, effect_frame, share_legend, write_count
from fimscope.experiments.patch.exactness import Rounding
from fimscope.experiments.patch.numbers import paired_means, points_above
from fimscope.experiments.patch.tables import PAIRS
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table
from fimscope.report.sections import write_section
from fimscope.report.styles import INK, ON_PALE_CELL, PAPER
from fimscope.report.text import visible
from fimscope.report.theme import (
    PRINT_WIDTH,
    add_figure_options,
    point_ticks,
    save_figure,
    use_theme,
    write_message,
)
from fimscope.statistics.bootstrap import Bootstrap, add_bootstrap_options
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Margins, add_margin_options
from fimscope.steps.frame import run_step, step_parser

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TITLES = {"attention_output": "attention output", "mlp_output": "MLP output", "head": "heads"}
NOTE = (
    "block whose part is patched at the last token\nbands: 95%, clustered by program; "
    "squares and dots: nearer to the donor than under every control (sign test over programs, Holm)"
    "\nrings: of a condition the largest effect towards the donor's answer, and the largest against"
)


def plot_components(sweeps: Sequence[Numbers]) -> "Figure":
    """A row a condition: curves of attention and MLP outputs over blocks, a map of the heads.

    sweeps   of `component_numbers`, KINDS in order for each condition
    """
    import matplotlib.pyplot as plt

    use_theme()
    rows = [sweeps[i : i + len(KINDS)] for i in range(0, len(sweeps), len(KINDS))]
    figure, grid = plt.subplots(
        len(rows),
        len(KINDS),
        figsize=(PRINT_WIDTH, 1.0 + 1.9 * len(rows)),
        squeeze=False,
        width_ratios=[1, 1, 1.15],
    )
    limit = max((abs(v) for row in rows for v in paired_means(row[2])), default=0) or 1
    for line, row in zip(grid, rows, strict=True):
        frame = effect_frame(row[:2], least=(-0.05, 0.1))
        for axes, sweep in zip(line, row, strict=True):
            if row is rows[0]:
                axes.set_title(f"{_TITLES[sweep['position']]}\n", loc="left", fontsize=8)
            write_count(axes, sweep)
            if sweep["position"] == "head":
                _draw_heads(axes, sweep, row[0]["points"], limit)
            else:
                draw_effects(axes, sweep, sweep["effect_comparison"])
                axes.set_ylim(*frame)
        for part in largest_each_way(part_numbers(row)):
            _ring(line[KINDS.index(part["kind"])], part)
        line[0].set_ylabel(f"{visible(row[0]['condition'])}\neffect (1 donor)")
    images = [axes.images[0] for axes in grid[:, 2] if axes.images]
    if images:
        figure.colorbar(images[0], ax=list(grid[:, 2]), label="mean effect", pad=0.03, aspect=30)
    share_legend(figure, sweeps, NOTE)
    return figure


def _ring(axes: "Axes", part: Numbers) -> None:
    """Mark a part in the panel of its kind, and write its effect beside it, clear of the curves."""
    from matplotlib.patheffects import withStroke

    height = part["estimate"] if part["head"] is None else part["head"]
    axes.plot(
        [part["block"]],
        [height],
        linestyle="none",
        marker="o",
        markersize=7,
        markerfacecolor="none",
        markeredgecolor=INK,
        markeredgewidth=0.8,
        zorder=5,
    )
    axes.annotate(
        f"{part['estimate']:+.2f}",
        (part["block"], height),
        xytext=(-7, 0),
        textcoords="offset points",
        ha="right",
        va="center",
        fontsize=6.2,
        path_effects=[withStroke(linewidth=2, foreground=PAPER)],
        zorder=6,
    )


def _draw_heads(axes: "Axes", sweep: Numbers, blocks: Sequence[int], limit: float) -> None:
    """A map of mean effects, head by block; a dot where a head is above every control."""
    means = paired_means(sweep)
    if not means:
        write_message(axes, "no pairs")
        return
    n_heads = len(means) // len(blocks)
    axes.imshow(
        np.array(means).reshape(len(blocks), n_heads).T,
        cmap="RdBu",
        vmin=-limit,
        vmax=limit,
        aspect="auto",
        interpolation="nearest",
    )
    above = points_above(sweep["effect_comparison"])
    axes.plot(
        [place // n_heads for place in above],
        [place % n_heads for place in above],
        linestyle="none",
        marker="o",
        color=ON_PALE_CELL,
        markersize=2.5,
    )
    axes.set_xticks(point_ticks(blocks, most=4))
    axes.set_yticks(point_ticks(range(n_heads), most=5))
    axes.set_ylabel("head")
    axes.grid(visible=False)


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument(
        "--components", type=Path, nargs="+", required=True, help="components/{condition}.parquet"
    )
    parser.add_argument("--pairs", type=Path, required=True, help="the pairs table")
    add_bootstrap_options(parser)
    add_margin_options(parser)
    add_figure_options(parser)
    parser.add_argument("--out-section", type=Path, required=True, help="the section of the report")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        pairs, bootstrap = read_table(args.pairs, PAIRS), Bootstrap.of(args)
        margin = Margins.of(args).effect
        sweeps = [
            numbers
            for path in args.components
            for numbers in component_numbers(path, pairs, bootstrap, margin)
        ]
        save_figure(plot_components(sweeps), args.out_svg, args.out_png)
        write_section(
            args.out_section, components_section(sweeps, Rounding.of(args.components[0])), manifest
        )


if __name__ == "__main__":
    main()
