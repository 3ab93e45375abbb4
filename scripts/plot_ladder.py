"""Draw one recipe at several sizes and from several seeds, and write what it says."""

from collections.abc import Sequence
from os.path import commonpath
from pathlib import Path
from typing import TYPE_CHECKING

from fimscope.experiments.compare.numbers import study_facts
from fimscope.experiments.ladder.numbers import ladder_numbers
from fimscope.experiments.ladder.rungs import read_rung
from fimscope.experiments.ladder.section import ladder_text
from fimscope.files.atomic import replacing
from fimscope.files.digests import dump_json
from fimscope.files.manifest import run_manifest
from fimscope.report.styles import STYLES
from fimscope.report.text import visible
from fimscope.report.theme import (
    PRINT_WIDTH,
    add_figure_options,
    draw_interval,
    draw_rates,
    save_figure,
    use_theme,
)
from fimscope.statistics.bootstrap import Bootstrap, add_bootstrap_options
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Margins, add_margin_options
from fimscope.steps.frame import log, run_step, step_parser

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_ladder(rungs: Sequence[Numbers], edit: str) -> "Figure":
    """One row a rung: accuracy, its change by the edit, and where the type arrives.

    rungs   of `ladder_numbers`, drawn from the top in this order
    """
    import matplotlib.pyplot as plt

    use_theme()
    heights = list(range(len(rungs)))[::-1]
    figure, (right, change, arrival) = plt.subplots(
        1, 3, figsize=(PRINT_WIDTH, 1.3 + 0.5 * len(rungs)), sharey=True
    )
    draw_rates(right, heights, [row["right"] for row in rungs], "right")
    right.set(title="Right", xlabel="% of holes")
    for height, row in zip(heights, rungs, strict=True):
        _draw_row(change, height, row["change"], "edited")
        _draw_row(arrival, height, row["arrival"], "paired")
    change.axvline(0, lw=0.8, color="0.6")
    change.set(title=f"Change by {visible(edit)}", xlabel="points")
    arrival.set(title="Where the type arrives", xlabel="% of the depth", xlim=(-3, 103))
    for axes in (right, change, arrival):
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
    right.set_yticks(heights, [_label(row) for row in rungs])
    right.set_ylim(-0.6, len(rungs) - 0.4)
    return figure


def _label(row: Numbers) -> str:
    return f"{visible(row['name'])}\n{row['n_blocks']} blocks of {row['d_model']}"


def _draw_row(axes: "Axes", height: int, row: Numbers | None, kind: str) -> None:
    """An estimate with its interval, in percent; nothing where there is none."""
    if row is None:
        return
    style = STYLES[kind]
    draw_interval(axes, height, row, style.colour, 100)
    axes.plot(100 * row["estimate"], height, marker=style.marker, color=style.colour, ms=5)


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument(
        "--rungs",
        type=Path,
        nargs="+",
        required=True,
        help="folders of results, a model each; the others are compared with the first",
    )
    parser.add_argument("--edit", required=True, help="beside `original`")
    add_bootstrap_options(parser)
    add_margin_options(parser)
    add_figure_options(parser)
    parser.add_argument("--out", type=Path, required=True, help="the ladder as Markdown")
    parser.add_argument("--out-numbers", type=Path, required=True, help="its numbers as JSON")
    with run_step(parser) as args:
        root = Path(commonpath(args.rungs))
        study_facts(root, [str(each.relative_to(root)) for each in args.rungs], args.edit)
        rungs = [read_rung(folder, args.edit) for folder in args.rungs]
        numbers = ladder_numbers(rungs, Bootstrap.of(args), Margins.of(args))
        save_figure(plot_ladder(numbers["rungs"], args.edit), args.out_svg, args.out_png)
        content = {"edit": args.edit, **numbers, "manifest": run_manifest(args)}
        texts = {args.out: ladder_text(numbers, args.edit), args.out_numbers: dump_json(content)}
        for path, text in texts.items():
            with replacing(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
        log.info("%d rungs: %s", len(rungs), args.out)


if __name__ == "__main__":
    main()
