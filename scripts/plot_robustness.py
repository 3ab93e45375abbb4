"""Draw accuracy against the dose of each edit, beside the original's on the same examples."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fimscope.experiments.robustness.numbers import counts_sites, robustness_numbers
from fimscope.experiments.robustness.section import robustness_section
from fimscope.experiments.tables import PREDICTIONS
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table
from fimscope.report.format import count
from fimscope.report.sections import write_section
from fimscope.report.styles import FAINT, STYLES
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

COLUMNS = ["example_id", "program_id", "correct"]
A_ROW = 3


def plot_robustness(entries: Sequence[Numbers]) -> "Figure":
    """A panel an edit: accuracy by dose, the band that of its difference from the original's.

    entries   of `robustness_numbers`
    """
    import matplotlib.pyplot as plt

    use_theme()
    a_row = min(A_ROW, len(entries))
    n_rows = -(-len(entries) // a_row)
    figure, grid = plt.subplots(
        n_rows, a_row, figsize=(PRINT_WIDTH, 0.5 + 2.3 * n_rows), sharey=True, squeeze=False
    )
    for axes in grid.flat[len(entries) :]:
        axes.set_axis_off()
    for axes, entry in zip(grid.flat, entries, strict=False):
        axes.set_title(visible(entry["name"]), loc="left")
        axes.set_xlabel(f"{_unit(entry)}\n{count(entry)}")
        if entry["accuracy"]:
            _draw(axes, entry)
        else:
            write_message(axes, "no examples")
    for axes in grid[:, 0]:
        axes.set_ylabel("% right")
    handles = [
        plt.Line2D([], [], color=STYLES["right"].colour, marker="o", lw=1.4),
        plt.Line2D([], [], color=FAINT, linestyle=(0, (4, 2)), lw=1.1),
    ]
    labels = ["edited; band: 95% of the paired difference", "original, the same examples"]
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def _draw(axes: "Axes", entry: Numbers) -> None:
    rates = 100 * np.array(entry["accuracy"]["estimate"])
    ends = [
        rates[0] + 100 * np.array([0.0, *(change[end] for change in entry["changes"])])
        for end in ("lower", "upper")
    ]
    style = STYLES["right"]
    axes.axhline(rates[0], color=FAINT, linestyle=(0, (4, 2)), linewidth=1.1)
    axes.fill_between(entry["sizes"], *ends, color=style.colour, alpha=0.16, lw=0)
    axes.plot(entry["sizes"], rates, color=style.colour, linestyle=style.line, marker=style.marker)
    axes.set_xticks(entry["sizes"])


def _unit(entry: Numbers) -> str:
    return "sites" if counts_sites(entry) else "share of the sites"


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--original", type=Path, required=True, help="predictions/original.parquet")
    parser.add_argument(
        "--predictions", type=Path, nargs="+", required=True, help="of every edit at every dose"
    )
    add_figure_options(parser)
    parser.add_argument("--out-section", type=Path, required=True, help="sections/robustness.json")
    with run_step(parser) as args:
        original = read_table(args.original, PREDICTIONS, COLUMNS)
        tables = {p.stem: read_table(p, PREDICTIONS, COLUMNS) for p in args.predictions}
        entries = robustness_numbers(original, tables)
        save_figure(plot_robustness(entries), args.out_svg, args.out_png)
        write_section(args.out_section, robustness_section(entries), run_manifest(args))


if __name__ == "__main__":
    main()
