"""Draw what linear probes read at every point, with the control task, and write the section."""

from pathlib import Path
from typing import TYPE_CHECKING

from fimscope.experiments.probes.numbers import probe_numbers
from fimscope.experiments.probes.section import CONTROL_WORDS, CURVES, probe_section
from fimscope.experiments.probes.tables import PROBES
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table
from fimscope.report.format import count
from fimscope.report.sections import write_section
from fimscope.report.styles import STYLES
from fimscope.report.theme import (
    PRINT_WIDTH,
    add_figure_options,
    draw_curve,
    draw_legend,
    mark_points,
    save_figure,
    use_theme,
    write_message,
)
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Margins, add_margin_options
from fimscope.steps.frame import run_step, step_parser
from fimscope.typescript.tables import EXAMPLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CAPTION = (
    "residual point: 0 is what enters block 0, the last what enters the final norm\n"
    "bands: 95%, clustered by program; squares: the gold is read off wrong examples "
    "oftener than both controls have it (Holm)"
)
# Each curve has the style of what it is read from or for.
KINDS = {name: name for name in CURVES} | {"seen": "paired"}
LINES = {"name": "chance", "constant": "majority"}  # of the controls
HOLE = ["example_id", "package", "kind", "name", "gold"]


def plot_probes(numbers: Numbers) -> "Figure":
    """Left: the gold in right and wrong examples. Right: the gold against the control task."""
    import matplotlib.pyplot as plt

    use_theme()
    figure, grid = plt.subplots(
        2, 2, figsize=(PRINT_WIDTH, 4), sharey="row", height_ratios=[2.6, 0.7]
    )
    left, right = grid[0]
    left.set_title("test: right and wrong examples", loc="left")
    right.set_title("test: names seen in fitting", loc="left")
    left.set_ylabel("% of examples")
    for axes, names in ((left, ("right", "wrong", "answer")), (right, ("seen", "control"))):
        if not any(name in numbers["curves"] for name in names):
            write_message(axes, "nothing to read")
            continue
        for name in names:
            if name in numbers["curves"]:
                _draw(axes, numbers, name)
        if axes is left and "wrong" in numbers["curves"]:
            _draw_controls(axes, numbers)
    for legend, axes in zip(grid[1], grid[0], strict=True):
        draw_legend(legend, axes)
    left.set_ylim(-3, 103)
    figure.supxlabel(CAPTION, fontsize=7)
    return figure


def _draw(axes: "Axes", numbers: Numbers, name: str) -> None:
    curve = numbers["curves"][name]
    label = f"{CURVES[name]}, {count(curve)}"
    draw_curve(axes, numbers["points"], curve, KINDS[name], label, scale=100)


def _draw_controls(axes: "Axes", numbers: Numbers) -> None:
    for control, kind in LINES.items():
        style, rate = STYLES[kind], numbers[control]["rate"]
        label = f"answered wrong: {CONTROL_WORDS[control]}"
        axes.axhline(100 * rate, color=style.colour, ls=style.line, lw=1, label=label)
    mark_points(axes, numbers["points_above"])


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--probes", type=Path, required=True, help="the probes table")
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    add_margin_options(parser)
    add_figure_options(parser)
    parser.add_argument("--out-section", type=Path, required=True, help="the report's section")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        rows = read_table(args.probes, PROBES).to_pylist()
        holes = read_table(args.examples, EXAMPLES, HOLE).to_pylist()
        numbers = probe_numbers(rows, holes, Margins.of(args).accuracy)
        save_figure(plot_probes(numbers), args.out_svg, args.out_png)
        write_section(args.out_section, probe_section(numbers), manifest)


if __name__ == "__main__":
    main()
