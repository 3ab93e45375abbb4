"""Draw where the deciding token looks: which heads differ by region, and the tokens they read."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.experiments.attention.differences import COMPARISONS
from fimscope.experiments.attention.numbers import differs
from fimscope.experiments.attention.section import attention_section
from fimscope.experiments.attention.shares import REGION_KINDS
from fimscope.experiments.attention.tables import ATTENTION_DIFFERENCES, ATTENTION_HEADS
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table
from fimscope.report.links import explorer_link
from fimscope.report.prompt_lines import Line, keep_lines, lay_out
from fimscope.report.sections import write_section
from fimscope.report.styles import FAINT, ON_PALE_CELL, PALETTE
from fimscope.report.text import visible
from fimscope.report.theme import PRINT_WIDTH, save_figure, use_theme, write_message
from fimscope.steps.frame import log, run_step, step_parser

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

NAMES = {
    "right_minus_wrong": "right minus wrong",
    "original_minus_broken": "original minus\nbroken variant",
}
CAPTION = (
    "share of the last token's attention that goes to each kind of region, difference of means in "
    "percentage points\ndots: differs after Holm over all heads, blocks and regions of the row"
)
NO_BREAK_SPACE = "\u00a0"
FONT_SIZE = 5.9  # of the prompt's text
WIDTH = 66  # characters of a line in half of PRINT_WIDTH
SHADE = PALETTE["vermilion"].light
DARKEST = 0.6  # its opacity at the largest weight: the text on it stays readable
LEAST_SHADE = 0.02  # a fainter token stands on the paper
LINE_HEIGHT = 0.115  # inches


def plot_differences(differences: "DataFrame") -> "Figure":
    """Heat maps of block by head, one a kind of region, one row a comparison.

    differences   the attention_differences table
    """
    import matplotlib.pyplot as plt

    use_theme()
    comparisons = [name for name in COMPARISONS if (differences["comparison"] == name).any()]
    n_rows = max(1, len(comparisons))
    figure, grid = plt.subplots(
        n_rows,
        len(REGION_KINDS),
        figsize=(PRINT_WIDTH, 0.7 + 2.5 * n_rows),
        squeeze=False,
        sharex=True,
        sharey=True,
    )
    limit = 100 * differences["difference"].abs().max() if len(differences) else 1.0
    image = None
    for row, comparison in zip(grid, comparisons, strict=False):
        own = differences[differences["comparison"] == comparison]
        row[0].set_ylabel(f"{NAMES[comparison]}\nblock")
        for axes, region in zip(row, REGION_KINDS, strict=True):
            axes.grid(visible=False)
            cells = own[own["region"] == region]
            if cells.empty:
                write_message(axes, "none")
                continue
            image = _draw_cells(axes, cells, limit)
            axes.set_title(f"{region}\nn = {cells['n'].iloc[0]}", loc="left", fontsize=7)
    for axes in grid[-1]:
        axes.set_xlabel("head")
    if image is None:
        for axes in grid.flat:
            axes.set_axis_off()
        write_message(grid[0, 0], "nothing to compare")
    else:
        figure.colorbar(image, ax=grid, shrink=0.6, aspect=40, pad=0.01)
    figure.supxlabel(CAPTION, fontsize=7)
    return figure


def plot_text(heads: Sequence[dict[str, Any]]) -> "Figure":
    """The prompts of chosen pairs, each token shaded by its weight, original beside variant.

    heads   rows of the attention_heads table, a pair one behind the other
    """
    import matplotlib.pyplot as plt

    use_theme()
    pairs = [heads[i : i + 2] for i in range(0, len(heads), 2)]
    columns = [[_shown_lines(row) for row in pair] for pair in pairs]
    heights = [LINE_HEIGHT * max(map(len, lines)) + 0.25 for lines in columns] or [0.8]
    figure, grid = plt.subplots(
        len(heights),
        2,
        figsize=(PRINT_WIDTH, sum(heights) + 0.45),
        squeeze=False,
        height_ratios=heights,
    )
    for axes in grid.flat:
        axes.set_axis_off()
    if not pairs:
        write_message(grid[0, 0], "no broken pairs")
    for row, pair, lines in zip(grid, pairs, columns, strict=False):
        largest = max(max(prompt["weights"]) for prompt in pair)
        for axes, prompt, own in zip(row, pair, lines, strict=True):
            _draw_lines(axes, own, largest, max(map(len, lines)))
            title = axes.set_title(
                f"block {prompt['block']} head {prompt['head']}, {visible(prompt['edit'])}"
                f" (darkest: {100 * largest:.0f}%)",
                loc="left",
                fontsize=7,
            )
            title.set_url(explorer_link(prompt["example_id"], prompt["edit"]))
    figure.supxlabel(
        "shade: attention of the last token to each token of the prompt; lines far from the hole "
        "with under 2% are left out",
        fontsize=7,
    )
    return figure


def _draw_cells(axes: "Axes", cells: "DataFrame", limit: float) -> Any:
    wide = cells.pivot(index="block", columns="head", values="difference")
    image = axes.imshow(
        100 * wide.to_numpy(), cmap="PuOr", vmin=-limit, vmax=limit, aspect="auto", origin="lower"
    )
    apart = cells[[differs(cell) for cell in cells.to_dict("records")]]
    axes.plot(
        apart["head"], apart["block"], linestyle="none", marker="o", ms=1.8, color=ON_PALE_CELL
    )
    return image


def _shown_lines(row: dict[str, Any]) -> list[Line]:
    """The lines of a prompt that are shown: near the hole, or with weight."""
    lines = lay_out(row["tokens"], row["weights"], WIDTH)
    tokens_before = [line for line in range(len(lines)) if _marks_hole(lines[line])]
    return keep_lines(lines, tokens_before[0] if tokens_before else len(lines) - 1)


def _marks_hole(line: Line) -> bool:
    """Whether the token that stands for the hole, between prefix and suffix, is in a line."""
    return any("suffix" in piece.text and "<" in piece.text for piece in line.pieces)


def _draw_lines(axes: "Axes", lines: Sequence[Line], largest: float, n_lines: int) -> None:
    from matplotlib.patches import Rectangle

    axes.set_xlim(0, WIDTH)
    axes.set_ylim(n_lines, 0)
    for number, line in enumerate(lines):
        if line.n_left_out:
            noun = "line" if line.n_left_out == 1 else "lines"
            text = f"… {line.n_left_out} {noun}, {100 * line.weight:.1f}%"
            axes.text(0, number + 0.5, text, va="center", fontsize=FONT_SIZE, color=FAINT)
        for piece in line.pieces:
            shade = DARKEST * piece.weight / largest if largest else 0.0
            if shade > LEAST_SHADE:
                place = (piece.column, number)
                look = {"color": SHADE, "alpha": shade, "linewidth": 0}
                axes.add_patch(Rectangle(place, len(piece.text), 1, **look))
            axes.text(
                piece.column,
                number + 0.5,
                piece.text.replace(" ", NO_BREAK_SPACE),  # an SVG drops spaces at a text's ends
                va="center",
                fontsize=FONT_SIZE,
                family="monospace",
            )


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--differences", type=Path, required=True, help="of compare_attention")
    parser.add_argument("--heads", type=Path, required=True, help="of view_heads")
    parser.add_argument("--edit", required=True, help="whose broken variants are compared")
    parser.add_argument("--out-figures", type=Path, required=True, help="folder of the figures")
    parser.add_argument("--out-section", type=Path, required=True, help="the report's section")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        differences = read_table(args.differences, ATTENTION_DIFFERENCES)
        heads = read_table(args.heads, ATTENTION_HEADS).to_pylist()
        figures = {
            "attention": plot_differences(differences.to_pandas()),
            "attention_text": plot_text(heads),
        }
        for name, figure in figures.items():
            path = args.out_figures / name
            save_figure(figure, path.with_suffix(".svg"), path.with_suffix(".png"))
        section = attention_section(differences.to_pylist(), args.edit)
        write_section(args.out_section, section, manifest)
        log.info("%d differences, %d heads on the text", differences.num_rows, len(heads) // 2)


if __name__ == "__main__":
    main()
