"""Draw what the published steering protocol does here beside its figures, and write its section."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from fimscope.experiments.groups import read_groups
from fimscope.experiments.replication.numbers import adjust_edits, count_broken, edit_numbers
from fimscope.experiments.replication.protocol import AS_PUBLISHED, MAIN, published_window
from fimscope.experiments.replication.section import replication_section
from fimscope.experiments.steer.tables import STEERING_RESULTS, STEERING_VECTORS
from fimscope.experiments.tables import SPLIT
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table
from fimscope.models.prepared import read_prepared
from fimscope.report.format import count, counted
from fimscope.report.sections import write_section
from fimscope.report.styles import FAINT, INK, PAPER, STYLES
from fimscope.report.text import visible
from fimscope.report.theme import PRINT_WIDTH, add_figure_options, save_figure, use_theme
from fimscope.statistics.numbers import Numbers
from fimscope.steps.frame import run_step, step_parser

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES = (":", "--", "-")  # of the narrowest, the middle and the widest window
MOST_COLUMNS = 4


def plot_replication(edits: Mapping[str, Numbers]) -> "Figure":
    """A panel for each edit: % of broken test examples mended, by the first block steered.

    edits   edit -> its numbers, of `edit_numbers`, with its `name`
    """
    import matplotlib.pyplot as plt

    use_theme()
    n_columns = min(MOST_COLUMNS, len(edits) + 1)  # the last panel holds the legend
    n_rows = -(-(len(edits) + 1) // n_columns)
    figure, grid = plt.subplots(
        n_rows,
        n_columns,
        figsize=(PRINT_WIDTH, 0.4 + 2 * n_rows),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    handles: dict[str, Any] = {}
    panels = list(grid.flat)
    for axes, row in zip(panels, edits.values(), strict=False):
        used = row[MAIN]
        asked = count(used) if used else "n = 0"
        axes.set_title(f"{visible(row['name'], 26)}\n{asked}", loc="left", fontsize=7.5)
        if used:
            _draw_curves(axes, row, handles)
        _draw_published(axes, row, handles)
        axes.set_ylim(-3, 103)
    for axes in panels[len(edits) :]:
        axes.set_axis_off()
    panels[len(edits)].legend(handles.values(), handles, loc="upper left", fontsize=6.5)
    figure.supxlabel("first block steered", fontsize=8)
    figure.supylabel("% of broken test examples mended", fontsize=8)
    return figure


def _draw_curves(axes: "Axes", row: Numbers, handles: dict[str, Any]) -> None:
    window = row["window"]
    axes.axvspan(window[0] - 1.5, window[0] - 0.5, color=FAINT, alpha=0.18, lw=0)
    widest = row["curves"][-1]["width"]
    for rank, curve in enumerate(row["curves"][::-1]):
        for kind, what in ((MAIN, "mean difference"), (AS_PUBLISHED, "uniform random")):
            if kind == AS_PUBLISHED and curve["width"] != widest:
                continue
            style, line = STYLES[kind], LINES[max(0, len(LINES) - 1 - rank)]
            x = curve["first_block"]
            mean, lower, upper = (
                100 * np.array(curve[kind][k]) for k in ("estimate", "lower", "upper")
            )
            if curve["width"] == widest:
                axes.fill_between(x, lower, upper, color=style.colour, alpha=0.15, lw=0)
            [drawn] = axes.plot(x, mean, color=style.colour, linestyle=line, linewidth=1.1)
            n_blocks = counted(curve["width"], "block")
            handles.setdefault(f"{what}, {n_blocks}", drawn)
    if row["chosen"]:
        first, share = row["chosen"]["points"][0] - 1, 100 * row["chosen"][MAIN]["estimate"]
        [drawn] = axes.plot(first, share, "v", color=INK, ms=5, linestyle="none")
        handles.setdefault("window chosen on select", drawn)


def _draw_published(axes: "Axes", row: Numbers, handles: dict[str, Any]) -> None:
    if not row["published"]:
        return
    first = row["window"][0] - 1
    for key, fill in (("steered", INK), ("random", PAPER)):
        [drawn] = axes.plot(
            first,
            100 * row["published"][key],
            "*",
            color=INK,
            markerfacecolor=fill,
            ms=7,
            markeredgewidth=0.7,
            linestyle="none",
        )
        handles.setdefault(f"published, {key}", drawn)


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--published", type=Path, required=True, help="the published figures")
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    for name, what in (
        ("splits", "splits of the edits"),
        ("results", "steering_results tables of the edits, in the same order"),
        ("vectors", "steering_vectors tables of the edits, in the same order"),
    ):
        parser.add_argument(f"--{name}", type=Path, nargs="+", required=True, help=what)
    parser.add_argument("--model-info", type=Path, required=True, help="prepared.json")
    add_figure_options(parser)
    parser.add_argument("--out-section", type=Path, required=True, help="the report's section")
    with run_step(parser) as args:
        published = yaml.safe_load(args.published.read_text(encoding="utf-8"))
        known = {row["edit"]: row for row in published["edits"]}
        prepared = read_prepared(args.model_info.parent)
        groups = read_groups(args.examples)
        edits = {}
        for split, results, vectors in zip(args.splits, args.results, args.vectors, strict=True):
            edit = results.stem
            numbers = edit_numbers(
                read_table(results, STEERING_RESULTS).to_pylist(),
                read_table(vectors, STEERING_VECTORS).to_pylist(),
                known.get(edit),
                published_window(prepared.n_blocks),
            )
            name = known[edit]["name"] if edit in known else edit
            n_broken = count_broken(read_table(split, SPLIT).to_pylist(), groups)
            edits[edit] = {"name": name, "n_broken": n_broken, **numbers}
        adjust_edits(edits)
        save_figure(plot_replication(edits), args.out_svg, args.out_png)
        section = replication_section(
            edits, published["model"], prepared.source.get("hub") == published["hub"]
        )
        write_section(args.out_section, section, run_manifest(args))


if __name__ == "__main__":
    main()
