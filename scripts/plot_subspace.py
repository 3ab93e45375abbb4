"""Draw what subspaces of the stream carry, by their rank, and write the section."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fimscope.experiments.subspace.learned import learned_numbers
from fimscope.experiments.subspace.numbers import PARTS, subspace_numbers
from fimscope.experiments.subspace.section import PART_NAMES, subspace_section
from fimscope.experiments.subspace.tables import (
    SUBSPACE_DIRECTIONS,
    SUBSPACE_LEARNED,
    SUBSPACE_LEARNED_PATCHES,
    SUBSPACE_MEANS,
    SUBSPACE_PATCHES,
)
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table
from fimscope.report.format import counted
from fimscope.report.sections import write_section
from fimscope.report.styles import FAINT, STYLES
from fimscope.report.text import visible
from fimscope.report.theme import (
    PRINT_WIDTH,
    add_figure_options,
    draw_curve,
    legend_above,
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

NOTE = (
    "rank of the subspace that is patched at the last token; of all the rest the rank left out\n"
    "bands: 95%, clustered by program; dotted: half of the whole patch; shaded: chosen on select"
)


def plot_subspace(numbers: Numbers, learned: Numbers | None = None) -> "Figure":
    """A row a condition, a column a point: effects by rank, of `test`.

    numbers   of `subspace_numbers`; learned of `learned_numbers`
    """
    import matplotlib.pyplot as plt

    use_theme()
    conditions = list(dict.fromkeys(row["condition"] for row in numbers["patches"])) or [""]
    points = list(dict.fromkeys(row["point"] for row in numbers["patches"])) or [0]
    figure, grid = plt.subplots(
        len(conditions),
        len(points),
        figsize=(PRINT_WIDTH, 1.2 + 1.8 * len(conditions)),
        squeeze=False,
        sharex=True,
        sharey=True,
    )
    for line, condition in zip(grid, conditions, strict=True):
        line[0].set_ylabel(f"{visible(condition)}\neffect (1 donor)")
        for axes, point in zip(line, points, strict=True):
            _draw(axes, numbers, condition, point)
            if learned and learned["point"] == point:
                _draw_learned(axes, [r for r in learned["rows"] if r["condition"] == condition])
    if numbers["patches"]:
        for axes, point in zip(grid[0], points, strict=True):
            axes.set_title(f"point {point}", loc="left")
        middle = grid[0, points.index(learned["point"])] if learned else grid[0, 0]
        legend_above(figure, middle, n_columns=3)
    figure.supxlabel(NOTE, fontsize=7)
    return figure


def _draw(axes: "Axes", numbers: Numbers, condition: str, point: int) -> None:
    found = [
        row for row in numbers["patches"] if (row["condition"], row["point"]) == (condition, point)
    ]
    if not found:
        write_message(axes, "no pairs")
        return
    (row,) = found
    axes.set_xscale("log", base=2)
    ticks = [rank for rank in numbers["ranks"] if rank & (rank - 1) == 0]  # others are too near
    axes.set_xticks(ticks, ticks)
    axes.minorticks_off()
    axes.axvspan(row["rank"] / 1.1, row["rank"] * 1.1, color=FAINT, alpha=0.15, lw=0)
    for part in PARTS:
        curve = row["curves"][part]
        draw_curve(axes, curve["ranks"], curve, part, PART_NAMES[part])
    whole, style = row["whole"]["estimate"], STYLES["whole"]
    axes.axhline(whole, color=style.colour, lw=1, label=PART_NAMES["whole"])
    axes.axhline(whole / 2, color=style.colour, lw=0.8, ls=style.line)
    axes.text(
        0.98,
        0.02,
        f"n = {row['n_pairs']} ({counted(row['n_programs'], 'program')})",
        transform=axes.transAxes,
        ha="right",
        va="bottom",
        fontsize=6,
        color=FAINT,
    )


def _draw_learned(axes: "Axes", rows: Sequence[Numbers]) -> None:
    style = STYLES["learned"]
    effects = [row["effects"]["learned"] for row in rows]
    for row, effect in zip(rows, effects, strict=True):
        if effect["lower"] is not None:
            axes.vlines(row["rank"], effect["lower"], effect["upper"], color=style.colour, lw=1)
    axes.plot(
        [row["rank"] for row in rows],
        [effect["estimate"] for effect in effects],
        color=style.colour,
        marker=style.marker,
        ls=style.line,
        label="learned",
    )


def main() -> None:
    parser = step_parser(__doc__)
    for name in ("directions", "patches", "means", "learned", "learned-patches"):
        table = name.replace("-", "_")
        parser.add_argument(f"--{name}", type=Path, required=True, help=f"subspace_{table}")
    add_bootstrap_options(parser)
    add_margin_options(parser)
    add_figure_options(parser)
    parser.add_argument("--out-section", type=Path, required=True, help="the report's section")
    with run_step(parser) as args:
        manifest, margins = run_manifest(args), Margins.of(args)
        patches = read_table(args.patches, SUBSPACE_PATCHES)
        numbers = subspace_numbers(
            read_table(args.directions, SUBSPACE_DIRECTIONS),
            patches,
            read_table(args.means, SUBSPACE_MEANS),
            Bootstrap.of(args),
            margins.effect,
            margins.accuracy,
        )
        learned = learned_numbers(
            read_table(args.learned, SUBSPACE_LEARNED),
            read_table(args.learned_patches, SUBSPACE_LEARNED_PATCHES),
            patches,
            margins.effect,
        )
        save_figure(plot_subspace(numbers, learned), args.out_svg, args.out_png)
        write_section(args.out_section, subspace_section(numbers, learned), manifest)


if __name__ == "__main__":
    main()
