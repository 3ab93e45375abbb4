"""Draw how many programs and holes reach every stage, from raw source to broken answers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fimscope.experiments.accuracy.numbers import funnel_numbers
from fimscope.experiments.accuracy.tables import FUNNEL
from fimscope.files.tables import read_table
from fimscope.report.styles import FAINT, STYLES, SURFACES
from fimscope.report.text import visible
from fimscope.report.theme import (
    PRINT_WIDTH,
    add_figure_options,
    save_figure,
    use_theme,
    write_message,
)
from fimscope.statistics.numbers import Numbers
from fimscope.steps.frame import run_step, step_parser

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 2  # panels side by side


def plot_funnel(funnels: Mapping[str, Sequence[Numbers]]) -> "Figure":
    """One panel an edit, one bar a stage: as long as its rows, with its programs beside it.

    funnels   edit -> stages, as `funnel_numbers` gives them
    """
    import matplotlib.pyplot as plt

    use_theme()
    n_columns = min(COLUMNS, max(len(funnels), 1))
    n_rows = -(-len(funnels) // n_columns) or 1
    most = max((len(stages) for stages in funnels.values()), default=1)
    figure, grid = plt.subplots(
        n_rows,
        n_columns,
        figsize=(PRINT_WIDTH, n_rows * (0.75 + 0.24 * most)),
        squeeze=False,
    )
    for axes in grid.flat[max(len(funnels), 1) :]:
        axes.set_axis_off()
    if not funnels:
        write_message(grid.flat[0], "no edit was counted")
    longest = max((stage["n_rows"] for rows in funnels.values() for stage in rows), default=0)
    for axes, (edit, stages) in zip(grid.flat, funnels.items(), strict=False):
        _draw_stages(axes, edit, stages, longest)
    return figure


def _draw_stages(axes: "Axes", edit: str, stages: Sequence[Numbers], longest: int) -> None:
    heights = list(range(len(stages)))[::-1]
    for height, stage in zip(heights, stages, strict=True):
        style = STYLES.get(stage["stage"])
        colour = style.colour if style else SURFACES["bar"].light
        axes.barh(height, stage["n_rows"], height=0.66, color=colour)
        axes.annotate(
            _count(stage),
            (stage["n_rows"], height),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
        )
    axes.set_yticks(heights, [visible(stage["stage"]) for stage in stages])
    axes.tick_params(axis="both", length=0)
    axes.set_xticks([])
    axes.set_xlim(0, 1.75 * max(longest, 1))  # room for the counts
    axes.spines["bottom"].set_visible(False)
    axes.spines["left"].set_color(FAINT)
    axes.grid(visible=False)
    axes.set_title(visible(edit, 40), loc="left")


def _count(stage: Numbers) -> str:
    if stage["stage"] == "programs":
        return f"{stage['n_programs']:,}"
    return f"{stage['n_rows']:,} in {stage['n_programs']:,} programs"


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--funnel", type=Path, nargs="+", required=True, help="funnel tables")
    add_figure_options(parser)
    with run_step(parser) as args:
        funnels = funnel_numbers([read_table(path, FUNNEL) for path in args.funnel])
        save_figure(plot_funnel(funnels), args.out_svg, args.out_png)


if __name__ == "__main__":
    main()
