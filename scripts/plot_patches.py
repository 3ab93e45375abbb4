"""Draw what patching the last token does at every residual point, and write its section."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fimscope.experiments.patch.curves import read_sweep
from fimscope.experiments.patch.drawing import (
    draw_effects,
    draw_flips,
    effect_frame,
    share_legend,
    write_count,
)
from fimscope.experiments.patch.numbers import compare_conditions, sweep_numbers
from fimscope.experiments.patch.section import patches_section, target_name
from fimscope.experiments.patch.tables import PAIRS
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table
from fimscope.report.sections import write_section
from fimscope.report.text import visible
from fimscope.report.theme import PRINT_WIDTH, add_figure_options, save_figure, use_theme
from fimscope.statistics.bootstrap import Bootstrap, add_bootstrap_options
from fimscope.statistics.numbers import Numbers
from fimscope.steps.frame import run_step, step_parser

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOTE = (
    "residual point patched at the last token: 0 is what enters block 0, the last what enters the "
    "final norm\nbands: 95%, clustered by program; squares: more recipients turn than "
    "under every control (Holm)\nthe frame is that of the paired donors: a control may leave it"
)


def plot_patches(sweeps: Sequence[Numbers]) -> "Figure":
    """Two rows of panels: mean normalised effect, and share of predictions that become the target.

    sweeps   numbers of `sweep_numbers`, one column each, in this order
    """
    import matplotlib.pyplot as plt

    use_theme()
    figure, grid = plt.subplots(
        2, len(sweeps), figsize=(PRINT_WIDTH, 4.4), sharey="row", squeeze=False
    )
    for (above, below), sweep in zip(grid.T, sweeps, strict=True):
        above.set_title(f"{visible(sweep['condition'])}\n", loc="left", fontsize=8, linespacing=1.1)
        write_count(above, sweep)
        draw_effects(above, sweep)
        draw_flips(below, sweep)
        below.set_title(
            f"to the {target_name(sweep['condition'])}",
            loc="left",
            fontweight="normal",
            fontsize=7.5,
            pad=6,
        )
    grid[0, 0].set_ylim(*effect_frame(sweeps))
    grid[0, 0].set_ylabel("normalised effect\n(0 recipient, 1 donor)")
    grid[1, 0].set_ylim(-3, 103)
    grid[1, 0].set_ylabel("% of predictions that turn")
    share_legend(figure, sweeps, NOTE)
    return figure


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument(
        "--patches", type=Path, nargs="+", required=True, help="patches/{condition}.parquet"
    )
    parser.add_argument("--pairs", type=Path, required=True, help="the pairs table")
    add_bootstrap_options(parser)
    add_figure_options(parser)
    parser.add_argument("--out-section", type=Path, required=True, help="the section of the report")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        pairs, bootstrap = read_table(args.pairs, PAIRS), Bootstrap.of(args)
        found = {path.stem: read_sweep(path, pairs, "last") for path in args.patches}
        sweeps = [sweep_numbers(sweep, bootstrap) for sweep in found.values()]
        alike = None
        if {"same_type", "wrong_to_wrong"} <= set(found):
            one, other = found["same_type"], found["wrong_to_wrong"]
            alike = compare_conditions(one, other, bootstrap)
        save_figure(plot_patches(sweeps), args.out_svg, args.out_png)
        write_section(args.out_section, patches_section(sweeps, alike), manifest)


if __name__ == "__main__":
    main()
