"""The masking section of the report, made from the numbers by rule."""

from collections import Counter
from collections.abc import Sequence

from fimscope.experiments.masking.numbers import TESTED, most_harmful
from fimscope.experiments.masking.ways import WAYS
from fimscope.experiments.outcomes import OUTCOME_TITLES, OUTCOMES
from fimscope.report.findings import Finding, verdict_of_many
from fimscope.report.format import (
    counted,
    family_power_text,
    p_text,
    points_changed,
    signed_nats,
    signed_points,
)
from fimscope.report.sections import Section, SectionTable
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Verdict

MENDABLE = ("broken", "wrong")  # outcomes that a mask could mend
WAY_TITLES = {
    "text": "out of the text",
    "attention_last": "hidden from the last token",
    "attention_later": "hidden from all later tokens",
}


def masking_section(rows: Sequence[Numbers], edit: str) -> Section:
    return Section(
        title="What distracts from the type",
        question="Which parts of the prompt keep the model from the right type?",
        findings=_findings(rows, "broken"),
        method=f"Each distractor of prompts of `{edit}` is taken out of the text, by an edit that "
        "the compiler confirms (`siblings`: all outside the hole's own function; `names` become "
        "meaningless ones, where the edit itself has not renamed them), or its tokens "
        "are hidden in the attention of every block, from the last token alone or from all later "
        "tokens (attention knockout: Geva et al. 2304.14767).",
        control="As many random tokens that belong to no distractor, hidden, or taken out of the "
        "text, which then no longer parses. Sign tests over programs of masked against "
        "control, on the gold's log-probability and on right answers; Holm over both, and all "
        "outcomes, ways and distractors. Broken and wrong examples are chosen as wrong, so that "
        "any change mends some: the control's share is the measure.",
        cites=["geva2023dissecting", "holm1979procedure"],
        reading=_say_findings(rows),
        figures=[
            (
                "masking.svg",
                "Change of the gold's log-probability when a distractor is masked, and when as "
                "many random tokens are; bars: 95%, clustered by program",
            )
        ],
        tables=[_table(rows, outcome) for outcome in OUTCOMES if _n_asked(rows, outcome)],
        sources=["masking.parquet"],
        numbers={"masks": list(rows)},
        power=family_power_text([row[key] for row in rows for key in TESTED]),
        docs="method.md#looking-inside",
        explorer=f"edit={edit}&outcome=broken",
    )


def _findings(rows: Sequence[Numbers], outcome: str) -> list[Finding]:
    """That a part of the prompt keeps the model from the gold; none where none was asked."""
    asked = [row for row in rows if row["outcome"] == outcome and row["n"]]
    if not asked:
        return []
    n_shown = sum(row["verdict"] == Verdict.SHOWN for row in asked)
    most = max(asked, key=lambda row: row["accuracy_over_control"]["estimate"])
    return [
        Finding(
            f"some part of the prompt keeps {outcome} answers wrong",
            verdict_of_many(row["verdict"] for row in asked),
            f"{n_shown} of {counted(len(asked), 'mask')}; "
            f"{points_changed(most['accuracy_over_control'])} "
            f"right at most (`{most['distractor']}`, n = {most['n']})",
            "as many random tokens masked",
        )
    ]


def _say_findings(rows: Sequence[Numbers]) -> list[str]:
    sentences = []
    for outcome in MENDABLE:
        if not _n_asked(rows, outcome):
            sentences.append(f"No {outcome} example was asked.")
            continue
        sentences.append(_say_outcome(rows, outcome))
    n_without = sum(row["n_without"] for row in rows)
    sentences.append(
        f"{n_without} of {n_without + sum(row['n'] for row in rows)} masks have nothing to mask "
        "or no control of their size; the rejected table says why."
    )
    return sentences


def _say_outcome(rows: Sequence[Numbers], outcome: str) -> str:
    """How many masks of one outcome have which verdict, and which raise the gold most."""
    asked = [row for row in rows if row["outcome"] == outcome and row["n"]]
    counts = Counter(row["verdict"] for row in asked)
    text = (
        f"Of {counted(len(asked), 'mask')} of the {outcome} examples {counts[Verdict.SHOWN]} are "
        f"shown to raise the gold above their control, {counts[Verdict.SHOWN_ABSENT]} shown not "
        "to (accuracy rises by less than the margin, or the gold falls), and "
        f"{counts[Verdict.UNDECIDED]} undecided"
    )
    most = [row for way in WAYS if (row := most_harmful(rows, outcome, way)) is not None]
    found = [
        f"{row['distractor']} {WAY_TITLES[row['way']]}, "
        f"{signed_nats(row['against_control'])} nats and "
        f"{points_changed(row['accuracy_over_control'])} right over control"
        for row in most
    ]
    return f"{text}; what hurts most: {'; '.join(found)}." if found else f"{text}."


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
            signed_points(row["accuracy_over_control"]),
            p_text(row["accuracy_over_control"]),
            row["verdict"],
        ]
        for row in rows
        if row["outcome"] == outcome and row["n"]
    ]
    header = ["way", "distractor", "n", "tokens", "log p of the gold, nats"]
    header += ["over control, nats", "p (Holm)", "right, points", "over control, points"]
    header += ["p (Holm)", "raises"]
    return SectionTable(f"{OUTCOME_TITLES[outcome]} without a mask", header, cells, n_left=2)
