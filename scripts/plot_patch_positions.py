"""Draw what patching other positions than the last does, and write its section of the report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fimscope.experiments.patch.drawing import draw_effects, effect_frame, share_legend, write_count
from fimscope.experiments.patch.exactness import Rounding
from fimscope.experiments.patch.tables import PAIRS
from fimscope.experiments.patch_positions.numbers import position_numbers
from fimscope.experiments.patch_positions.section import positions_section
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table
from fimscope.report.sections import write_section
from fimscope.report.text import visible
from fimscope.report.theme import (
    PRINT_WIDTH,
    add_figure_options,
    save_figure,
    use_theme,
    write_message,
)
from fimscope.statistics.bootstrap import Bootstrap, add_bootstrap_options
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Margins, add_margin_options
from fimscope.steps.frame import run_step, step_parser

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOTE = (
    "residual point patched (of a window: its first)\nbands: 95%, clustered by program; "
    "squares: more recipients turn than under every control (sign test over programs, Holm)"
)


def plot_positions(sweeps: Sequence[Numbers]) -> "Figure":
    """Mean normalised effect of single points: a row of panels a condition, a column a position.

    sweeps   of `position_numbers`
    """
    return _draw_grid({(s["condition"], s["position"]): s for s in sweeps if s["n_points"] == 1})


def plot_windows(sweeps: Sequence[Numbers]) -> "Figure":
    """The same over windows: a row a condition and position, a column a number of points."""
    wide = {(s["condition"], s["position"]) for s in sweeps if s["n_points"] > 1}
    return _draw_grid(
        {
            (f"{s['condition']}\n{s['position']}", _size_name(s["n_points"])): s
            for s in sweeps
            if (s["condition"], s["position"]) in wide
        }
    )


def _size_name(n_points: int) -> str:
    return "1 point" if n_points == 1 else f"{n_points} points at once"


def _draw_grid(cells: Mapping[tuple[str, str], Numbers]) -> "Figure":
    """Panels of effects by row and column, with one legend."""
    import matplotlib.pyplot as plt

    use_theme()
    rows = list(dict.fromkeys(row for row, _ in cells)) or [""]
    columns = list(dict.fromkeys(column for _, column in cells)) or [""]
    figure, grid = plt.subplots(
        len(rows),
        len(columns),
        figsize=(PRINT_WIDTH, 0.9 + 1.5 * len(rows)),
        sharey=True,
        squeeze=False,
    )
    for row, line in zip(rows, grid, strict=True):
        for column, axes in zip(columns, line, strict=True):
            sweep = cells.get((row, column))
            if row == rows[0]:
                axes.set_title(f"{visible(column)}\n", loc="left", fontsize=8)
            if sweep is None:
                write_message(axes, "not patched")
                continue
            write_count(axes, sweep)
            draw_effects(axes, sweep, sweep["comparison"])
        line[0].set_ylabel(f"{row}\neffect", fontsize=7.5)
    grid[0, 0].set_ylim(*effect_frame(cells.values()))
    share_legend(figure, list(cells.values()), NOTE)
    return figure


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument(
        "--patches", type=Path, nargs="+", required=True, help="patch_positions/{condition}.parquet"
    )
    parser.add_argument("--pairs", type=Path, required=True, help="the pairs table")
    add_bootstrap_options(parser)
    add_margin_options(parser)
    add_figure_options(parser)
    parser.add_argument("--out-windows-svg", type=Path, required=True, help="that of the windows")
    parser.add_argument("--out-windows-png", type=Path, required=True, help="the same as an image")
    parser.add_argument("--out-section", type=Path, required=True, help="the section of the report")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        pairs, bootstrap = read_table(args.pairs, PAIRS), Bootstrap.of(args)
        margin = Margins.of(args).effect
        sweeps = [
            numbers
            for path in args.patches
            for numbers in position_numbers(path, pairs, bootstrap, margin)
        ]
        save_figure(plot_positions(sweeps), args.out_svg, args.out_png)
        save_figure(plot_windows(sweeps), args.out_windows_svg, args.out_windows_png)
        conditions = [path.stem for path in args.patches]
        section = positions_section(sweeps, conditions, Rounding.of(args.patches[0]))
        write_section(args.out_section, section, manifest)


if __name__ == "__main__":
    main()
