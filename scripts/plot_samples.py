"""Draw how often the gold is among many samples, beside the greedy answer and the top 10."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fimscope.experiments.accuracy.baselines import read_holes
from fimscope.experiments.samples.numbers import read_sampled, sample_numbers
from fimscope.experiments.samples.section import WORDS, samples_section
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_manifest
from fimscope.report.sections import write_section
from fimscope.report.styles import FAINT, STYLES
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
from fimscope.steps.frame import log, run_step, step_parser

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What a row shows, from its upper edge to its lower: name, style, label.
SHOWN = (
    ("greedy", "greedy", "greedy answer"),
    ("top10", "top10", "gold in the top 10"),
    ("pass_at_1", "pass_at_1", "pass@1"),
    ("pass_at_10", "pass_at_10", "pass@10"),
    ("pass_at_100", "pass_at_100", "pass@100"),
    ("chance_at_10", "chance_of_10", "10 guesses by the frequency of types"),
    ("chance_at_100", "chance", "100 guesses by the frequency of types"),
)
STEP = 0.118  # between the marks of one row, whose height is 1
CURVE_COLOURS = {"right": "right", "wrong": "wrong", "broken": "broken"}
BANDS = "bars and bands: 95%, clustered by program"


def plot_samples(numbers: Numbers) -> "Figure":
    """By edit and greedy answer, by gold type, and pass@k over k.

    numbers   of `sample_numbers`
    """
    import matplotlib.pyplot as plt

    use_theme()
    edits = [
        (f"{visible(edit)}, {WORDS[name]}", group)
        for edit, groups in numbers["edits"].items()
        for name, group in groups.items()
    ]
    types = [(_type_label(row["gold"]), row) for row in numbers["types"]]
    n_rows = max(len(edits), len(types), 1)
    figure = plt.figure(figsize=(PRINT_WIDTH, 3.2 + 0.52 * n_rows))
    above, below = figure.add_gridspec(2, 1, height_ratios=[0.52 * n_rows + 0.4, 2.2])
    left, right = (figure.add_subplot(cell) for cell in above.subgridspec(1, 2))
    _draw_rows(left, edits)
    _draw_rows(right, types)
    left.set_title("by edit and greedy answer", loc="left")
    right.set_title("by gold type, original", loc="left")
    handles, labels = left.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside upper center", ncols=3)
    _draw_curves(figure, below.subgridspec(1, max(1, len(numbers["edits"]))), numbers["edits"])
    figure.supxlabel(BANDS, fontsize=7)
    return figure


def _draw_rows(axes: "Axes", rows: Sequence[tuple[str, Numbers]]) -> None:
    known = [(label, group) for label, group in rows if group["n"]]
    if not known:
        write_message(axes, "no samples")
        return
    heights = np.arange(len(known))[::-1]
    middle = (len(SHOWN) - 1) / 2
    for place, (name, kind, label) in enumerate(SHOWN):
        style = STYLES[kind]
        present = [(h, g[name]) for h, (_, g) in zip(heights, known, strict=True) if name in g]
        if not present:
            continue
        y = np.array([height for height, _ in present]) + STEP * (middle - place)
        estimate, lower, upper = (
            np.array([100 * rate[key] for _, rate in present])
            for key in ("estimate", "lower", "upper")
        )
        axes.hlines(y, lower, upper, color=style.colour, linewidth=1.1)
        axes.plot(
            estimate, y, color=style.colour, marker=style.marker, linestyle="none", label=label
        )
    labels = [f"{label}\nn = {group['n']} ({group['n_programs']})" for label, group in known]
    axes.set_yticks(heights, labels, fontsize=6.5)
    axes.set_ylim(-0.6, len(known) - 0.4)
    axes.set_xlim(-3, 103)
    axes.set_xlabel("% of holes")
    axes.grid(axis="y", visible=False)
    axes.hlines(heights[:-1] - 0.5, -3, 103, color=FAINT, linewidth=0.3)


def _draw_curves(figure: "Figure", cells: object, edits: Numbers) -> None:
    """pass@k over k for right, wrong and broken variants, one panel an edit."""
    first = None
    for column, (edit, groups) in enumerate(edits.items()):
        axes = figure.add_subplot(cells[0, column], sharey=first)
        first = first or axes
        axes.set_title(f"pass@k, {visible(edit)}", loc="left")
        for name, kind in CURVE_COLOURS.items():
            group = groups.get(name, {"n": 0})
            if not group["n"]:
                continue
            style, k = STYLES[kind], group["curve"]["k"]
            passed, chance = (_percent(group["curve"][key]) for key in ("passed", "chance"))
            axes.fill_between(k, passed[1], passed[2], color=style.colour, alpha=0.16, lw=0)
            axes.plot(k, passed[0], color=style.colour, marker=style.marker, label=WORDS[name])
            label = "guesses by frequency" if name == "wrong" else None
            if name != "right":
                axes.plot(k, chance[0], color=style.colour, linestyle=":", lw=1, label=label)
        if not axes.get_lines():
            write_message(axes, "no samples")
            continue
        axes.set_xscale("log")
        axes.set_xticks(k, [str(value) for value in k])
        axes.minorticks_off()
        axes.set_xlabel("k samples")
        axes.set_ylim(-34, 103)  # room for the legend below the curves
        axes.set_yticks(range(0, 101, 20))
        axes.legend(loc="lower right", ncols=2).set_in_layout(False)


def _percent(rates: Sequence[Numbers]) -> list[np.ndarray]:
    return [np.array([100 * r[key] for r in rates]) for key in ("estimate", "lower", "upper")]


def _type_label(gold: str | None) -> str:
    return "all others" if gold is None else visible(gold, 18)


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    many = {"type": Path, "nargs": "+", "required": True}
    parser.add_argument("--samples", **many, help="samples/{edit}.parquet, `original` among them")
    parser.add_argument("--predictions", **many, help="of the same edits, in the same order")
    parser.add_argument("--splits", **many, help="of the same edits, in the same order")
    add_margin_options(parser)
    add_figure_options(parser)
    parser.add_argument("--out-section", type=Path, required=True, help="the report's section")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        holes = read_holes(args.examples)
        edits = {
            samples.stem: read_sampled(samples, predictions, split, holes)
            for samples, predictions, split in zip(
                args.samples, args.predictions, args.splits, strict=True
            )
        }
        numbers = sample_numbers(edits, Margins.of(args).accuracy)
        save_figure(plot_samples(numbers), args.out_svg, args.out_png)
        settings = read_manifest(args.samples[0])["settings"]
        section = samples_section(numbers, settings["temperature"], settings["top_p"])
        write_section(args.out_section, section, manifest)
        log.info("%d edits", len(edits))


if __name__ == "__main__":
    main()
