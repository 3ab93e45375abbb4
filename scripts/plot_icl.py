"""Draw accuracy against the number of solved examples in front of the prompt, by their choice."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fimscope.experiments.icl.choices import CHOICES, LABELS
from fimscope.experiments.icl.numbers import icl_numbers, read_cells
from fimscope.experiments.icl.section import icl_section
from fimscope.experiments.icl.tables import ICL
from fimscope.experiments.outcomes import OUTCOME_TITLES, OUTCOMES, outcome_of
from fimscope.experiments.tables import SPLIT
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table
from fimscope.report.format import count
from fimscope.report.sections import write_section
from fimscope.report.styles import STYLES
from fimscope.report.theme import (
    PRINT_WIDTH,
    add_figure_options,
    save_figure,
    use_theme,
    write_message,
)
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Margins, add_margin_options
from fimscope.steps.frame import positive, run_step, step_parser

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_icl(numbers: Numbers) -> "Figure":
    """One panel for the right, the wrong and the broken: accuracy by shots, a curve each choice.

    numbers   of `icl_numbers`
    """
    import matplotlib.pyplot as plt

    use_theme()
    figure, row = plt.subplots(1, 3, figsize=(PRINT_WIDTH, 3.1), sharey=True)
    places = range(len(numbers["n_shots"]))
    handles: dict[str, Any] = {}
    for axes, (outcome, panel) in zip(row, numbers["outcomes"].items(), strict=True):
        axes.set_title(OUTCOME_TITLES[outcome], loc="left")
        axes.set_xticks(places, list(map(str, numbers["n_shots"])))
        axes.set_xlabel(f"shots; {count(panel)}")
        if not panel["n"]:
            write_message(axes, "no examples")
        for rank, (choice, curve) in enumerate(panel["curves"].items()):
            aside = 0.09 * (rank - (len(panel["curves"]) - 1) / 2)
            handles[LABELS[choice]] = _draw(axes, curve, choice, aside)
    row[0].set_ylim(-3, 103)
    row[0].set_ylabel("% right")
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=5, handlelength=2.6)
    return figure


def _draw(axes: "Axes", curve: Numbers, choice: str, aside: float) -> Any:
    """One choice with its intervals, a little aside of the others; none at no shots, by which the
    examples were sorted."""
    style = STYLES[choice]
    mean, lower, upper = (100 * np.array(curve[key]) for key in ("estimate", "lower", "upper"))
    places = np.arange(len(mean)) + aside
    axes.vlines(places[1:], lower[1:], upper[1:], color=style.colour, linewidth=1.1, alpha=0.7)
    [line] = axes.plot(
        places, mean, color=style.colour, linestyle=style.line, marker=style.marker, linewidth=1
    )
    return line


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--icl", type=Path, required=True, help="icl/{edit}.parquet")
    parser.add_argument(
        "--choices", nargs="+", choices=CHOICES, required=True, help="how the shots were chosen"
    )
    parser.add_argument(
        "--n-shots",
        nargs="+",
        type=positive,
        required=True,
        help="numbers of shots that were tried",
    )
    parser.add_argument("--n-seeds", type=positive, required=True, help="draws of the shots")
    parser.add_argument(
        "--shot-tokens", type=positive, required=True, help="typed code of one shot"
    )
    parser.add_argument("--split", type=Path, required=True, help="split of the edit: all holes")
    add_margin_options(parser)
    add_figure_options(parser)
    parser.add_argument("--out-section", type=Path, required=True, help="sections/icl.json")
    with run_step(parser) as args:
        table = read_table(args.icl, ICL)
        cells = read_cells(table, args.choices, args.n_shots, args.n_seeds)
        split = read_table(args.split, SPLIT, ["outcome", "broken"]).to_pylist()
        n_holes = {outcome: list(map(outcome_of, split)).count(outcome) for outcome in OUTCOMES}
        margin = Margins.of(args).accuracy
        numbers = icl_numbers(cells, n_holes, margin)
        save_figure(plot_icl(numbers), args.out_svg, args.out_png)
        section = icl_section(numbers, args.icl.stem, args.n_seeds, args.shot_tokens)
        write_section(args.out_section, section, run_manifest(args))


if __name__ == "__main__":
    main()
