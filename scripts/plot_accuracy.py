"""Draw how often the model answers right under every edit, beside what kind and name give."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fimscope.experiments.accuracy.baselines import read_holes
from fimscope.experiments.accuracy.numbers import accuracy_numbers
from fimscope.experiments.tables import PREDICTIONS
from fimscope.files.tables import read_table
from fimscope.report.format import counted
from fimscope.report.styles import FAINT, STYLES
from fimscope.report.text import visible
from fimscope.report.theme import (
    PRINT_WIDTH,
    add_figure_options,
    draw_rates,
    save_figure,
    use_theme,
)
from fimscope.statistics.numbers import Numbers
from fimscope.steps.frame import run_step, step_parser

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = ["example_id", "program_id", "gold", "correct", "gold_rank"]
BASELINE = (0, (4, 2))


def plot_accuracy(edits: Sequence[Numbers]) -> "Figure":
    """One row an edit: share right with its 95% interval on the left, gold in top 10 on the right.

    edits   numbers of `accuracy_numbers`, drawn from the top in this order
    """
    import matplotlib.pyplot as plt

    use_theme()
    heights = list(range(len(edits)))[::-1]
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(PRINT_WIDTH, 1.35 + 0.55 * len(edits)), sharey=True, width_ratios=[3, 2]
    )
    known = [(height, row) for height, row in zip(heights, edits, strict=True) if row["n"]]
    for axes, measure, kind in ((left, "right", "right"), (right, "top10", "top10")):
        rates = [row[measure] for _, row in known]
        draw_rates(axes, [height for height, _ in known], rates, kind)
    for height, row in known:
        best = row["baselines"][-1]
        _draw_baseline(left, height, best["right"])
        _draw_baseline(right, height, best["top10"])
    left.set_yticks(heights, [_label(row) for row in edits])
    left.tick_params(axis="y", length=0)
    right.tick_params(axis="y", length=0)
    left.set_ylim(-0.6, len(edits) - 0.4)
    left.set_title("Right answers")
    right.set_title("Gold in the top 10")
    for axes in (left, right):
        axes.set_xlabel("% of examples")
    handles = [
        plt.Line2D([], [], color=STYLES["right"].colour, marker="o", ms=5, lw=1.6),
        plt.Line2D([], [], color=FAINT, linestyle=BASELINE),
    ]
    labels = ["rate, 95% interval over programs", "kind and name alone, of other packages"]
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def _label(row: Numbers) -> str:
    if not row["n"]:
        return f"{visible(row['edit'])}\nno examples"
    return (
        f"{visible(row['edit'])}\n{counted(row['n'], 'example')}, "
        f"{counted(row['n_programs'], 'program')}"
    )


def _draw_baseline(axes: "Axes", height: int, baseline: Numbers) -> None:
    rate = 100 * baseline["estimate"]
    axes.vlines(rate, height - 0.35, height + 0.35, color=FAINT, linestyle=BASELINE, lw=1.1)
    axes.annotate(
        f"{rate:.1f}",
        (rate, height - 0.35),
        xytext=(3, 0),
        textcoords="offset points",
        color=FAINT,
        fontsize=7,
    )


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument(
        "--predictions", type=Path, nargs="+", required=True, help="predictions/{edit}.parquet"
    )
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    add_figure_options(parser)
    with run_step(parser) as args:
        holes = read_holes(args.examples)
        edits = [
            accuracy_numbers(read_table(path, PREDICTIONS, COLUMNS), holes, path.stem)
            for path in args.predictions
        ]
        save_figure(plot_accuracy(edits), args.out_svg, args.out_png)


if __name__ == "__main__":
    main()
