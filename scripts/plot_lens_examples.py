"""Draw what each token of chosen broken pairs would say at every point, beside the originals."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fimscope.experiments.lens.tables import LENS_TOKENS
from fimscope.experiments.tables import SPLIT
from fimscope.files.tables import read_table
from fimscope.report.links import explorer_link
from fimscope.report.styles import ON_DARK_CELL, ON_PALE_CELL, PAPER
from fimscope.report.text import visible
from fimscope.report.theme import (
    PRINT_WIDTH,
    add_figure_options,
    save_figure,
    use_theme,
    write_message,
)
from fimscope.steps.frame import log, run_step, step_parser

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from pandas import DataFrame

N_SHOWN_POINTS = 9
PANEL_HEIGHT = 1.85  # inches
CAPTION = (
    "the likeliest next token at each residual point (upwards) and token of the prompt; colour: its"
    " probability\nthe last tokens of a prompt stand behind the gap where others lie between"
)


def plot_lens_examples(
    tokens: "DataFrame", answers: Mapping[tuple[str, str], str], golds: Mapping[str, str]
) -> "Figure":
    """Two panels for each pair, one below the other: the original, its variant.

    tokens    the lens_tokens table
    answers   (example_id, edit) -> what the model answers
    golds     example_id -> the gold type
    """
    import matplotlib.pyplot as plt

    use_theme()
    pairs = list(tokens.groupby(["choice", "example_id"], sort=False))
    n_rows = max(1, 2 * len(pairs))
    size = (PRINT_WIDTH, 0.6 + PANEL_HEIGHT * n_rows)
    figure, grid = plt.subplots(n_rows, 1, figsize=size, squeeze=False)
    image = None
    for rows, ((choice, example), pair) in zip(_in_pairs(grid[:, 0]), pairs, strict=False):
        for axes, (edit, prompt) in zip(rows, pair.groupby("edit", sort=False), strict=True):
            image = _draw_table(axes, prompt)
            answer = visible(answers[example, edit], 24)
            title = axes.set_title(
                f"{choice}, {visible(edit)}: answers {answer}, gold {visible(golds[example], 24)}",
                loc="left",
                fontsize=7.5,
            )
            title.set_url(explorer_link(example, edit))
            axes.set_ylabel("point")
    if image is None:
        for axes in grid.flat:
            write_message(axes, "no broken pairs")
            axes.set_axis_off()
    else:
        figure.colorbar(image, ax=grid, shrink=0.3, aspect=40, pad=0.01, label="probability")
    figure.supxlabel(CAPTION, fontsize=7)
    return figure


def _in_pairs(panels: Sequence["Axes"]) -> list[Sequence["Axes"]]:
    return [panels[place : place + 2] for place in range(0, len(panels), 2)]


def shown_points(n_points: int) -> list[int]:
    """At most N_SHOWN_POINTS points, evenly spread, the first and the last among them."""
    n_shown = min(n_points, N_SHOWN_POINTS)
    return sorted({round(place) for place in np.linspace(0, n_points - 1, n_shown)})


def _draw_table(axes: "Axes", prompt: "DataFrame") -> "AxesImage":
    """Points upwards, tokens to the right, each cell with its likeliest token."""
    probabilities = np.exp(prompt.pivot(index="point", columns="token_index", values="top_logprob"))
    tops = prompt.pivot(index="point", columns="token_index", values="top")
    points = shown_points(len(tops))
    values = probabilities.to_numpy()[points]
    image = axes.imshow(values, cmap="Blues", vmin=0, vmax=1, aspect="auto", origin="lower")
    for (row, column), text in np.ndenumerate(tops.to_numpy()[points]):
        axes.text(
            column,
            row,
            visible(text.strip(" ") or "␣", 8),
            ha="center",
            va="center",
            fontsize=5.6,
            color=ON_DARK_CELL if values[row, column] > 0.55 else ON_PALE_CELL,
            clip_on=True,
        )
    indices = list(tops.columns)
    texts = prompt.drop_duplicates("token_index").set_index("token_index")["token"]
    axes.set_xticks(
        range(len(indices)),
        [visible(texts[index].strip(" ") or "␣", 12) for index in indices],
        rotation=25,
        ha="right",
        rotation_mode="anchor",
        fontsize=6.5,
    )
    axes.set_yticks(range(len(points)), points, fontsize=6)
    axes.tick_params(length=1.5)
    axes.grid(visible=False)
    for place, (left, right) in enumerate(pairwise(indices)):
        if right != left + 1:
            axes.axvline(place + 0.5, color=PAPER, linewidth=2.5)
    return image


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--tokens", type=Path, required=True, help="the lens_tokens table")
    parser.add_argument("--splits", type=Path, nargs=2, required=True, help="of both edits")
    add_figure_options(parser)
    with run_step(parser) as args:
        tokens = read_table(args.tokens, LENS_TOKENS).to_pandas()
        chosen = set(tokens["example_id"])
        answers, golds = {}, {}
        for path in args.splits:
            for row in read_table(path, SPLIT).to_pylist():
                if row["example_id"] in chosen:
                    answers[row["example_id"], row["edit"]] = row["predicted"]
                    golds[row["example_id"]] = row["gold"]
        save_figure(plot_lens_examples(tokens, answers, golds), args.out_svg, args.out_png)
        log.info("%d pairs", len(chosen))


if __name__ == "__main__":
    main()
