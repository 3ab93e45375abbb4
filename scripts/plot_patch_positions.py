"""Draw what patching other positions than the last does, and write its section of the report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fimscope.experiments.patch.numbers import points_above
from fimscope.experiments.patch.panels import draw_effects, effect_frame, share_legend, write_count
from fimscope.experiments.patch.readings import effect_at, most_turned, read_exactness
from fimscope.experiments.patch.tables import PAIRS
from fimscope.experiments.patch_positions.numbers import position_numbers
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table
from fimscope.report.format import spans
from fimscope.report.markdown import code
from fimscope.report.sections import Section, SectionTable, write_section
from fimscope.report.text import visible
from fimscope.report.theme import (
    PRINT_WIDTH,
    add_figure_options,
    save_figure,
    say,
    use_theme,
)
from fimscope.statistics.bootstrap import Bootstrap, add_bootstrap_options
from fimscope.statistics.numbers import Numbers
from fimscope.steps.frame import run_step, step_parser

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOTE = (
    "residual point patched (of a window: its first)\nbands: 95%, cluster bootstrap over programs; "
    "squares: more recipients turn than under every control (sign test over programs, Holm)"
)
METHOD = (
    "As at the last token, with the residual of earlier tokens overwritten, one point at a "
    "time, and all that follows run again. `fim` is the format's own tokens at once; "
    "fim_prefix starts every prompt, holds the same in all, and needs no patch. `name` is the "
    "declaration of the hole's own name and every use of it, the k-th of the donor onto the "
    "k-th of the recipient, which two versions of one program share under every map of names. "
    "At earlier tokens also windows of several consecutive points are patched at once, as "
    "later tokens read the patched ones in every block; at the last token a window is the "
    "same as its last point (Heimersheim & Nanda 2404.15255; windows: Zhang & Nanda "
    "2309.16042)."
)
CONTROL = (
    "As at the last token; `random_position` brings as many other tokens of the donor's "
    "prompt. `name` has no `unrelated` donor, as another program's uses have no counterpart. "
    "`self` is checked at the last token, where it costs nothing. Above controls means that "
    "more programs' recipients turn to the target than under each control, by an exact sign "
    "test over programs, adjusted by Holm for all points and controls of one condition, "
    "position and size; these are not adjusted for one another."
)


def plot_positions(sweeps: Sequence[Numbers]) -> "Figure":
    """Mean normalised effect of single points: a row of panels a condition, a column a position.

    sweeps   of `position_numbers`
    """
    return _draw_grid({(s["condition"], s["position"]): s for s in sweeps if s["n_points"] == 1})


def plot_windows(sweeps: Sequence[Numbers]) -> "Figure":
    """The same over windows: a row a condition and position, a column a number of points."""
    wide = {(s["condition"], s["position"]) for s in sweeps if s["n_points"] > 1}
    return _draw_grid(
        {
            (f"{s['condition']}\n{s['position']}", _size_name(s["n_points"])): s
            for s in sweeps
            if (s["condition"], s["position"]) in wide
        }
    )


def _size_name(n_points: int) -> str:
    return "1 point" if n_points == 1 else f"{n_points} points at once"


def _draw_grid(cells: Mapping[tuple[str, str], Numbers]) -> "Figure":
    """Panels of effects by row and column, with one legend."""
    import matplotlib.pyplot as plt

    use_theme()
    rows = list(dict.fromkeys(row for row, _ in cells)) or [""]
    columns = list(dict.fromkeys(column for _, column in cells)) or [""]
    figure, grid = plt.subplots(
        len(rows),
        len(columns),
        figsize=(PRINT_WIDTH, 0.9 + 1.5 * len(rows)),
        sharey=True,
        squeeze=False,
    )
    for row, line in zip(rows, grid, strict=True):
        for column, axes in zip(columns, line, strict=True):
            sweep = cells.get((row, column))
            if row == rows[0]:
                axes.set_title(f"{visible(column)}\n", loc="left", fontsize=8)
            if sweep is None:
                say(axes, "not patched")
                axes.set_xticks([])
                continue
            write_count(axes, sweep)
            draw_effects(axes, sweep, sweep["comparison"])
        line[0].set_ylabel(f"{row}\neffect", fontsize=7.5)
    grid[0, 0].set_ylim(*effect_frame(cells.values()))
    share_legend(figure, list(cells.values()), NOTE)
    return figure


def positions_section(sweeps: Sequence[Numbers]) -> Section:
    """The section of the report, of the numbers of `position_numbers`."""
    conditions = list(dict.fromkeys(sweep["condition"] for sweep in sweeps))
    reading = []
    for condition in conditions:
        own = [sweep for sweep in sweeps if sweep["condition"] == condition]
        reading += [_read_positions(condition, [s for s in own if s["n_points"] == 1])]
        reading += _read_windows(condition, own)
    wide = any(sweep["n_points"] > 1 for sweep in sweeps)
    figures = [
        (
            "patch_positions.svg",
            "Mean normalised effect of patching one position or set at every point. Bands: 95% "
            "over programs. Squares: points above every control.",
        )
    ]
    if wide:
        figures.append(
            (
                "patch_windows.svg",
                "The same with 1, 3 and 5 consecutive points patched at once; the axis is the "
                "first of them.",
            )
        )
    return Section(
        title="What patching other tokens does",
        question="Does the type stand at the hole's name and its uses, and up to which point, "
        "before it is at the last token?",
        method=METHOD,
        control=CONTROL,
        reading=(reading or ["No pair was patched."]) + read_exactness(sweeps),
        figures=figures,
        tables=[_position_table(sweeps)] if sweeps else [],
        sources=[f"patch_positions/{condition}.parquet" for condition in conditions],
        numbers={"sweeps": list(sweeps)},
    )


def _read_positions(condition: str, sweeps: Sequence[Numbers]) -> str:
    """At which positions the paired donor moves the answer more than its controls."""
    found = [
        f"{code(sweep['position'])} ({spans(above, sweep['points'])})"
        for sweep in sweeps
        if (above := points_above(sweep["comparison"]))
    ]
    others = [code(sweep["position"]) for sweep in sweeps if not points_above(sweep["comparison"])]
    if not found:
        return f"{code(condition)}: at no position is the donor above all its controls."
    sentence = f"{code(condition)}: the donor is above every control at {', '.join(found)}"
    return f"{sentence}; not at {', '.join(others)}." if others else f"{sentence}."


def _read_windows(condition: str, sweeps: Sequence[Numbers]) -> list[str]:
    """Whether windows bring more than single points, by their largest mean effects."""
    sentences = []
    for position in dict.fromkeys(s["position"] for s in sweeps if s["n_points"] > 1):
        sizes = {s["n_points"]: s for s in sweeps if s["position"] == position and s["effects"]}
        peaks = [f"{_peak(sweep)} for {size}" for size, sweep in sizes.items()]
        if len(peaks) > 1:
            sentences.append(
                f"At {code(position)} the largest mean effect under {code(condition)}, by points "
                f"patched at once: {', '.join(peaks)}."
            )
    return sentences


def _peak(sweep: Numbers) -> str:
    """The largest mean effect with its interval and its point."""
    curve = sweep["effects"].get("paired")
    if curve is None:
        return "none"
    place = max(range(len(sweep["points"])), key=lambda i: curve["estimate"][i])
    return f"{effect_at(curve, place)} at {sweep['points'][place]}"


def _position_table(sweeps: Sequence[Numbers]) -> SectionTable:
    header = [
        "condition",
        "position",
        "points at once",
        "pairs (programs)",
        "position missing",
        "gap too small",
        "above every control at",
        "largest mean effect",
        "most that turn",
        "under `random_position`",
    ]
    rows = []
    for sweep in sweeps:
        above, comparison = points_above(sweep["comparison"]), sweep["comparison"]
        rows.append(
            [
                code(sweep["condition"]),
                code(sweep["position"]),
                str(sweep["n_points"]),
                f"{sweep['n_pairs']} ({comparison['n_programs'] if comparison else 0})",
                str(sweep["n_left_out"]),
                str(sweep["n_small_gap"]),
                spans(above, sweep["points"]) if above else "none",
                _peak(sweep),
                most_turned(sweep, "paired"),
                most_turned(sweep, "random_position"),
            ]
        )
    return SectionTable("Positions, sets and windows", header, rows, n_left=2)


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument(
        "--patches", type=Path, nargs="+", required=True, help="patch_positions/{condition}.parquet"
    )
    parser.add_argument("--pairs", type=Path, required=True, help="the pairs table")
    add_bootstrap_options(parser)
    add_figure_options(parser)
    parser.add_argument("--out-windows-svg", type=Path, required=True, help="that of the windows")
    parser.add_argument("--out-windows-png", type=Path, required=True, help="the same as an image")
    parser.add_argument("--out-section", type=Path, required=True, help="the section of the report")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        pairs, bootstrap = read_table(args.pairs, PAIRS), Bootstrap.of(args)
        sweeps = [
            numbers for path in args.patches for numbers in position_numbers(path, pairs, bootstrap)
        ]
        save_figure(plot_positions(sweeps), args.out_svg, args.out_png)
        save_figure(plot_windows(sweeps), args.out_windows_svg, args.out_windows_png)
        write_section(args.out_section, positions_section(sweeps), manifest)


if __name__ == "__main__":
    main()
