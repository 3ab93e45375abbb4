"""Draw how many answers each change moves, and how many follow it, beside its control."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fimscope.experiments.algorithms.hypotheses import HYPOTHESES
from fimscope.experiments.algorithms.numbers import algorithm_numbers, shown_examples
from fimscope.experiments.algorithms.section import algorithms_section
from fimscope.experiments.algorithms.tables import ALGORITHMS
from fimscope.experiments.outcomes import OUTCOME_TITLES, OUTCOMES
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_manifest, read_table
from fimscope.report.sections import write_section
from fimscope.report.styles import FAINT, STYLES
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

DRAWN = (  # measure, which of its shares, style, height, label
    ("moved", "rate", "paired", 0.27, "moved"),
    ("moved", "control", "random", 0.09, "moved by the control"),
    ("follows", "rate", "gold_type", -0.09, "become the planted type"),
    ("follows", "control", "control", -0.27, "become it by the control"),
)


def plot_algorithms(numbers: Numbers) -> "Figure":
    """A panel for every edit and outcome: shares of answers, by hypothesis.

    numbers   of `algorithm_numbers`
    """
    import matplotlib.pyplot as plt

    use_theme()
    edits = numbers["edits"] or ["original"]
    figure, grid = plt.subplots(
        len(edits),
        len(OUTCOMES),
        figsize=(PRINT_WIDTH, 0.8 + 2.3 * len(edits)),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for axes_row, edit in zip(grid, edits, strict=True):
        axes_row[0].set_yticks(range(len(HYPOTHESES))[::-1], HYPOTHESES)
        axes_row[0].set_ylabel(edit)
        for axes, outcome in zip(axes_row, OUTCOMES, strict=True):
            rows = [
                row
                for row in numbers["changes"]
                if (row["edit"], row["outcome"]) == (edit, outcome)
            ]
            _draw(axes, rows)
    for axes, outcome in zip(grid[0], OUTCOMES, strict=True):
        axes.set_title(OUTCOME_TITLES[outcome], loc="left")
    styles = [STYLES[style] for _, _, style, _, _ in DRAWN]
    handles = [plt.Line2D([], [], color=s.colour, marker=s.marker, lw=1.4) for s in styles]
    labels = [label for *_, label in DRAWN]
    figure.legend(handles, labels, loc="outside lower center", ncols=len(DRAWN))
    grid[-1, 1].set_xlabel("share of answers")
    return figure


def _draw(axes: "Axes", rows: Sequence[Numbers]) -> None:
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.6, len(HYPOTHESES) - 0.4))
    axes.tick_params(axis="y", length=0)
    if not rows:
        write_message(axes, "no examples")
    heights = dict(zip(HYPOTHESES, range(len(HYPOTHESES))[::-1], strict=True))
    for row in rows:
        height = heights[row["hypothesis"]]
        for measure, share, kind, aside, _ in DRAWN:
            if row[measure] is None:
                continue
            found, style = row[measure][share], STYLES[kind]
            draw_interval(axes, height + aside, found, style.colour)
            axes.plot(found["estimate"], height + aside, style.marker, color=style.colour, ms=3)
        axes.annotate(
            f"n = {row['n']}",
            (1.01, height),
            xycoords=axes.get_yaxis_transform(),
            va="center",
            fontsize=6.5,
            color=FAINT,
        )


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument(
        "--algorithms", type=Path, nargs="+", required=True, help="algorithms/{edit}.parquet"
    )
    add_margin_options(parser)
    add_figure_options(parser)
    parser.add_argument("--out-section", type=Path, required=True, help="sections/algorithms.json")
    with run_step(parser) as args:
        tables = [read_table(path, ALGORITHMS) for path in args.algorithms]
        numbers = algorithm_numbers(tables, Margins.of(args).accuracy)
        save_figure(plot_algorithms(numbers), args.out_svg, args.out_png)
        min_programs = read_manifest(args.algorithms[0])["settings"]["min_programs"]
        section = algorithms_section(numbers, shown_examples(tables[-1]), min_programs)
        write_section(args.out_section, section, run_manifest(args))


if __name__ == "__main__":
    main()
