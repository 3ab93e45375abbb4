"""Draw what masking each distractor does to the gold's log-probability, beside its control."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fimscope.experiments.masking.numbers import WAYS, masking_numbers, most_harmful
from fimscope.experiments.masking.tables import MASKING
from fimscope.experiments.outcomes import OUTCOME_TITLES, OUTCOMES
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table
from fimscope.report.colours import FAINT, INK
from fimscope.report.format import p_text, read_family_power, signed_nats, signed_points
from fimscope.report.sections import Section, SectionTable, write_section
from fimscope.report.theme import (
    PRINT_WIDTH,
    STYLES,
    add_figure_options,
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

WAY_TITLES = {
    "text": "out of the text",
    "attention_last": "hidden from the last token",
    "attention_later": "hidden from all later tokens",
}
DRAWN = {"masked": ("masked", "masked"), "control": ("random", "as many random other tokens")}


def plot_masking(rows: Sequence[Numbers]) -> "Figure":
    """A panel for every way and outcome: the change of the gold's log-probability, in nats.

    rows   of `masking.masking_numbers`
    """
    import matplotlib.pyplot as plt

    use_theme()
    figure, grid = plt.subplots(
        len(WAYS), len(OUTCOMES), figsize=(PRINT_WIDTH, 5.6), sharex=True, sharey="row"
    )
    for axes_row, (way, distractors) in zip(grid, WAYS.items(), strict=True):
        axes_row[0].set_yticks(range(len(distractors))[::-1], distractors)
        axes_row[0].set_ylabel(WAY_TITLES[way])
        for axes, outcome in zip(axes_row, OUTCOMES, strict=True):
            chosen = [row for row in rows if (row["outcome"], row["way"]) == (outcome, way)]
            _draw(axes, chosen)
    for axes, outcome in zip(grid[0], OUTCOMES, strict=True):
        axes.set_title(OUTCOME_TITLES[outcome], loc="left")
    handles = [
        plt.Line2D([], [], color=STYLES[style].colour, marker=STYLES[style].marker, lw=1.4)
        for style, _ in DRAWN.values()
    ]
    figure.legend(
        handles, [label for _, label in DRAWN.values()], loc="outside lower center", ncols=2
    )
    grid[-1, 1].set_xlabel("change of the gold's log-probability, nats")
    return figure


def _draw(axes: "Axes", rows: Sequence[Numbers]) -> None:
    axes.axvline(0, color=INK, linewidth=0.6)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.tick_params(axis="y", length=0)
    if not any(row["n"] for row in rows):
        say(axes, "no examples")
    for height, row in zip(range(len(rows))[::-1], rows, strict=True):
        for aside, (measure, (kind, _)) in zip((0.14, -0.14), DRAWN.items(), strict=True):
            change, style = row[measure], STYLES[kind]
            if change["estimate"] is None:
                continue
            ends = change["lower"], change["upper"]
            axes.hlines(height + aside, *ends, color=style.colour, linewidth=1.4)
            axes.plot(change["estimate"], height + aside, marker=style.marker, color=style.colour)
        axes.annotate(
            f"n = {row['n']}",
            (1, height + 0.3),
            xycoords=axes.get_yaxis_transform(),
            ha="right",
            fontsize=6.5,
            color=FAINT,
        )


def masking_section(rows: Sequence[Numbers], edit: str) -> Section:
    return Section(
        title="What distracts from the type",
        question="Which parts of the prompt keep the model from the right type?",
        method=f"Each distractor of prompts of `{edit}` is taken out of the text, by an edit that "
        "the compiler confirms (`siblings`: all outside the hole's own function), or its tokens "
        "are hidden in the attention of every block, from the last token alone or from all later "
        "tokens (attention knockout: Geva et al. 2304.14767).",
        control="As many random tokens that belong to no distractor, hidden, or taken out of the "
        "text, which then no longer parses. Sign tests over programs of masked against "
        "control, on the gold's log-probability; Holm over all outcomes, ways and distractors.",
        reading=_reading(rows),
        figures=[
            (
                "masking.svg",
                "Change of the gold's log-probability when a distractor is masked, and when as "
                "many random tokens are; bars: 95%, cluster bootstrap over programs",
            )
        ],
        tables=[_table(rows, outcome) for outcome in OUTCOMES if _n_asked(rows, outcome)],
        sources=["masking.parquet"],
        numbers={"masks": list(rows)},
    )


def _reading(rows: Sequence[Numbers]) -> list[str]:
    sentences = []
    for outcome in ("broken", "wrong"):
        if not _n_asked(rows, outcome):
            sentences.append(f"No {outcome} example was asked.")
            continue
        found = []
        for way in WAYS:
            row = most_harmful(rows, outcome, way)
            if row is not None:
                change = signed_nats(row["against_control"])
                found.append(f"{row['distractor']} {WAY_TITLES[way]}, {change} nats over control")
        said = "; ".join(found) or "no mask raises the gold above its control"
        sentences.append(f"What hurts the {outcome} examples most: {said}.")
    n_without = sum(row["n_without"] for row in rows)
    sentences.append(
        f"{n_without} of {n_without + sum(row['n'] for row in rows)} masks have nothing to mask "
        "or no control of their size; the rejected table says why."
    )
    return sentences + read_family_power([row["against_control"] for row in rows])


def _n_asked(rows: Sequence[Numbers], outcome: str) -> int:
    return sum(row["n"] for row in rows if row["outcome"] == outcome)


def _table(rows: Sequence[Numbers], outcome: str) -> SectionTable:
    cells = [
        [
            WAY_TITLES[row["way"]],
            row["distractor"],
            str(row["n"]),
            str(row["mean_masked"]),
            signed_nats(row["masked"]),
            signed_nats(row["against_control"]),
            p_text(row["against_control"]),
            signed_points(row["accuracy"]),
        ]
        for row in rows
        if row["outcome"] == outcome and row["n"]
    ]
    header = ["way", "distractor", "n", "tokens", "log p of the gold, nats"]
    header += ["over control, nats", "p (Holm)", "accuracy, points"]
    return SectionTable(f"{OUTCOME_TITLES[outcome]} without a mask", header, cells, n_left=2)


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--masking", type=Path, required=True, help="masking.parquet")
    parser.add_argument("--edit", required=True, help="of the prompts")
    add_bootstrap_options(parser)
    add_figure_options(parser)
    parser.add_argument("--out-section", type=Path, required=True, help="sections/masking.json")
    with run_step(parser) as args:
        rows = masking_numbers(read_table(args.masking, MASKING), Bootstrap.of(args))
        save_figure(plot_masking(rows), args.out_svg, args.out_png)
        write_section(args.out_section, masking_section(rows, args.edit), run_manifest(args))


if __name__ == "__main__":
    main()
