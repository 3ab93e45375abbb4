"""Draw accuracy against the number of solved examples in front of the prompt, by their choice."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fimscope.experiments.icl.numbers import TREATMENT, icl_numbers, read_cells
from fimscope.experiments.icl.shots import CHOICES, LABELS
from fimscope.experiments.icl.tables import ICL
from fimscope.experiments.outcomes import OUTCOME_TITLES
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table
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
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.paired import stands_out
from fimscope.statistics.stats import add_bootstrap_options
from fimscope.steps.frame import positive, run_step, step_parser

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_icl(numbers: Numbers) -> "Figure":
    """One panel for the right, the wrong and the broken: accuracy by shots, a curve each choice.

    numbers   of `icl.icl_numbers`
    """
    import matplotlib.pyplot as plt

    use_theme()
    figure, row = plt.subplots(1, 3, figsize=(PRINT_WIDTH, 3.1), sharey=True)
    places = range(len(numbers["n_shots"]))
    handles: dict[str, Any] = {}
    for axes, (outcome, panel) in zip(row, numbers["outcomes"].items(), strict=True):
        axes.set_title(OUTCOME_TITLES[outcome], loc="left")
        axes.set_xticks(places, list(map(str, numbers["n_shots"])))
        axes.set_xlabel(f"shots; n = {panel['n']} ({panel['n_programs']} programs)")
        if not panel["n"]:
            say(axes, "no examples")
        for rank, (choice, curve) in enumerate(panel["curves"].items()):
            aside = 0.09 * (rank - (len(panel["curves"]) - 1) / 2)
            handles[LABELS[choice]] = _draw(axes, curve, choice, aside)
    row[0].set_ylim(-3, 103)
    row[0].set_ylabel("% right")
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=5, handlelength=2.6)
    return figure


def _draw(axes: "Axes", curve: Numbers, choice: str, aside: float) -> Any:
    """One choice with its intervals, a little aside of the others; none at no shots, by which the
    examples were sorted."""
    style = STYLES[choice]
    mean, lower, upper = (100 * np.array(curve[key]) for key in ("estimate", "lower", "upper"))
    places = np.arange(len(mean)) + aside
    axes.vlines(places[1:], lower[1:], upper[1:], color=style.colour, linewidth=1.1, alpha=0.7)
    [line] = axes.plot(
        places, mean, color=style.colour, linestyle=style.line, marker=style.marker, linewidth=1
    )
    return line


def icl_section(numbers: Numbers, edit: str, n_seeds: int, shot_tokens: int) -> Section:
    most = numbers["n_shots"][-1]
    return Section(
        title="What solved examples in the prompt do",
        question="Does showing solved holes of other programs first put a wrong answer right, and "
        "is it the type they show?",
        method=f"Solved examples of `fit` programs, at most {shot_tokens} tokens each, stand in "
        f"front of prompts of `{edit}` from the other programs (in-context learning: Brown et al. "
        f"2005.14165); each number of shots is drawn {n_seeds} times, and averaged within an "
        "example.",
        control="Shots of another type; shots of the same type with their annotation left out; and "
        "shots with their tokens in random order, as long and empty of meaning (Min et al. "
        "2202.12837). "
        "The examples are sorted by their answer without shots, so that the right can only "
        "fall and the wrong only rise: read a choice against its controls. Sign tests over "
        "programs; Holm over all outcomes, choices and numbers of shots, against no shots and "
        "against the controls each.",
        reading=_reading(numbers),
        figures=[
            (
                "icl.svg",
                "Accuracy by number of solved examples, for prompts that were right, wrong and "
                "broken without any; bars: 95%, cluster bootstrap over programs",
            )
        ],
        tables=[
            _change_table(
                f"{most} shots against none",
                [row for row in numbers["against_none"] if row["n_shots"] == most],
                "choice",
            ),
            _change_table(
                f"{most} shots of the same type against {most} of each control",
                [row for row in numbers["against_controls"] if row["n_shots"] == most],
                "control",
            ),
        ],
        sources=[f"icl/{edit}.parquet"],
        numbers=numbers,
    )


def _reading(numbers: Numbers) -> list[str]:
    counts = {outcome: panel["n"] for outcome, panel in numbers["outcomes"].items()}
    if not sum(counts.values()):
        return ["No example was asked with every choice and number of shots."]
    most = numbers["n_shots"][-1]
    sentences = []
    for outcome in ("broken", "wrong", "right"):
        curve = numbers["outcomes"][outcome]["curves"].get(TREATMENT)
        if curve is None:
            continue
        before, after = (100 * curve["estimate"][place] for place in (0, -1))
        beaten = [
            LABELS[row["control"]]
            for row in numbers["against_controls"]
            if row["outcome"] == outcome
            and row["n_shots"] == most
            and row["estimate"] > 0
            and stands_out(row)
        ]
        verdict = f"more than with {'; '.join(beaten)}" if beaten else "no more than any control"
        sentences.append(
            f"Of the {counts[outcome]} {outcome} examples, {before:.1f}% are right with no shots "
            f"and {after:.1f}% with {most} of the same type, {verdict}."
        )
    sentences += read_family_power(numbers["against_controls"])
    n_left = sum(panel["n_left_out"] for panel in numbers["outcomes"].values())
    if n_left:
        sentences.append(
            f"{n_left} examples are left out, as one of their prompts is too long for the model."
        )
    return sentences


def _change_table(caption: str, tests: list[Numbers], column: str) -> SectionTable:
    rows = [
        [
            row["outcome"],
            LABELS[row[column]],
            str(row["n"]),
            signed_points(row),
            p_text(row),
            signed_nats(row["logprob"]),
        ]
        for row in tests
        if row["n"]
    ]
    header = ["examples", column, "n", "accuracy, points", "p (Holm)", "log p of the gold, nats"]
    return SectionTable(caption, header, rows, n_left=2)


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--icl", type=Path, required=True, help="icl/{edit}.parquet")
    parser.add_argument(
        "--choices", nargs="+", choices=CHOICES, required=True, help="how the shots were chosen"
    )
    parser.add_argument(
        "--n-shots",
        nargs="+",
        type=positive,
        required=True,
        help="numbers of shots that were tried",
    )
    parser.add_argument("--n-seeds", type=positive, required=True, help="draws of the shots")
    parser.add_argument(
        "--shot-tokens", type=positive, required=True, help="typed code of one shot"
    )
    add_bootstrap_options(parser)
    add_figure_options(parser)
    parser.add_argument("--out-section", type=Path, required=True, help="sections/icl.json")
    with run_step(parser) as args:
        table = read_table(args.icl, ICL)
        cells = read_cells(table, args.choices, args.n_shots, args.n_seeds)
        numbers = icl_numbers(cells, args.draws, args.seed)
        save_figure(plot_icl(numbers), args.out_svg, args.out_png)
        section = icl_section(numbers, args.icl.stem, args.n_seeds, args.shot_tokens)
        write_section(args.out_section, section, run_manifest(args))


if __name__ == "__main__":
    main()
