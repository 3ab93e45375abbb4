"""Draw what is mended and spoilt where what an algorithm reads is taken out, and controls."""

from pathlib import Path
from typing import TYPE_CHECKING

from fimscope.experiments.repair.numbers import WAYS, repair_numbers
from fimscope.experiments.repair.section import WAY_NAMES, repair_section
from fimscope.experiments.repair.tables import REPAIR_COPIES, REPAIR_HEADS, REPAIR_NAMES
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
    from matplotlib.figure import Figure

MEASURES = {"mended": "mended", "worsened": "spoilt", "self": "net"}  # style -> key


def plot_repair(numbers: Numbers) -> "Figure":
    """A panel a cause, a line a way of taking out: mended, spoilt and net, in percent.

    numbers   of `repair_numbers`
    """
    import matplotlib.pyplot as plt

    use_theme()
    causes = numbers["causes"]
    figure, grid = plt.subplots(
        1, max(1, len(causes)), figsize=(PRINT_WIDTH, 2.8), squeeze=False, sharex=True, sharey=True
    )
    if not causes:
        write_message(grid[0, 0], "no answers")
        return figure
    heights = {way: len(WAYS) - 1 - i for i, way in enumerate(WAYS)}
    grid[0, 0].set_yticks(list(heights.values()), [WAY_NAMES[way] for way in heights])
    for axes, own in zip(grid[0], causes, strict=True):
        axes.axvline(0, color=INK, linewidth=0.6)
        axes.tick_params(axis="y", length=0)
        axes.set_title(own["cause"], loc="left")
        axes.set_ylim(-0.6, len(WAYS) - 0.4)
        for way, values in own["ways"].items():
            for aside, (name, key) in zip((0.2, 0, -0.2), MEASURES.items(), strict=True):
                if values[key]:
                    style, height = STYLES[name], heights[way] + aside
                    draw_interval(axes, height, values[key], style.colour)
                    axes.plot(
                        values[key]["estimate"], height, marker=style.marker, color=style.colour
                    )
        axes.annotate(
            f"n = {own['n_wrong']} wrong, {own['n_right']} right",
            (1, 0),
            xycoords="axes fraction",
            ha="right",
            va="bottom",
            fontsize=6,
            color=FAINT,
        )
    handles = [
        plt.Line2D([], [], color=STYLES[name].colour, marker=STYLES[name].marker, lw=1.4)
        for name in MEASURES
    ]
    labels = ["wrong answers mended", "right answers spoilt", "net over both"]
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    grid[0, len(causes) // 2].set_xlabel("share of the answers")
    return figure


def main() -> None:
    parser = step_parser(__doc__)
    for name in ("copies", "names", "heads"):
        parser.add_argument(f"--{name}", type=Path, required=True, help=f"repair/{name}.parquet")
    parser.add_argument("--edit", required=True, help="of the variants with new names")
    add_margin_options(parser)
    add_figure_options(parser)
    parser.add_argument("--out-section", type=Path, required=True, help="sections/repair.json")
    with run_step(parser) as args:
        numbers = repair_numbers(
            [read_table(args.copies, REPAIR_COPIES), read_table(args.names, REPAIR_NAMES)],
            read_table(args.heads, REPAIR_HEADS),
            Margins.of(args).accuracy,
        )
        save_figure(plot_repair(numbers), args.out_svg, args.out_png)
        write_section(args.out_section, repair_section(numbers, args.edit), run_manifest(args))


if __name__ == "__main__":
    main()
