"""The in-context section of the report, made from the numbers by rule."""

from fimscope.experiments.icl.choices import LABELS
from fimscope.experiments.icl.numbers import TREATMENT
from fimscope.report.format import p_text, say_family_power, signed_nats, signed_points
from fimscope.report.sections import Section, SectionTable
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.significance import stands_out


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
        cites=["brown2020fewshot", "min2022demonstrations", "holm1979procedure"],
        reading=_say_findings(numbers),
        figures=[
            (
                "icl.svg",
                "Accuracy by number of solved examples, for prompts that were right, wrong and "
                "broken without any; bars: 95%, clustered by program",
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


def _say_findings(numbers: Numbers) -> list[str]:
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
    sentences += say_family_power(numbers["against_controls"])
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
