"""Draw the mean effect of patching a token, by its role and by point."""

from pathlib import Path
from typing import TYPE_CHECKING

from fimscope.experiments.tables import PREDICTIONS
from fimscope.experiments.traces.numbers import accuracy_numbers, trace_numbers
from fimscope.experiments.traces.roles import ROLES
from fimscope.experiments.traces.section import traces_section
from fimscope.experiments.traces.tables import TRACES
from fimscope.experiments.traces.traced import CONDITIONS
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table
from fimscope.report.sections import write_section
from fimscope.report.theme import (
    PRINT_WIDTH,
    add_figure_options,
    save_figure,
    use_theme,
    write_message,
)
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Margins, add_margin_options
from fimscope.steps.frame import run_step, step_parser

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DARK = 0.6  # an effect whose colour asks for white letters


def plot_traces(numbers: Numbers) -> "Figure":
    """A heat map of roles by points for each condition; numbers of `trace_numbers`."""
    import matplotlib.pyplot as plt

    use_theme()
    figure, panels = plt.subplots(1, len(CONDITIONS), figsize=(PRINT_WIDTH, 3), sharey=True)
    points = numbers["points"]
    for axes, condition in zip(panels, CONDITIONS, strict=True):
        axes.set_title(condition, loc="left")
        if not numbers["n_examples"]:
            write_message(axes, "no examples")
            continue
        found = {
            (row["role"], row["point"]): row["estimate"]
            for row in numbers["effects"]
            if row["condition"] == condition and row["n"]
        }
        grid = [[found.get((role, point), float("nan")) for point in points] for role in ROLES]
        drawn = axes.imshow(grid, cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
        axes.grid(visible=False)
        axes.set_xticks(range(len(points)), points)
        axes.set_yticks(range(len(ROLES)), ROLES)
        axes.set_xlabel("point")
        for (role, point), value in found.items():
            place = points.index(point), ROLES.index(role)
            colour = "white" if abs(value) > DARK else "black"
            text = f"{value:z.2f}"
            axes.annotate(text, place, ha="center", va="center", fontsize=6, color=colour)
    if numbers["n_examples"]:
        figure.colorbar(drawn, ax=panels, label="mean effect of one token")
    return figure


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--traces", type=Path, required=True, help="traces.parquet")
    parser.add_argument(
        "--predictions", type=Path, nargs=2, required=True, help="of `original` and of the edit"
    )
    add_margin_options(parser)
    add_figure_options(parser)
    parser.add_argument("--out-section", type=Path, required=True, help="sections/traces.json")
    with run_step(parser) as args:
        margins = Margins.of(args)
        original, edited = (read_table(path, PREDICTIONS) for path in args.predictions)
        accuracy = accuracy_numbers(original, edited, margins.accuracy)
        numbers = trace_numbers(read_table(args.traces, TRACES), accuracy, margins.effect)
        save_figure(plot_traces(numbers), args.out_svg, args.out_png)
        write_section(args.out_section, traces_section(numbers), run_manifest(args))


if __name__ == "__main__":
    main()
