"""The robustness section of the report, made from the numbers by rule."""

from collections.abc import Sequence

from fimscope.experiments.robustness.numbers import lowest
from fimscope.report.findings import Finding, verdict_of_some
from fimscope.report.format import counted, family_power_text, p_text, points_changed, signed_points
from fimscope.report.sections import Section, SectionTable
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.significance import stands_out


def robustness_section(entries: Sequence[Numbers]) -> Section:
    rows = [
        [
            f"`{edit}`",
            str(entry["n"]),
            f"{100 * entry['accuracy']['estimate'][0]:.1f}",
            f"{100 * entry['accuracy']['estimate'][place]:.1f}",
            signed_points(change),
            p_text(change),
        ]
        for entry in entries
        if entry["n"]
        for place, (edit, change) in enumerate(
            zip(entry["edits"], entry["changes"], strict=True), 1
        )
    ]
    header = ["edit", "n", "original, %", "edited, %", "difference, points", "p (Holm)"]
    return Section(
        title="How much of an edit it takes",
        question="Does accuracy fall step by step with the share of the sites that an edit "
        "changes, and under which edits?",
        findings=_findings(entries),
        method="Each edit is carried out on a share of its sites, those of a smaller share among "
        "those of a larger one, and every variant is checked by the compiler. An edit's curve is "
        "over the examples that were answered at all its doses.",
        control="The originals of the same examples; paired differences with intervals of 95%, "
        "clustered by program, sign tests over programs, Holm over all edits and doses.",
        cites=["miller2024evals", "holm1979procedure"],
        reading=_say_findings(entries),
        figures=[("robustness.svg", "Accuracy by the dose of each edit, with paired bands")],
        tables=[SectionTable("Accuracy by edit and dose", header, rows)] if rows else [],
        sources=["predictions/original.parquet"]
        + [f"predictions/{edit}.parquet" for entry in entries for edit in entry["edits"]],
        numbers={"edits": list(entries)},
        power=family_power_text([row for entry in entries for row in entry["changes"]]),
        docs="method.md#edits-and-their-proof",
    )


def _findings(entries: Sequence[Numbers]) -> list[Finding]:
    """That accuracy falls under some dose of an edit, by the dose under which it is lowest."""
    worst = lowest(entries)
    if worst is None:
        return []
    entry, place = worst
    n_falling = len(_falling(entries))
    return [
        Finding(
            "accuracy falls under some dose of an edit",
            verdict_of_some(n_falling),
            f"{points_changed(entry['changes'][place])} under `{entry['edits'][place]}`, the most; "
            f"shown of {n_falling} of {counted(len(entries), 'edit')}",
            "the same examples unedited",
        )
    ]


def _falling(entries: Sequence[Numbers]) -> list[str]:
    """The edits under some dose of which accuracy falls beyond chance."""
    return [
        f"`{entry['name']}`"
        for entry in entries
        if any(stands_out(change) and change["estimate"] < 0 for change in entry["changes"])
    ]


def _say_findings(entries: Sequence[Numbers]) -> list[str]:
    if lowest(entries) is None:
        return ["No example was answered at every dose of an edit."]
    falling = _falling(entries)
    return [
        f"Accuracy falls beyond chance at some dose of {', '.join(falling)}."
        if falling
        else "Under no edit does accuracy fall beyond chance at any dose."
    ]
