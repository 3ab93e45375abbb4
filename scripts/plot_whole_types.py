"""Draw what the compiler says of whole completed types, by edit and kind of gold."""

from pathlib import Path
from typing import TYPE_CHECKING

from fimscope.experiments.whole_types.numbers import whole_numbers
from fimscope.experiments.whole_types.section import whole_section
from fimscope.experiments.whole_types.tables import COMPLETIONS, VERDICTS
from fimscope.experiments.whole_types.verdicts import RIGHT
from fimscope.experiments.whole_types.verdicts import VERDICTS as ALL
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table
from fimscope.report.sections import write_section
from fimscope.report.styles import INK, STYLES
from fimscope.report.text import visible
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
from fimscope.typescript.tables import EXAMPLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HATCHES = {"same": "", "equivalent": "///", "checks": "...", "fails": ""}


def plot_whole_types(edits: Numbers) -> "Figure":
    """A panel an edit, a bar a kind of gold: the shares of the four verdicts, in percent.

    edits   of `whole_numbers`
    """
    import matplotlib.pyplot as plt

    use_theme()
    most = max((len(groups) for groups in edits.values()), default=0)
    figure, grid = plt.subplots(
        1,
        len(edits),
        figsize=(PRINT_WIDTH, 1.4 + 0.26 * max(most, 2)),
        sharex=True,
        squeeze=False,
    )
    for axes, (edit, groups) in zip(grid[0], edits.items(), strict=True):
        _draw(axes, groups)
        axes.set_title(visible(edit), loc="left")
        axes.set_xlabel("% of answers")
    handles = [plt.Rectangle((0, 0), 1, 1, **_look(verdict)) for verdict in ALL]
    figure.legend(handles, ALL, loc="outside lower center", ncols=len(ALL))
    return figure


def _draw(axes: "Axes", groups: Numbers) -> None:
    if not groups:
        write_message(axes, "no examples")
        return
    heights = range(len(groups))[::-1]
    axes.set_yticks(heights, [f"{group} ({row['n']})" for group, row in groups.items()])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.set_xlim(0, 100)
    for height, row in zip(heights, groups.values(), strict=True):
        left = 0.0
        for verdict in ALL:
            width = 100 * row["n_verdicts"][verdict] / row["n"]
            axes.barh(height, width, left=left, height=0.7, **_look(verdict))
            left += width


def _look(verdict: str) -> dict[str, object]:
    colour = STYLES[verdict].colour
    return {"facecolor": colour, "edgecolor": INK, "hatch": HATCHES[verdict], "linewidth": 0.3}


def _shown(completions: Path) -> dict[str, list[str]]:
    """example_id -> the types that its prompt shows."""
    rows = read_table(completions, COMPLETIONS, ["example_id", "shown_types"]).to_pylist()
    return {row["example_id"]: row["shown_types"] for row in rows}


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument(
        "--verdicts", type=Path, nargs="+", required=True, help="verdicts/{edit}.parquet"
    )
    parser.add_argument(
        "--completions", type=Path, nargs="+", required=True, help="completions/{edit}.parquet"
    )
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    parser.add_argument("--right", choices=list(RIGHT), required=True, help="what counted as right")
    parser.add_argument("--max-examples", type=positive, required=True, help="that were drawn")
    parser.add_argument("--max-new-tokens", type=positive, required=True, help="of a completion")
    add_margin_options(parser)
    add_figure_options(parser)
    parser.add_argument("--out-section", type=Path, required=True, help="sections/whole_types.json")
    with run_step(parser) as args:
        verdicts = {path.stem: read_table(path, VERDICTS) for path in args.verdicts}
        columns = ["example_id", "package", "kind", "name", "gold"]
        examples = read_table(args.examples, EXAMPLES, columns).to_pylist()
        shown = {path.stem: _shown(path) for path in args.completions}
        numbers = whole_numbers(verdicts, shown, examples, Margins.of(args).accuracy)
        save_figure(plot_whole_types(numbers["edits"]), args.out_svg, args.out_png)
        section = whole_section(numbers, args.right, args.max_new_tokens, args.max_examples)
        write_section(args.out_section, section, run_manifest(args))


if __name__ == "__main__":
    main()
