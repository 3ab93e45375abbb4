"""Draw from which point lent whole types arrive, and write the section."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fimscope.experiments.patch.drawing import draw_effects, effect_frame, share_legend, write_count
from fimscope.experiments.patch.exactness import Rounding
from fimscope.experiments.whole_patches.numbers import PARTS, PER_TOKEN, whole_patch_numbers
from fimscope.experiments.whole_patches.section import whole_patches_section
from fimscope.experiments.whole_patches.tables import WHOLE_PAIRS, WHOLE_PATCHES
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table
from fimscope.report.sections import write_section
from fimscope.report.text import visible
from fimscope.report.theme import (
    PRINT_WIDTH,
    add_figure_options,
    save_figure,
    use_theme,
    write_message,
)
from fimscope.statistics.bootstrap import Bootstrap, add_bootstrap_options
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Margins, add_margin_options
from fimscope.steps.frame import positive, run_step, step_parser

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = [(length, part) for length, parts in PARTS.items() for part in parts if part != PER_TOKEN]
NOTE = (
    "residual point patched at the last token\nbands: 95%, clustered by program; squares: more "
    "recipients turn, or regain half, than under every control (Holm)"
)


def plot_whole_patches(sweeps: Sequence[Numbers]) -> "Figure":
    """A row of panels a condition: types of one token, longer ones, their first and later tokens.

    sweeps   of `whole_patch_numbers`
    """
    import matplotlib.pyplot as plt

    use_theme()
    cells = {(sweep["condition"], sweep["length"], sweep["part"]): sweep for sweep in sweeps}
    conditions = list(dict.fromkeys(sweep["condition"] for sweep in sweeps)) or [""]
    figure, grid = plt.subplots(
        len(conditions),
        len(COLUMNS),
        figsize=(PRINT_WIDTH, 0.9 + 1.6 * len(conditions)),
        sharey=True,
        squeeze=False,
    )
    for condition, line in zip(conditions, grid, strict=True):
        line[0].set_ylabel(f"{visible(condition)}\neffect", fontsize=7.5)
        for (length, part), axes in zip(COLUMNS, line, strict=True):
            if condition == conditions[0]:
                axes.set_title(f"{length}:\n{part}\n", loc="left", fontsize=7.5)
            sweep = cells.get((condition, length, part))
            if sweep is None:
                write_message(axes, "no pairs")
                continue
            write_count(axes, sweep)
            draw_effects(axes, sweep, sweep["comparison"])
    grid[0, 0].set_ylim(*effect_frame(cells.values()))
    share_legend(figure, list(cells.values()), NOTE)
    return figure


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--pairs", type=Path, required=True, help="the whole_pairs table")
    parser.add_argument("--patches", type=Path, required=True, help="the whole_patches table")
    parser.add_argument("--min-gap", type=float, required=True, help="least gap in nats")
    parser.add_argument("--max-pairs", type=positive, required=True, help="of condition and length")
    parser.add_argument("--max-type-tokens", type=positive, required=True, help="of a type")
    add_bootstrap_options(parser)
    add_margin_options(parser)
    add_figure_options(parser)
    parser.add_argument("--out-section", type=Path, required=True, help="the report's section")
    with run_step(parser) as args:
        numbers = whole_patch_numbers(
            read_table(args.patches, WHOLE_PATCHES),
            read_table(args.pairs, WHOLE_PAIRS),
            args.min_gap,
            Bootstrap.of(args),
            Margins.of(args).effect,
        )
        save_figure(plot_whole_patches(numbers["sweeps"]), args.out_svg, args.out_png)
        section = whole_patches_section(
            numbers, Rounding.of(args.patches), args.max_pairs, args.max_type_tokens
        )
        write_section(args.out_section, section, run_manifest(args))


if __name__ == "__main__":
    main()
