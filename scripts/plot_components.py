"""Draw what patching attention, MLPs and single heads does, and write its section of the report."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fimscope.experiments.components.numbers import KINDS, component_numbers
from fimscope.experiments.patch.numbers import points_above
from fimscope.experiments.patch.panels import draw_effects, effect_frame, share_legend, write_count
from fimscope.experiments.patch.readings import effect_at, read_exactness
from fimscope.experiments.patch.tables import PAIRS
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table
from fimscope.report.colours import ON_PALE_CELL
from fimscope.report.format import spans
from fimscope.report.markdown import code
from fimscope.report.sections import Section, SectionTable, write_section
from fimscope.report.text import visible
from fimscope.report.theme import (
    PRINT_WIDTH,
    add_figure_options,
    point_ticks,
    save_figure,
    say,
    use_theme,
)
from fimscope.statistics.bootstrap import Bootstrap, add_bootstrap_options
from fimscope.statistics.numbers import Numbers
from fimscope.steps.frame import run_step, step_parser

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TITLES = {"attention_output": "attention output", "mlp_output": "MLP output", "head": "heads"}
N_SHOWN = 8  # the largest single parts that the table names
NOTE = (
    "block whose part is patched at the last token\nbands: 95%, cluster bootstrap over programs; "
    "squares and dots: nearer to the donor than under every control (sign test over programs, Holm)"
)
METHOD = (
    "At the last token, what one part of one block adds to the residual stream is overwritten "
    "with the donor's: the attention's output, the MLP's, or before the output projection one "
    "head's mix of values. All that follows is run on. The normalised effect is as in the "
    "sweep of the residual stream (Heimersheim & Nanda 2404.15255); one part alone seldom "
    "moves the answer far, as later parts can make up for it."
)
CONTROL = (
    "The same part of the recipient itself, of another program chosen at random, and a random "
    "vector of the same norm. Above controls means: by the normalised effect, an exact sign "
    "test over programs, adjusted by Holm for all parts of one kind and all controls; kinds "
    "and conditions are not adjusted for one another."
)


def plot_components(sweeps: Sequence[Numbers]) -> "Figure":
    """A row a condition: curves of attention and MLP outputs over blocks, a map of the heads.

    sweeps   of `component_numbers`, KINDS in order for each condition
    """
    import matplotlib.pyplot as plt

    use_theme()
    rows = [sweeps[i : i + len(KINDS)] for i in range(0, len(sweeps), len(KINDS))]
    figure, grid = plt.subplots(
        len(rows),
        len(KINDS),
        figsize=(PRINT_WIDTH, 1.0 + 1.9 * len(rows)),
        squeeze=False,
        width_ratios=[1, 1, 1.15],
    )
    limit = max((abs(v) for row in rows for v in _means(row[2])), default=0) or 1
    for line, row in zip(grid, rows, strict=True):
        frame = effect_frame(row[:2], least=(-0.05, 0.1))
        for axes, sweep in zip(line, row, strict=True):
            if row is rows[0]:
                axes.set_title(f"{_TITLES[sweep['position']]}\n", loc="left", fontsize=8)
            write_count(axes, sweep)
            if sweep["position"] == "head":
                _draw_heads(axes, sweep, row[0]["points"], limit)
            else:
                draw_effects(axes, sweep, sweep["effect_comparison"])
                axes.set_ylim(*frame)
        line[0].set_ylabel(f"{visible(row[0]['condition'])}\neffect (1 donor)")
    images = [axes.images[0] for axes in grid[:, 2] if axes.images]
    if images:
        figure.colorbar(images[0], ax=list(grid[:, 2]), label="mean effect", pad=0.03, aspect=30)
    share_legend(figure, sweeps, NOTE)
    return figure


def _draw_heads(axes: "Axes", sweep: Numbers, blocks: Sequence[int], limit: float) -> None:
    """A map of mean effects, head by block; a dot where a head is above every control."""
    means = _means(sweep)
    if not means:
        say(axes, "no pairs")
        axes.set_xticks([])
        axes.set_yticks([])
        return
    n_heads = len(means) // len(blocks)
    axes.imshow(
        np.array(means).reshape(len(blocks), n_heads).T,
        cmap="RdBu",
        vmin=-limit,
        vmax=limit,
        aspect="auto",
        interpolation="nearest",
    )
    above = points_above(sweep["effect_comparison"])
    axes.plot(
        [place // n_heads for place in above],
        [place % n_heads for place in above],
        linestyle="none",
        marker="o",
        color=ON_PALE_CELL,
        markersize=2.5,
    )
    axes.set_xticks(point_ticks(blocks, most=4))
    axes.set_yticks(point_ticks(range(n_heads), most=5))
    axes.set_ylabel("head")
    axes.grid(visible=False)


def components_section(sweeps: Sequence[Numbers]) -> Section:
    """The section of the report, of the numbers of `component_numbers`."""
    conditions = list(dict.fromkeys(sweep["condition"] for sweep in sweeps))
    reading = []
    for condition in conditions:
        own = [sweep for sweep in sweeps if sweep["condition"] == condition]
        reading.append(_read_parts(condition, own))
    return Section(
        title="Which parts of the blocks bring the type to the last token",
        question="Is it attention or an MLP, and which head, whose contribution alone moves the "
        "answer?",
        method=METHOD,
        control=CONTROL,
        reading=reading + read_exactness(sweeps),
        figures=[
            (
                "components.svg",
                "Mean normalised effect of patching the attention output, the MLP output or one "
                "head of each block. Bands: 95% over programs. Squares and dots: above every "
                "control.",
            )
        ],
        tables=[_parts_table(sweeps)],
        sources=[f"components/{condition}.parquet" for condition in conditions],
        numbers={"sweeps": list(sweeps)},
    )


def _read_parts(condition: str, sweeps: Sequence[Numbers]) -> str:
    """Which kinds of parts stand above their controls, and the part with the largest effect."""
    if not sweeps[0]["n_pairs"]:
        return f"{code(condition)}: no pair was found."
    known = [(sweep, i) for sweep in sweeps for i in range(len(_means(sweep)))]
    if not known:
        return f"{code(condition)}: every gap between donor and recipient is too small."
    above = [
        f"{len(found)} of {len(sweep['points'])} {_plural(sweep)}"
        + ("" if sweep["position"] == "head" else f" ({_blocks(found, sweep['points'])})")
        for sweep in sweeps
        if (found := points_above(sweep["effect_comparison"]))
    ]
    sweep, place = max(known, key=lambda part: _means(part[0])[part[1]])
    effect = effect_at(sweep["effects"]["paired"], place)
    largest = f"the largest mean effect is that of {_part_name(sweep, place, sweeps)}, {effect}"
    if not above:
        return f"{code(condition)}: no part is above all its controls; {largest}."
    return f"{code(condition)}: above every control are {', '.join(above)}; {largest}."


def _blocks(chosen: Sequence[int], blocks: Sequence[int]) -> str:
    return spans(chosen, blocks).replace("point", "block")


def _plural(sweep: Numbers) -> str:
    names = {"attention_output": "attention outputs", "mlp_output": "MLP outputs", "head": "heads"}
    return names[sweep["position"]]


def _part_name(sweep: Numbers, place: int, sweeps: Sequence[Numbers]) -> str:
    """The name of a sweep's place; `sweeps` are those of its condition."""
    if sweep["position"] != "head":
        kind = "attention" if sweep["position"] == "attention_output" else "MLP"
        return f"the {kind} output of block {sweep['points'][place]}"
    n_heads = len(sweep["points"]) // len(sweeps[0]["points"])
    return f"head {place % n_heads} of block {place // n_heads}"


def _means(sweep: Numbers) -> list[float]:
    return sweep["effects"].get("paired", {}).get("estimate", [])


def _parts_table(sweeps: Sequence[Numbers]) -> SectionTable:
    """The parts with the largest mean effects of each condition."""
    rows = []
    for condition in dict.fromkeys(sweep["condition"] for sweep in sweeps):
        own = [sweep for sweep in sweeps if sweep["condition"] == condition]
        parts = [(sweep, i) for sweep in own for i in range(len(_means(sweep)))]
        parts.sort(key=lambda part: -_means(part[0])[part[1]])
        for sweep, place in parts[:N_SHOWN]:
            above = points_above(sweep["effect_comparison"])
            controls = [
                effect_at(sweep["effects"].get(kind), place) for kind in ("unrelated", "random")
            ]
            rows.append(
                [
                    code(condition),
                    _part_name(sweep, place, own),
                    f"{sweep['n_pairs'] - sweep['n_small_gap']} of {sweep['n_pairs']}",
                    effect_at(sweep["effects"]["paired"], place),
                    *controls,
                    "yes" if sweep["points"][place] in above else "no",
                ]
            )
    header = [
        "condition",
        "part",
        "pairs with an effect",
        "mean effect",
        "of `unrelated`",
        "of `random`",
        "above controls",
    ]
    return SectionTable("The parts with the largest mean effects", header, rows, n_left=2)


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument(
        "--components", type=Path, nargs="+", required=True, help="components/{condition}.parquet"
    )
    parser.add_argument("--pairs", type=Path, required=True, help="the pairs table")
    add_bootstrap_options(parser)
    add_figure_options(parser)
    parser.add_argument("--out-section", type=Path, required=True, help="the section of the report")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        pairs, bootstrap = read_table(args.pairs, PAIRS), Bootstrap.of(args)
        sweeps = [
            numbers
            for path in args.components
            for numbers in component_numbers(path, pairs, bootstrap)
        ]
        save_figure(plot_components(sweeps), args.out_svg, args.out_png)
        write_section(args.out_section, components_section(sweeps), manifest)


if __name__ == "__main__":
    main()
