"""Draw what patching the last token does at every residual point, and write its section."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fimscope.experiments.patch.curve_table import curve_table
from fimscope.experiments.patch.curves import read_sweep
from fimscope.experiments.patch.numbers import compare_conditions, points_above, sweep_numbers
from fimscope.experiments.patch.panels import (
    draw_effects,
    draw_flips,
    effect_frame,
    share_legend,
    write_count,
)
from fimscope.experiments.patch.readings import (
    half_point,
    most_turned,
    read_conditions,
    read_exactness,
    target_name,
)
from fimscope.experiments.patch.readings import read_sweep as describe_sweep
from fimscope.experiments.patch.tables import PAIRS
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table
from fimscope.report.format import spans
from fimscope.report.markdown import code
from fimscope.report.sections import Section, SectionTable, write_section
from fimscope.report.text import visible
from fimscope.report.theme import PRINT_WIDTH, add_figure_options, save_figure, use_theme
from fimscope.statistics.bootstrap import Bootstrap, add_bootstrap_options
from fimscope.statistics.numbers import Numbers
from fimscope.steps.frame import run_step, step_parser

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOTE = (
    "residual point patched at the last token: 0 is what enters block 0, the last what enters the "
    "final norm\nbands: 95%, cluster bootstrap over programs; squares: more recipients turn than "
    "under every control (Holm)\nthe frame is that of the paired donors: a control may leave it"
)
METHOD = (
    "The residual stream at the last token, at one point at a time, is overwritten with the "
    "donor's (activation patching: Heimersheim & Nanda 2404.15255, Zhang & Nanda 2309.16042). "
    "The normalised effect is 0 at the recipient's own difference of logits, target minus "
    "foil, and 1 at the donor's; pairs whose two differences are nearer than the least gap "
    "have none and are counted. At the last point the patch hands over all that the "
    "prediction is made from: the paired donor's effect is 1 there by construction. Patching "
    "several consecutive points at the last token is the same as patching the last of them, "
    "as nothing else reads the earlier ones there."
)
CONTROL = (
    "`self` is the recipient's own residual, which must change nothing; `unrelated` that of "
    "another program, chosen at random; `random` a random vector of the same norm; "
    "`random_position` that of another token of the donor's prompt. At point 0 the last "
    "token's residual is its embedding and, in models with learned absolute positions, its "
    "position: what a donor does there is to bring another place, which `unrelated` does as "
    "well. Above controls means that more programs' recipients turn to the target than "
    "under each control, by an exact sign test over programs, adjusted by Holm for all points "
    "and controls of the condition; conditions are not adjusted for one another."
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


def patches_section(sweeps: Sequence[Numbers], alike: Numbers | None) -> Section:
    """The section of the report.

    alike   numbers of `compare_conditions`, `same_type` and `wrong_to_wrong`
    """
    reading = [sentence for sweep in sweeps for sentence in describe_sweep(sweep)]
    return Section(
        title="What patching the last token does",
        question="From which residual point on does an activation of another prompt decide the "
        "type, and does a lent type, right or wrong, do so?",
        method=METHOD,
        control=CONTROL,
        reading=[*dict.fromkeys(reading), *read_conditions(alike), *read_exactness(sweeps)],
        figures=[
            (
                "patches.svg",
                "Above: mean normalised effect of a patch at every point. Below: predictions that "
                "become the target. Bands: 95% over programs. Squares: points above every control.",
            )
        ],
        tables=[_condition_table(sweeps), *(curve_table(sweep) for sweep in sweeps)],
        sources=["pairs.parquet", *(f"patches/{sweep['condition']}.parquet" for sweep in sweeps)],
        numbers={"sweeps": list(sweeps), "same_type_and_wrong_to_wrong": alike},
    )


def _condition_table(sweeps: Sequence[Numbers]) -> SectionTable:
    """Every condition in one row."""
    rows = []
    for sweep in sweeps:
        comparison, half = sweep["comparison"], sweep["half_of_flips"]
        above = points_above(comparison)
        rows.append(
            [
                code(sweep["condition"]),
                target_name(sweep["condition"]),
                f"{sweep['n_pairs']} ({comparison['n_programs'] if comparison else 0})",
                str(sweep["n_small_gap"]),
                spans(above, sweep["points"]) if above else "none",
                half_point(half) if half else "none",
                *(most_turned(sweep, kind) for kind in ("paired", "unrelated", "random")),
            ]
        )
    header = [
        "condition",
        "target",
        "pairs (programs)",
        "gap too small",
        "above every control at",
        "half of maximum at",
        "most that turn",
        "under `unrelated`",
        "under `random`",
    ]
    return SectionTable("The conditions", header, rows, n_left=2)


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
