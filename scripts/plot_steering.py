"""Draw what steering does over points, strengths and vectors, and write its section."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fimscope.experiments.groups import read_groups
from fimscope.experiments.icl.tables import ICL
from fimscope.experiments.steer.gates import gate_numbers
from fimscope.experiments.steer.in_context import in_context_numbers
from fimscope.experiments.steer.labels import LABELS
from fimscope.experiments.steer.numbers import own_strength, steered_on_test, steering_numbers
from fimscope.experiments.steer.section import steering_section
from fimscope.experiments.steer.settings import MAIN
from fimscope.experiments.steer.tables import (
    STEERING_DISTURBANCE,
    STEERING_GATES,
    STEERING_RESULTS,
    STEERING_SETTINGS,
    STEERING_TYPES,
    STEERING_VECTORS,
)
from fimscope.experiments.tables import SPLIT
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table
from fimscope.report.format import count, counted
from fimscope.report.sections import write_section
from fimscope.report.styles import FAINT, INK, STYLES
from fimscope.report.theme import (
    PRINT_WIDTH,
    add_figure_options,
    draw_curve,
    draw_interval,
    draw_legend,
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

CAPTION = (
    "strength: in units of the residual's mean norm at the point; bands and bars: 95%, clustered "
    "by program\nshaded: points and strength chosen on select; dotted: the strength "
    "at which the mean difference is added as it is\nelsewhere: at tokens that are not the hole; "
    "* takes the gold to choose its vector\n"
    "points and strength of its own: commonest type, gold type, each random and shuffled vector\n"
    "the curve over strengths shows test only: nothing is chosen by it"
)


def plot_steering(numbers: Numbers, own_strength: float | None) -> "Figure":
    """Above: mended and worsened over points on `select`, over strengths on `test`. Below: every
    vector at the chosen setting on `test`, with the disturbance of unrelated tokens.

    numbers        of `steering_numbers`
    own_strength   the strength at which the mean difference is added as it is
    """
    import matplotlib.pyplot as plt

    use_theme()
    figure = plt.figure(figsize=(PRINT_WIDTH, 7))
    above, below = figure.subfigures(2, 1, height_ratios=[1.25, 1])
    grid = above.subplots(2, 2, sharey="row", height_ratios=[2.4, 0.9])
    _draw_points(grid[0, 0], numbers)
    _draw_dose(grid[0, 1], numbers, own_strength)
    for legend, axes in zip(grid[1], grid[0], strict=True):
        draw_legend(legend, axes)
    _draw_bars(below.subplots(1, 3, sharey=True), numbers["at_setting"])
    figure.supxlabel(CAPTION, fontsize=7)
    return figure


def _draw_points(axes: "Axes", numbers: Numbers) -> None:
    axes.set_title("select: everywhere", loc="left")
    axes.set_xlabel("residual point steered (the last of a window)")
    axes.set_ylabel("% of examples")
    if MAIN not in numbers["points"] or "mended" not in numbers["points"][MAIN]:
        write_message(axes, "nothing to choose from")
        return
    chosen = numbers["settings"][MAIN]["points"]
    axes.axvspan(chosen[-1] - 0.5, chosen[-1] + 0.5, color=FAINT, alpha=0.15, lw=0)
    for kind, own in numbers["points"].items():
        if "mended" in own:
            _curve(axes, own["points"], own["mended"], kind, f"{LABELS[kind]}: wrong → right")
    own = numbers["points"][MAIN]
    if "worsened" in own:
        label = f"{LABELS[MAIN]}: right → wrong"
        _curve(axes, own["points"], own["worsened"], "worsened", label)
    axes.set_ylim(-3, 103)


def _draw_dose(axes: "Axes", numbers: Numbers, own_strength: float | None) -> None:
    axes.set_title("test: at the chosen points", loc="left")
    axes.set_xlabel("strength")
    if not numbers["dose"]:
        write_message(axes, "nothing was chosen")
        return
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.axvline(numbers["settings"][MAIN]["strength"], color=FAINT, alpha=0.3, lw=5)
    strengths = numbers["dose"][MAIN]["strengths"]
    if own_strength and strengths[0] / 2 <= own_strength <= strengths[-1] * 2:
        axes.axvline(own_strength, color=INK, lw=0.8, ls=":")
    for kind, own in numbers["dose"].items():
        if "mended" in own:
            _curve(axes, own["strengths"], own["mended"], kind, f"{LABELS[kind]}: wrong → right")
    own = numbers["dose"][MAIN]
    if "worsened" in own:
        label = f"{LABELS[MAIN]}: right → wrong"
        _curve(axes, own["strengths"], own["worsened"], "worsened", label)


def _curve(axes: "Axes", x: Sequence[float], curve: Numbers, kind: str, label: str) -> None:
    draw_curve(axes, x, curve, kind, f"{label}, {count(curve)}", scale=100)


def _draw_bars(grid: Sequence["Axes"], rows: Sequence[Numbers]) -> None:
    panels = [
        ("mended", 100, "wrong → right, %"),
        ("worsened", 100, "right → wrong, %"),
        ("divergence", 1, "KL elsewhere, nats"),
    ]
    heights = np.arange(len(rows))[::-1]
    for axes, (measure, scale, title) in zip(grid, panels, strict=True):
        axes.set_title(title, loc="left")
        shown = [(h, row) for h, row in zip(heights, rows, strict=True) if row[measure]]
        if not shown:
            write_message(axes, "nothing was steered")
            continue
        for height, row in shown:
            found, style = row[measure], STYLES[row["kind"]]
            draw_interval(axes, height, found, style.colour, scale)
            value = scale * found["estimate"]
            axes.plot(value, height, marker=style.marker, color=style.colour, ms=4.5)
            axes.annotate(
                f"{value:.1f}" if scale == 100 else f"{value:.2g}",
                (value, height),
                xytext=(0, 4),
                textcoords="offset points",
                ha="center",
                fontsize=6.5,
            )
        n = max((row[measure] for _, row in shown), key=lambda found: found["n"])
        unit = "tokens" if measure == "divergence" else "examples"
        axes.set_xlabel(f"n = {n['n']} {unit} ({counted(n['n_programs'], 'program')})", fontsize=7)
        axes.grid(axis="y", visible=False)
        if scale == 100:
            axes.set_xlim(-5, 105)
    grid[0].set_yticks(heights, [_bar_label(row) for row in rows])
    grid[0].set_ylim(-0.7, len(rows) - 0.2)


def _bar_label(row: Numbers) -> str:
    star = "*" if row["kind"] == "gold_type" else ""
    number = f" ({row['n_vectors']})" if row["n_vectors"] > 1 else ""
    return f"{LABELS[row['kind']]}{star}{number}"


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    parser.add_argument("--split", type=Path, required=True, help="split of the edit")
    parser.add_argument("--vectors", type=Path, required=True, help="the steering_vectors table")
    parser.add_argument("--results", type=Path, required=True, help="the steering_results table")
    parser.add_argument("--settings", type=Path, required=True, help="what select chose from")
    parser.add_argument("--disturbance", type=Path, required=True, help="of unrelated tokens")
    parser.add_argument("--types", type=Path, required=True, help="the compiler's verdicts")
    parser.add_argument("--gates", type=Path, required=True, help="the steering_gates table")
    parser.add_argument("--icl", type=Path, help="the icl table of the edit, where there is one")
    add_margin_options(parser)
    add_figure_options(parser)
    parser.add_argument("--out-section", type=Path, required=True, help="the report's section")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        vectors = read_table(args.vectors, STEERING_VECTORS).to_pylist()
        results = read_table(args.results, STEERING_RESULTS).to_pylist()
        numbers = steering_numbers(
            results,
            read_table(args.settings, STEERING_SETTINGS).to_pylist(),
            read_table(args.disturbance, STEERING_DISTURBANCE).to_pylist(),
            read_table(args.types, STEERING_TYPES).to_pylist(),
            Margins.of(args).accuracy,
        )
        numbers["gates"] = gate_numbers(
            results,
            read_table(args.gates, STEERING_GATES).to_pylist(),
            numbers["settings"].get(MAIN),
            Margins.of(args).accuracy,
        )
        groups = read_groups(args.examples)
        if args.icl:
            numbers["in_context"] = in_context_numbers(
                read_table(args.icl, ICL),
                groups,
                steered_on_test(results, numbers["settings"].get(MAIN)),
            )
        split = read_table(args.split, SPLIT, ["example_id", "edit", "outcome"]).to_pylist()
        save_figure(
            plot_steering(numbers, own_strength(vectors, numbers)), args.out_svg, args.out_png
        )
        section = steering_section(
            numbers, vectors, [{**row, "group": groups[row["example_id"]]} for row in split]
        )
        write_section(args.out_section, section, manifest)


if __name__ == "__main__":
    main()
