"""Draw what masking each distractor does to the gold's log-probability, beside its control."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fimscope.experiments.masking.numbers import masking_numbers
from fimscope.experiments.masking.section import WAY_TITLES, masking_section
from fimscope.experiments.masking.tables import MASKING
from fimscope.experiments.masking.ways import WAYS
from fimscope.experiments.outcomes import OUTCOME_TITLES, OUTCOMES
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table
from fimscope.report.sections import write_section
from fimscope.report.styles import FAINT, INK, STYLES
from fimscope.report.theme import (
    PRINT_WIDTH,
    add_figure_options,
    draw_interval,
    save_figure,
    use_theme,
    write_message,
)
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Margins, add_margin_options
from fimscope.steps.frame import run_step, step_parser

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DRAWN = {"masked": ("masked", "masked"), "control": ("random", "as many random other tokens")}


def plot_masking(rows: Sequence[Numbers]) -> "Figure":
    """A panel for every way and outcome: the change of the gold's log-probability, in nats.

    rows   of `masking_numbers`
    """
    import matplotlib.pyplot as plt

    use_theme()
    figure, grid = plt.subplots(
        len(WAYS), len(OUTCOMES), figsize=(PRINT_WIDTH, 5.6), sharex=True, sharey="row"
    )
    for axes_row, (way, distractors) in zip(grid, WAYS.items(), strict=True):
        axes_row[0].set_yticks(range(len(distractors))[::-1], distractors)
        axes_row[0].set_ylabel(WAY_TITLES[way])
        for axes, outcome in zip(axes_row, OUTCOMES, strict=True):
            chosen = [row for row in rows if (row["outcome"], row["way"]) == (outcome, way)]
            _draw(axes, chosen)
    for axes, outcome in zip(grid[0], OUTCOMES, strict=True):
        axes.set_title(OUTCOME_TITLES[outcome], loc="left")
    handles = [
        plt.Line2D([], [], color=STYLES[style].colour, marker=STYLES[style].marker, lw=1.4)
        for style, _ in DRAWN.values()
    ]
    figure.legend(
        handles, [label for _, label in DRAWN.values()], loc="outside lower center", ncols=2
    )
    grid[-1, 1].set_xlabel("change of the gold's log-probability, nats")
    return figure


def _draw(axes: "Axes", rows: Sequence[Numbers]) -> None:
    axes.axvline(0, color=INK, linewidth=0.6)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.tick_params(axis="y", length=0)
    if not any(row["n"] for row in rows):
        write_message(axes, "no examples")
    for height, row in zip(range(len(rows))[::-1], rows, strict=True):
        for aside, (measure, (kind, _)) in zip((0.14, -0.14), DRAWN.items(), strict=True):
            change, style = row[measure], STYLES[kind]
            if change["estimate"] is None:
                continue
            draw_interval(axes, height + aside, change, style.colour)
            axes.plot(change["estimate"], height + aside, marker=style.marker, color=style.colour)
        axes.annotate(
            f"n = {row['n']}",
            (1, height + 0.3),
            xycoords=axes.get_yaxis_transform(),
            ha="right",
            fontsize=6.5,
            color=FAINT,
        )


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--masking", type=Path, required=True, help="masking.parquet")
    parser.add_argument("--edit", required=True, help="of the prompts")
    add_margin_options(parser)
    add_figure_options(parser)
    parser.add_argument("--out-section", type=Path, required=True, help="sections/masking.json")
    with run_step(parser) as args:
        margin = Margins.of(args).accuracy
        rows = masking_numbers(read_table(args.masking, MASKING), margin)
        save_figure(plot_masking(rows), args.out_svg, args.out_png)
        write_section(args.out_section, masking_section(rows, args.edit), run_manifest(args))


if __name__ == "__main__":
    main()
