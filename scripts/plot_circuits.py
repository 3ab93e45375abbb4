"""Draw what circuits bring by their size, what they share and how estimates hold; the section."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fimscope.experiments.circuits.numbers import Labels, circuit_numbers
from fimscope.experiments.circuits.section import circuits_section
from fimscope.experiments.circuits.tables import (
    CIRCUIT_CUTS,
    CIRCUIT_EDGES,
    CIRCUIT_FAITHFULNESS,
    CIRCUIT_PATHS,
    CIRCUIT_RUNS,
)
from fimscope.experiments.outcomes import OUTCOME_TITLES, OUTCOMES
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table
from fimscope.report.sections import write_section
from fimscope.report.styles import FAINT, STYLES
from fimscope.report.theme import (
    PRINT_WIDTH,
    add_figure_options,
    draw_curve,
    draw_interval,
    legend_above,
    save_figure,
    use_theme,
    write_message,
)
from fimscope.statistics.numbers import INTERVAL, Numbers
from fimscope.statistics.verdicts import Margins, add_margin_options
from fimscope.steps.frame import positive, run_step, step_parser

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ASIDE = 1.02  # from one curve to the next, of a logarithmic axis: none hides another's intervals
LABELS = {
    **{outcome: f"circuit of {outcome} answers" for outcome in OUTCOMES},
    "random": "random edges",
    "cut": "own circuit cut, all else kept",
}


def plot_circuits(numbers: Numbers) -> "Figure":
    """Above, curves of each outcome; below, overlaps, and estimates against exact cuts."""
    import matplotlib.pyplot as plt

    use_theme()
    figure = plt.figure(figsize=(PRINT_WIDTH, 5.0))
    above, below = figure.subfigures(2, 1, height_ratios=[1.25, 1])
    panels = above.subplots(1, len(OUTCOMES), sharey=True)
    for axes, outcome in zip(panels, OUTCOMES, strict=True):
        axes.set_title(OUTCOME_TITLES[outcome], loc="left")
        _draw_curves(axes, numbers, outcome)
    panels[0].set_ylabel("effect (1 own run)")
    panels[1].set_xlabel("edges of the circuit")
    drawn = max(panels, key=lambda axes: len(axes.get_legend_handles_labels()[0]))
    legend_above(above, drawn, n_columns=3)
    left, right = below.subplots(1, 2, width_ratios=[1.25, 1])
    _draw_overlaps(left, numbers["overlaps"])
    _draw_cuts(right, numbers["cuts"])
    return figure


def _draw_curves(axes: "Axes", numbers: Numbers, outcome: str) -> None:
    of_outcome = [row for row in numbers["curves"] if row["outcome"] == outcome]
    if not of_outcome:
        write_message(axes, "no runs")
        return
    kinds = [*((one, "kept", one) for one in (*OUTCOMES, "random")), (outcome, "cut", "cut")]
    for place, (circuit, way, kind) in enumerate(kinds):
        rows = [row for row in of_outcome if (row["circuit"], row["way"]) == (circuit, way)]
        rows.sort(key=lambda row: row["n_edges"])
        if rows:
            curve = {key: [row[key] for row in rows] for key in INTERVAL}
            aside = ASIDE ** (place - len(kinds) // 2)
            draw_curve(axes, [row["n_edges"] * aside for row in rows], curve, kind, LABELS[kind])
    axes.set_xscale("log")
    sizes = [size["n_edges"] for size in numbers["sizes"]]
    axes.set_xticks(sizes, [f"{n:,}" for n in sizes])
    axes.minorticks_off()
    axes.set_ylim(-0.25, 1.5)  # intervals of few runs may be far wider


def _draw_overlaps(axes: "Axes", overlaps: Sequence[Numbers]) -> None:
    axes.set_title("what two circuits share", loc="left")
    if not overlaps:
        write_message(axes, "too few runs")
        return
    for height, row in enumerate(reversed(overlaps)):
        draw_interval(axes, height, row["relabelled"], FAINT, scale=100)
        axes.plot(100 * row["weighed"], height, "o", color=STYLES["paired"].colour, ms=4)
    names = [f"{' & '.join(row['outcomes'])}, {row['n_edges']:,}" for row in reversed(overlaps)]
    axes.set_yticks(range(len(names)), names)
    axes.set_xlim(-3, 103)
    axes.set_xlabel("% of their weight; bars: the same runs under drawn labels")


def _draw_cuts(axes: "Axes", cuts: Numbers | None) -> None:
    axes.set_title("single edges cut", loc="left")
    if not cuts:
        write_message(axes, "no cuts")
        return
    estimated, exact = np.array(cuts["points"]).T
    ends = [min(estimated.min(), exact.min()), max(estimated.max(), exact.max())]
    axes.plot(ends, ends, color=FAINT, lw=0.8)
    axes.plot(estimated, exact, "o", color=STYLES["paired"].colour, ms=2.5, linestyle="none")
    axes.set_xlabel("estimated, logits")
    axes.set_ylabel("exact, logits")


def main() -> None:
    parser = step_parser(__doc__)
    for name in ("runs", "edges", "faithfulness", "cuts", "paths"):
        parser.add_argument(f"--{name}", type=Path, required=True, help=f"circuits/{name}.parquet")
    parser.add_argument("--draws", type=positive, required=True, help="of the labels of runs")
    parser.add_argument("--seed", type=int, required=True, help="of these draws")
    add_margin_options(parser)
    add_figure_options(parser)
    parser.add_argument("--out-section", type=Path, required=True, help="the report's section")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        tables = [
            read_table(path, table).to_pylist()
            for path, table in (
                (args.runs, CIRCUIT_RUNS),
                (args.edges, CIRCUIT_EDGES),
                (args.faithfulness, CIRCUIT_FAITHFULNESS),
                (args.cuts, CIRCUIT_CUTS),
                (args.paths, CIRCUIT_PATHS),
            )
        ]
        labels = Labels(args.draws, args.seed)
        numbers = circuit_numbers(*tables, Margins.of(args).effect, labels)
        save_figure(plot_circuits(numbers), args.out_svg, args.out_png)
        write_section(args.out_section, circuits_section(numbers), manifest)


if __name__ == "__main__":
    main()
