"""The robustness section of the report, made from the numbers by rule."""

from collections.abc import Sequence

from fimscope.experiments.robustness.numbers import lowest
from fimscope.report.format import p_text, say_family_power, signed_points
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
    )


def _say_findings(entries: Sequence[Numbers]) -> list[str]:
    worst = lowest(entries)
    if worst is None:
        return ["No example was answered at every dose of an edit."]
    entry, place = worst
    change = entry["changes"][place]
    verdict = "" if stands_out(change) else ", which chance may explain"
    sentences = [
        f"The lowest accuracy against the originals is under `{entry['edits'][place]}`: "
        f"{signed_points(change)} points, n = {entry['n']}{verdict}."
    ]
    falling = [
        f"`{entry['name']}`"
        for entry in entries
        if any(stands_out(change) and change["estimate"] < 0 for change in entry["changes"])
    ]
    sentences.append(
        f"Accuracy falls beyond chance at some dose of {', '.join(falling)}."
        if falling
        else "Under no edit does accuracy fall beyond chance at any dose."
    )
    return sentences + say_family_power([row for entry in entries for row in entry["changes"]])
