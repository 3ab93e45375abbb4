"""The in-context section of the report, made from the numbers by rule."""

from collections.abc import Sequence

from fimscope.experiments.icl.choices import LABELS
from fimscope.experiments.icl.numbers import TREATMENT
from fimscope.report.findings import Finding, verdict_of_more
from fimscope.report.format import (
    counted,
    family_power_text,
    p_text,
    percent,
    points_changed,
    signed_nats,
    signed_points,
)
from fimscope.report.sections import Section, SectionTable
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Verdict

# Of the choices of shots, those that the findings name.
CLAIMED = (TREATMENT, "random")


def icl_section(numbers: Numbers, edit: str, n_seeds: int, shot_tokens: int) -> Section:
    most = numbers["n_shots"][-1]
    return Section(
        title="What solved examples in the prompt do",
        question="Does showing solved holes of other programs first put a wrong answer right, and "
        "is it the type they show?",
        findings=_findings(numbers),
        method=f"Solved examples of `fit` programs, at most {shot_tokens} tokens each, stand in "
        f"front of prompts of `{edit}` from the other programs (in-context learning: Brown et al. "
        f"2005.14165); each number of shots is drawn {n_seeds} times, and averaged within an "
        "example.",
        control="Shots of another type; shots of the same type with their annotation left out; and "
        "shots with their tokens in random order, as long and empty of meaning (Min et al. "
        "2202.12837). "
        "The examples are sorted by their answer without shots, so that the right can only "
        "fall and the wrong only rise: read a choice against its controls, or over all holes, "
        "where each asked example stands for as many holes as its outcome has. Shots whose choice "
        "is told the gold type are an oracle. Sign tests over programs, over all holes t tests "
        "clustered by program; Holm over all outcomes, choices and numbers of shots, against no "
        "shots and against the controls each.",
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
            _net_table(numbers),
            _change_table(
                f"{counted(most, 'shot')} against none",
                [row for row in numbers["against_none"] if row["n_shots"] == most],
                "choice",
            ),
            _change_table(
                f"{counted(most, 'shot')} of the same type against {most} of each control",
                [row for row in numbers["against_controls"] if row["n_shots"] == most],
                "control",
            ),
        ],
        sources=[f"icl/{edit}.parquet"],
        numbers=numbers,
        power=family_power_text(numbers["against_controls"]),
        docs="method.md#questions-to-the-model",
        explorer=f"edit={edit}",
    )


def _findings(numbers: Numbers) -> list[Finding]:
    """What most shots do over all holes, and whether the type they show does it."""
    most = numbers["n_shots"][-1]
    net = [
        Finding(
            f"{counted(most, 'solved example')}, {LABELS[row['choice']]}{_told(row)}, "
            f"change{'s' * (most == 1)} accuracy",
            row["verdict"],
            points_changed(row),
            "the same prompts without",
        )
        for row in numbers["net"]
        if row["n_shots"] == most and row["choice"] in CLAIMED
    ]
    beside = [
        Finding(
            f"they help by the type they show ({row['outcome']} answers)",
            verdict_of_more(row),
            points_changed(row),
            "the same without their annotation",
        )
        for row in numbers["against_controls"]
        if (row["n_shots"], row["outcome"], row["control"]) == (most, "broken", "untyped")
        and row["n"]
    ]
    return net + beside


def _told(row: Numbers) -> str:
    return " (told the gold)" if row["knows_gold"] else ""


def _say_findings(numbers: Numbers) -> list[str]:
    counts = {outcome: panel["n"] for outcome, panel in numbers["outcomes"].items()}
    if not sum(counts.values()):
        return ["No example was asked with every choice and number of shots."]
    most = numbers["n_shots"][-1]
    sentences = [_say_net(row) for row in numbers["net"] if row["n_shots"] == most]
    for outcome in ("broken", "wrong", "right"):
        curve = numbers["outcomes"][outcome]["curves"].get(TREATMENT)
        if curve is None:
            continue
        before, after = (100 * curve["estimate"][place] for place in (0, -1))
        against = [
            row
            for row in numbers["against_controls"]
            if row["outcome"] == outcome and row["n_shots"] == most
        ]
        sentences.append(
            f"Of the {counts[outcome]} asked that are {outcome} without shots, {before:.1f}% are "
            f"right with no shots, by the draw, and {after:.1f}% with {most} of the same type"
            f"{_say_controls(against)}."
        )
    n_left = sum(panel["n_left_out"] for panel in numbers["outcomes"].values())
    if n_left:
        sentences.append(
            f"Left out, as one prompt is too long for the model: {counted(n_left, 'example')}."
        )
    return sentences


def _say_net(row: Numbers) -> str:
    """What one choice of shots does to the accuracy of all holes."""
    change = {
        Verdict.SHOWN: "a gain" if row["estimate"] > 0 else "a loss",
        Verdict.SHOWN_ABSENT: "no change, to within the margin",
        Verdict.UNDECIDED: "undecided",
    }
    return (
        f"Over all holes, {counted(row['n_shots'], 'shot')}, "
        f"{LABELS[row['choice']]}{_told(row)}, take "
        f"accuracy from {percent(row['before'])} to {percent(row['before'] + row['estimate'])}, "
        f"{points_changed(row)}: {change[row['verdict']]}."
    )


def _say_controls(against: Sequence[Numbers]) -> str:
    """What shots of the same type bring over each control."""
    phrases = {
        "more": "more than with",
        "fewer": "fewer than with",
        Verdict.SHOWN_ABSENT: "as many, to within the margin, as with",
        Verdict.UNDECIDED: "undecided against",
    }
    found: dict[str, list[str]] = {key: [] for key in phrases}
    for row in against:
        shown = "more" if row["estimate"] > 0 else "fewer"
        key = shown if row["verdict"] == Verdict.SHOWN else row["verdict"]
        found[key].append(LABELS[row["control"]])
    return "".join(f", {phrases[key]} {'; '.join(own)}" for key, own in found.items() if own)


def _net_table(numbers: Numbers) -> SectionTable:
    rows = [
        [
            LABELS[row["choice"]],
            "yes" if row["knows_gold"] else "no",
            str(row["n_shots"]),
            percent(row["before"] + row["estimate"]),
            signed_points(row),
            p_text(row),
            row["verdict"],
        ]
        for row in numbers["net"]
    ]
    total = sum(numbers["n_holes"].values())
    header = ["choice", "told the gold", "shots", "accuracy", "points", "p (Holm)", "changes"]
    return SectionTable(f"Over all {counted(total, 'hole')} under the edit", header, rows, n_left=2)


def _change_table(caption: str, tests: list[Numbers], column: str) -> SectionTable:
    rows = [
        [
            row["outcome"],
            LABELS[row[column]],
            str(row["n"]),
            signed_points(row),
            p_text(row),
            row["verdict"],
            signed_nats(row["logprob"]),
        ]
        for row in tests
        if row["n"]
    ]
    header = [
        "examples",
        column,
        "n",
        "accuracy, points",
        "p (Holm)",
        "differs",
        "log p of the gold, nats",
    ]
    return SectionTable(caption, header, rows, n_left=2)
