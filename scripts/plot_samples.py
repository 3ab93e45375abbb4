"""Draw how often the right type is among many samples, beside the greedy answer and guesses."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fimscope.experiments.accuracy.baselines import read_holes
from fimscope.experiments.samples.numbers import FEWEST, GUESSES, read_sampled, sample_numbers
from fimscope.experiments.samples.section import LEVEL_WORDS, WORDS, samples_section
from fimscope.experiments.samples.tables import KS
from fimscope.experiments.whole_types.numbers import LONGER, ONE_TOKEN
from fimscope.experiments.whole_types.verdicts import RIGHT
from fimscope.files.manifest import run_manifest
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
from fimscope.steps.frame import log, positive, run_step, step_parser

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GUESS_LABELS = {"chance": "guesses by frequency", "copying": "guesses, half copied"}
STEP = 0.13  # between the marks of one row, whose height is 1
ANSWERS = ("right", "wrong", "broken")
# The widest counts what is `any` to the compiler too, which checks anywhere. A narrower one lies on
# the wider, thinner, so that both are seen where they are the same.
LEVEL_WIDTHS = {"any": 3.2, "checks": 2.4, "equivalent": 1.8, "same": 1.0}
TITLE = {"loc": "left", "fontsize": 7.5}  # of a panel of three in a row
CURVES_HEIGHT = 2.9  # inches of an edit's panels
BANDS = "bars and bands: 95%, clustered by program"


def plot_samples(numbers: Numbers) -> "Figure":
    """By edit and greedy answer, by gold type, and pass@k over k by the gold's length and verdict.

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
    heights = [0.5 * max(len(edits), len(types), 1) + 0.4, CURVES_HEIGHT * len(numbers["edits"])]
    figure = plt.figure(figsize=(PRINT_WIDTH, sum(heights) + 0.8))
    above, below = figure.add_gridspec(2, 1, height_ratios=heights)
    left, right = (figure.add_subplot(cell) for cell in above.subgridspec(1, 2))
    _draw_rows(left, edits)
    _draw_rows(right, types)
    left.set_title("right, by edit and greedy answer", loc="left")
    right.set_title("right, by gold type, original", loc="left")
    handles, labels = left.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside upper center", ncols=3)
    cells = below.subgridspec(len(numbers["edits"]), 3)
    for row, (edit, groups) in enumerate(numbers["edits"].items()):
        one, longer, levels = (figure.add_subplot(cells[row, column]) for column in range(3))
        for axes, stratum in ((one, ONE_TOKEN), (longer, LONGER)):
            _draw_answers(axes, numbers["strata"][edit][stratum])
            axes.set_title(f"{visible(edit, 16)}, {stratum}", **TITLE)
        _draw_levels(levels, groups["all"])
        levels.set_title(f"{visible(edit, 16)}, all golds", **TITLE)
        one.set_ylabel("pass@k, % of holes")
    figure.supxlabel(BANDS, fontsize=7)
    return figure


def _draw_rows(axes: "Axes", rows: Sequence[tuple[str, Numbers]]) -> None:
    known = [(label, group) for label, group in rows if group["n"]]
    if not known:
        write_message(axes, "no samples")
        return
    heights = np.arange(len(known))[::-1]
    shown = _shown(known[0][1])
    middle = (len(shown) - 1) / 2
    for place, (name, kind, label) in enumerate(shown):
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


def _shown(group: Numbers) -> list[tuple[str, str, str]]:
    """What a row shows, from its upper edge to its lower: name, style, label."""
    ks = [k for k in KS if f"pass_at_{k}" in group]
    return [
        ("greedy", "greedy", "greedy answer"),
        *((f"pass_at_{k}", f"pass_at_{k}", f"pass@{k}") for k in ks),
        *((f"{name}_at_{ks[-1]}", name, f"{ks[-1]} {GUESS_LABELS[name]}") for name in GUESSES),
    ]


def _draw_answers(axes: "Axes", groups: Numbers) -> None:
    """pass@k of what is right over k, for right, wrong and broken variants."""
    for name in ANSWERS:
        group = groups.get(name, {"n": 0})
        if group["n"] >= FEWEST:
            _draw_curve(axes, group["curve"], "right", name, f"{WORDS[name]} ({group['n']})")
    if (wrong := groups.get("wrong", {"n": 0}))["n"] >= FEWEST:
        _draw_guesses(axes, wrong["curve"], " (wrong)")
    _finish_curves(axes)


def _draw_levels(axes: "Axes", group: Numbers) -> None:
    """pass@k over k by which verdicts count, of all answers."""
    if group["n"]:
        for level, width in LEVEL_WIDTHS.items():
            _draw_curve(axes, group["curve"], level, level, LEVEL_WORDS[level], width)
        _draw_guesses(axes, group["curve"])
    _finish_curves(axes)


def _draw_curve(
    axes: "Axes", curve: Numbers, name: str, kind: str, label: str, width: float = 1.4
) -> None:
    style, k = STYLES[kind], curve["k"]
    estimate, lower, upper = _percent(curve[name])
    axes.fill_between(k, lower, upper, color=style.colour, alpha=0.12, lw=0)
    marked = {"marker": style.marker, "markersize": 3, "linestyle": style.line}
    axes.plot(k, estimate, color=style.colour, linewidth=width, label=label, **marked)


def _draw_guesses(axes: "Axes", curve: Numbers, of: str = "") -> None:
    for name in GUESSES:
        style, (estimate, _, _) = STYLES[name], _percent(curve[name])
        line = {"color": style.colour, "linestyle": style.line, "lw": 1}
        axes.plot(curve["k"], estimate, label=GUESS_LABELS[name] + of, **line)


def _finish_curves(axes: "Axes") -> None:
    if not axes.get_lines():
        write_message(axes, "no samples")
        return
    k = axes.get_lines()[0].get_xdata()
    shown = [value for value in k if str(value)[0] == "1"]
    axes.set_xscale("log")
    axes.set_xticks(shown, [str(value) for value in shown])
    axes.set_xlim(k[0] / 1.3, k[-1] * 1.3)
    axes.minorticks_off()
    axes.set_xlabel("k samples")
    axes.set_ylim(-3, 103)
    axes.set_yticks(range(0, 101, 20))
    axes.legend(loc="upper left", bbox_to_anchor=(-0.05, -0.25), fontsize=6, handlelength=2.2)


def _percent(rates: Sequence[Numbers]) -> list[np.ndarray]:
    return [np.array([100 * r[key] for r in rates]) for key in ("estimate", "lower", "upper")]


def _type_label(gold: str | None) -> str:
    return "all others" if gold is None else visible(gold, 18)


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    many = {"type": Path, "nargs": "+", "required": True}
    parser.add_argument("--samples", **many, help="samples/{edit}.parquet, `original` first")
    parser.add_argument("--completions", **many, help="of the same edits, in the same order")
    parser.add_argument("--verdicts", **many, help="of the same edits, in the same order")
    parser.add_argument("--variants", **many, help="of the same edits, in the same order")
    parser.add_argument("--right", choices=list(RIGHT), required=True, help="what counted as right")
    parser.add_argument("--temperature", type=float, required=True, help="of the sampling")
    parser.add_argument("--top-p", type=float, required=True, help="the nucleus drawn from")
    parser.add_argument("--max-new-tokens", type=positive, required=True, help="of a sample")
    add_margin_options(parser)
    add_figure_options(parser)
    parser.add_argument("--out-section", type=Path, required=True, help="the report's section")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        holes = read_holes(args.examples)
        edits = {
            samples.stem: read_sampled(
                samples, completions, verdicts, args.verdicts[0], variants, holes
            )
            for samples, completions, verdicts, variants in zip(
                args.samples, args.completions, args.verdicts, args.variants, strict=True
            )
        }
        numbers = sample_numbers(edits, Margins.of(args).accuracy)
        save_figure(plot_samples(numbers), args.out_svg, args.out_png)
        section = samples_section(
            numbers, args.temperature, args.top_p, args.right, args.max_new_tokens
        )
        write_section(args.out_section, section, manifest)
        log.info("%d edits", len(edits))


if __name__ == "__main__":
    main()
