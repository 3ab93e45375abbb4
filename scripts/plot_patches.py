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
from fimscope.experiments.patch.exactness import Rounding
from fimscope.experiments.patch.numbers import (
    compare_conditions,
    points_above,
    sweep_numbers,
)
from fimscope.experiments.patch.section import patches_section, target_name
from fimscope.experiments.patch.tables import PAIRS
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table
from fimscope.report.sections import write_section
from fimscope.report.text import visible
from fimscope.report.theme import PRINT_WIDTH, add_figure_options, save_figure, use_theme
from fimscope.statistics.bootstrap import Bootstrap, add_bootstrap_options
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Margins, add_margin_options
from fimscope.steps.frame import run_step, step_parser

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COMPARED = ("same_type", "wrong_to_wrong")  # a right type and a wrong one, of another program
CURVE_SIZE = (4.4, 2.5)  # inches
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
    grid[1, 0].set_ylim(-3, 112)  # the squares stand above the curves
    grid[1, 0].set_ylabel("% of predictions that turn")
    share_legend(figure, sweeps, NOTE)
    return figure


def plot_curve(sweep: Numbers) -> "Figure":
    """The mean normalised effect of one condition and its controls, for the first screen.

    sweep   numbers of `sweep_numbers`
    """
    import matplotlib.pyplot as plt

    use_theme()
    figure, axes = plt.subplots(figsize=CURVE_SIZE)
    draw_effects(axes, sweep, sweep["comparison"])
    axes.set_ylim(*effect_frame([sweep]))
    axes.set_xlabel("residual point patched at the last token")
    axes.set_ylabel("normalised effect")
    share_legend(figure, [sweep], "", n_columns=3)
    return figure


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument(
        "--patches", type=Path, nargs="+", required=True, help="patches/{condition}.parquet"
    )
    parser.add_argument("--pairs", type=Path, required=True, help="the pairs table")
    add_bootstrap_options(parser)
    add_margin_options(parser)
    add_figure_options(parser)
    add_figure_options(parser, "curve")
    parser.add_argument("--out-section", type=Path, required=True, help="the section of the report")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        pairs, bootstrap = read_table(args.pairs, PAIRS), Bootstrap.of(args)
        margin = Margins.of(args).effect
        found = {path.stem: read_sweep(path, pairs, "last") for path in args.patches}
        numbers = {name: sweep_numbers(sweep, bootstrap, margin) for name, sweep in found.items()}
        alike = None
        if set(COMPARED) <= set(found):
            one, other = (found[name] for name in COMPARED)
            first, second = (points_above(numbers[name]["comparison"]) for name in COMPARED)
            alike = compare_conditions(one, other, (first, second), margin)
        sweeps = list(numbers.values())
        save_figure(plot_patches(sweeps), args.out_svg, args.out_png)
        save_figure(plot_curve(sweeps[0]), args.out_curve_svg, args.out_curve_png)
        write_section(
            args.out_section, patches_section(sweeps, alike, Rounding.of(args.patches[0])), manifest
        )


if __name__ == "__main__":
    main()
