"""Draw what the model answers where it is wrong: gold by predicted type."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fimscope.experiments.accuracy.numbers import confusion_numbers
from fimscope.experiments.tables import PREDICTIONS
from fimscope.files.tables import read_table
from fimscope.report.format import counted
from fimscope.report.styles import ON_DARK_CELL, ON_PALE_CELL, PAPER
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

COLUMNS = ["program_id", "gold", "predicted", "correct", "gold_rank"]


def plot_wrong_answers(edits: Sequence[Numbers]) -> "Figure":
    """One heatmap an edit, from the top in this order: commonest golds by commonest answers.

    edits   numbers of `confusion_numbers`
    """
    import matplotlib.pyplot as plt

    use_theme()
    heights = [1.75 + 0.23 * max(len(row["golds"]), 2) for row in edits]
    figure, grid = plt.subplots(
        len(edits), 1, figsize=(PRINT_WIDTH, sum(heights)), squeeze=False, height_ratios=heights
    )
    for axes, row in zip(grid.flat, edits, strict=True):
        n_right = row["n"] - row["n_wrong"]
        axes.set_title(
            f"{visible(row['edit'], 40)}: {row['n_wrong']} wrong answers in "
            f"{counted(row['n_programs'], 'program')} ({n_right} right ones left out)",
            loc="left",
        )
        if row["n_wrong"]:
            _draw_heatmap(axes, row)
        else:
            axes.set(xticks=[], yticks=[])
            write_message(axes, "no wrong answers")
    return figure


def _draw_heatmap(axes: "Axes", row: Numbers) -> None:
    counts = np.array(row["counts"])
    # cells as shapes: a picture inside the SVG would be a data address, which the report forbids
    axes.pcolormesh(counts, cmap="Blues", vmin=0, vmax=1.25 * counts.max(), ec=PAPER, lw=1.2)
    axes.invert_yaxis()
    for (y, x), count in np.ndenumerate(counts):
        if count:
            colour = ON_DARK_CELL if count > 0.7 * counts.max() else ON_PALE_CELL
            axes.text(
                x + 0.5, y + 0.5, str(count), ha="center", va="center", fontsize=7, color=colour
            )
    axes.set_xticks(
        np.arange(len(row["predicted"])) + 0.5,
        [_name(text) for text in row["predicted"]],
        rotation=35,
        ha="right",
        rotation_mode="anchor",
    )
    axes.set_yticks(np.arange(len(row["golds"])) + 0.5, [_name(text) for text in row["golds"]])
    axes.set_xlabel("predicted")
    axes.set_ylabel("gold")
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _name(text: str | None) -> str:
    return "(other)" if text is None else visible(text, 20)


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument(
        "--predictions", type=Path, nargs="+", required=True, help="predictions/{edit}.parquet"
    )
    add_figure_options(parser)
    with run_step(parser) as args:
        edits = [
            confusion_numbers(read_table(path, PREDICTIONS, COLUMNS), path.stem)
            for path in args.predictions
        ]
        save_figure(plot_wrong_answers(edits), args.out_svg, args.out_png)


if __name__ == "__main__":
    main()
