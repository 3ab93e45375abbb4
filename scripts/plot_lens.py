"""Draw the lenses at every point: right beside wrong, originals beside broken variants."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fimscope.experiments.lens.linear_numbers import linear_numbers, read_linear_curves
from fimscope.experiments.lens.numbers import NOTHING, lens_numbers, read_lens_curves
from fimscope.experiments.lens.section import lens_section
from fimscope.files.manifest import run_manifest
from fimscope.report.format import count
from fimscope.report.sections import write_section
from fimscope.report.styles import INK, STYLES
from fimscope.report.text import visible
from fimscope.report.theme import (
    PRINT_WIDTH,
    draw_curve,
    legend_above,
    plain_log_scale,
    point_ticks,
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

POINT = "residual point: 0 is what enters block 0, the last what enters the final norm"
BANDS = f"{POINT}\nbands: 95%, clustered by program"
SQUARES = f"{BANDS}; squares: the two differ (sign test over programs, Holm)"
LEGEND_LINE = 0.12  # of a panel's height
LABELS = {
    "rank": "rank of the gold + 1\n(geometric mean)",
    "gold": "probability of the gold\nand of the wrong answer",
    "entropy": "entropy (nats)",
    "lead": "% whose final answer\nleads from here on",
    "fit": "share of the last residuals'\nspread that is explained",
    "agreement": "% whose final answer\nis first here",
    "difference": "log-probability (nats),\noriginal minus variant",
}
LENSES = {
    "fitted": ("linear_lens", "linear lens"),
    "logit": ("logit_lens", "logit lens"),
    "shuffled": ("shuffled", "maps of shuffled pairs"),
}


def plot_outcomes(points: Sequence[int], outcomes: Mapping[str, Numbers]) -> "Figure":
    """Four panels at the last token: rank, probabilities, entropy, how many have settled.

    outcomes   right and wrong -> numbers of `group_numbers`
    """
    figure, grid = _panels(2, 2, 4.8)
    for axes, name in zip(grid.flat, ("rank", "gold", "entropy", "lead"), strict=True):
        axes.set_ylabel(LABELS[name])
        _draw_outcomes(axes, points, outcomes, name)
    return _finish(figure, grid, points, BANDS, grid[0, 1])


def plot_pairs(points: Sequence[int], pairs: Numbers, edit: str) -> "Figure":
    """Four panels: originals beside their broken variants, and the paired differences.

    pairs   numbers of `pair_numbers`
    """
    figure, grid = _panels(2, 2, 4.8)
    ((probability, difference), (entropy, lead)) = grid
    variant_name = visible(edit)
    for axes, name in ((probability, "gold"), (entropy, "entropy"), (lead, "lead")):
        axes.set_ylabel(LABELS[name])
        for key, kind, label in (
            ("original", "right", f"original: {count(pairs)}"),
            ("variant", "broken", f"{variant_name}, broken"),
        ):
            if pairs["n"]:
                draw_curve(axes, points, pairs[key][name], kind, label, _scale(name))
    for key, kind, label in (
        ("original", "foil_of_original", "the wrong answer in the original"),
        ("variant", "foil", "the wrong answer in the variant"),
    ):
        if "foil" in pairs[key]:
            draw_curve(probability, points, pairs[key]["foil"], kind, label)
    difference.set_ylabel(LABELS["difference"])
    _draw_differences(difference, points, pairs["differences"])
    return _finish(figure, grid, points, SQUARES, probability)


def plot_linear(numbers: Numbers) -> "Figure":
    """Four panels of the linear lens on `test`: fit and agreement beside the controls, the gold in
    right and wrong originals, and the differences of broken pairs.

    numbers   of `linear_numbers`
    """
    figure, grid = _panels(2, 2, 5.2)
    ((fit, agreement), (gold, difference)) = grid
    points = numbers.get("points", [])
    for axes, name in ((fit, "fit"), (agreement, "agreement"), (gold, "gold")):
        axes.set_ylabel(LABELS[name])
    difference.set_ylabel(LABELS["difference"])
    if numbers["n"]:
        for axes, name, scale in ((fit, "fit", 1), (agreement, "agreement", 100)):
            for lens, curve in numbers[name].items():
                kind, label = LENSES[lens]
                draw_curve(axes, points, curve, kind, f"{label}: {count(curve)}", scale)
        _draw_outcomes(gold, points, numbers["last"], "gold")
        _draw_differences(difference, points, numbers["pairs"]["differences"])
        if gold.get_lines():
            _legend_within(gold, fontsize=6)
    # It has the curves of `fit` too.
    return _finish(figure, grid, points, SQUARES, agreement)


def plot_positions(
    points: Sequence[int], positions: Mapping[str, Mapping[str, Numbers]]
) -> "Figure":
    """Rank and probabilities at the positions other than the last token, one column each."""
    figure, grid = _panels(2, max(1, len(positions)), 4.2, sharey="row")
    for column, (name, outcomes) in zip(grid.T, positions.items(), strict=False):
        column[0].set_title(visible(name), loc="left")
        _draw_outcomes(column[0], points, outcomes, "rank")
        _draw_outcomes(column[1], points, outcomes, "gold")
        if column[1].get_lines():
            plain_log_scale(column[1])  # where no type is decided, both are small
    for row, name in zip(grid, ("rank", "gold"), strict=True):
        row[0].set_ylabel(LABELS[name])
    return _finish(figure, grid, points, BANDS, grid[1, 0])


def _draw_outcomes(
    axes: "Axes", points: Sequence[int], outcomes: Mapping[str, Numbers], name: str
) -> None:
    """One curve of right and wrong variants; beside the gold's probability the foil's."""
    for kind, group in outcomes.items():
        if group["n"]:
            draw_curve(axes, points, group[name], kind, f"{kind}: {count(group)}", _scale(name))
    wrong = outcomes["wrong"]
    if name == "gold" and "foil" in wrong:
        label = f"the wrong answer itself: n = {wrong['n_foils']}"
        draw_curve(axes, points, wrong["foil"], "foil", label)
    if name == "rank" and axes.get_lines():
        plain_log_scale(axes)


def _draw_differences(axes: "Axes", points: Sequence[int], differences: Numbers) -> None:
    if not differences:
        return
    for place, (name, kind, label) in enumerate(
        (("gold_logprob", "gold", "the gold"), ("foil_logprob", "foil", "the wrong answer"))
    ):
        if name not in differences:
            continue
        row = differences[name]
        draw_curve(axes, points, row, kind, f"{label}: n = {row['n']}")
        if row["points_apart"]:  # an empty line has no extent, on which the layout fails
            axes.plot(
                row["points_apart"],
                [1.02 + 0.035 * place] * len(row["points_apart"]),
                transform=axes.get_xaxis_transform(),
                color=STYLES[kind].colour,
                linestyle="none",
                marker="s",
                markersize=2.4,
                clip_on=False,
            )
    axes.axhline(0, color=INK, linewidth=0.6)
    _legend_within(axes, fontsize=7)


def _legend_within(axes: "Axes", fontsize: float) -> None:
    """In room of its own above the curves, which of few programs go everywhere."""
    low, high = axes.get_ylim()
    axes.set_yticks([tick for tick in axes.get_yticks() if low <= tick <= high])
    legend = axes.legend(loc="upper left", fontsize=fontsize)
    axes.set_ylim(low, high + (high - low) * LEGEND_LINE * len(legend.get_texts()))
    legend.set_in_layout(False)


def _panels(
    n_rows: int, n_columns: int, height: float, sharey: str | bool = False
) -> tuple["Figure", np.ndarray]:
    import matplotlib.pyplot as plt

    use_theme()
    figsize = (PRINT_WIDTH, height)
    return plt.subplots(n_rows, n_columns, figsize=figsize, squeeze=False, sharey=sharey)


def _scale(name: str) -> int:
    return 100 if name == "lead" else 1


def _finish(
    figure: "Figure", grid: np.ndarray, points: Sequence[int], caption: str, named: "Axes"
) -> "Figure":
    """Ticks, the caption, and one legend of the curves of the panel `named`."""
    for axes in grid.flat:
        if axes.get_lines():
            axes.set_xticks(point_ticks(points))
        else:
            write_message(axes, "no examples")
    legend_above(figure, named, n_columns=2)
    figure.supxlabel(caption, fontsize=7)
    return figure


def main() -> None:
    parser = step_parser(__doc__)
    many = {"type": Path, "nargs": "+", "required": True}
    parser.add_argument("--lens", **many, help="lens/{edit}.parquet, `original` among them")
    parser.add_argument("--splits", **many, help="split/{edit}.parquet, in the same order")
    parser.add_argument("--edit", required=True, help="its broken variants meet their originals")
    parser.add_argument("--linear", type=Path, required=True, help="the linear_lens table")
    parser.add_argument("--examples-figure", type=Path, required=True, help="of plot_lens_examples")
    add_margin_options(parser)
    parser.add_argument("--out-figures", type=Path, required=True, help="folder of the figures")
    parser.add_argument("--out-section", type=Path, required=True, help="the report's section")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        curves = {
            lens.stem: read_lens_curves(lens, split)
            for lens, split in zip(args.lens, args.splits, strict=True)
        }
        numbers = lens_numbers(curves, args.edit)
        splits = {path.stem: path for path in args.splits}
        linear = linear_numbers(
            read_linear_curves(args.linear, splits),
            {name: own.get("last", NOTHING) for name, own in curves.items()},
            args.edit,
            Margins.of(args).accuracy,
        )
        points = numbers["points"]
        figures = {
            "lens": plot_outcomes(points, numbers["last"]["original"]),
            "lens_pairs": plot_pairs(points, numbers["pairs"], args.edit),
            "lens_linear": plot_linear(linear),
            "lens_positions": plot_positions(points, numbers["positions"]),
        }
        for name, figure in figures.items():
            path = args.out_figures / name
            save_figure(figure, path.with_suffix(".svg"), path.with_suffix(".png"))
        section = lens_section(numbers, linear, args.examples_figure.name)
        write_section(args.out_section, section, manifest)
        log.info("%d broken pairs at %d points", numbers["pairs"]["n"], len(points))


if __name__ == "__main__":
    main()
