"""The summary's parts on accuracy: what came through, how often it is right, what is wrong."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from fimscope.report.format import (
    p_value,
    percent,
    points_changed,
    rate,
    say_few_programs,
    say_power,
)
from fimscope.report.markdown import code, table
from fimscope.report.sections import source_lines
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.significance import is_significant

CHECKED = ("holes", "variants", "verified", "answered")  # stages that may lose a hole


def accuracy_lines(numbers: Numbers, figures: str) -> list[str]:
    """The summary's parts on accuracy, in Markdown.

    numbers   of `summary_numbers`
    figures   the link from the page to the folder of the figures
    """
    readings = numbers["readings"]
    names = [row["edit"] for row in numbers["accuracy"]]
    predictions = [f"predictions/{edit}.parquet" for edit in names]
    return [
        "## What came through",
        "",
        "![Programs and holes that reach every stage: variants are what the edit made, verified "
        "what the compiler confirmed, answered what fits the window and has a gold that counts, "
        f"broken what was right in the original and is wrong now.]({figures}/funnel.svg)",
        "",
        *_paragraph(readings["funnel"]),
        *_funnel_table(numbers["funnel"]),
        *source_lines([f"funnel/{edit}.parquet" for edit in numbers["funnel"]]),
        "## How often it is right",
        "",
        "![Right answers and gold in the top 10 under every edit, with 95% intervals over "
        f"programs; dashed: always the commonest gold.]({figures}/accuracy.svg)",
        "",
        *_paragraph(readings["accuracy"]),
        *_accuracy_table(numbers["accuracy"]),
        *_change_table(numbers["changes"]),
        *source_lines([*predictions, *(f"split/{edit}.parquet" for edit in names)]),
        "## What the wrong answers are",
        "",
        "![Wrong answers: gold by predicted type, the commonest of each.]"
        f"({figures}/wrong_answers.svg)",
        "",
        *_paragraph(readings["wrong_answers"]),
        *_wrong_tables(numbers["wrong_answers"]),
        *source_lines(predictions),
    ]


def say_funnel(funnels: Mapping[str, Sequence[Numbers]]) -> list[str]:
    """How much of the source reaches an answer, where most is lost, whether anything breaks."""
    sentences = []
    for edit, stages in funnels.items():
        n = {stage["stage"]: stage["n_rows"] for stage in stages}
        holes, answered = n.get("holes", 0), n.get("answered", 0)
        if not answered:
            sentences.append(f"Under {code(edit)} no hole is answered, so nothing can be measured.")
            continue
        sentence = f"Under {code(edit)} {answered} of {holes} holes are answered"
        names = [s["stage"] for s in stages if s["stage"] in CHECKED]
        losses = [(n[before] - n[after], before, after) for before, after in pairwise(names)]
        lost, before, after = max(losses, default=(0, "", ""), key=lambda loss: loss[0])
        if lost > 0:
            sentence += f"; most are lost from {before} to {after} ({lost})"
        sentences.append(sentence + ".")
        if edit != "original" and not n.get("broken"):
            sentences.append(f"{code(edit)} breaks no answer: there is nothing to restore.")
    return sentences or ["No edit was counted."]


def say_accuracy(edits: Sequence[Numbers], changes: Sequence[Numbers]) -> list[str]:
    """Whether the model beats the baseline, and whether each edit changes its answers."""
    known = [row for row in edits if row["n"]]
    if not known:
        return ["No example was answered, so there is no accuracy to read."]
    first = next((row for row in known if row["edit"] == "original"), known[0])
    right, baseline = first["right"], first["baseline"]
    if right["lower"] > baseline["rate"]:
        verdict = "the model is above that baseline"
    elif right["upper"] < baseline["rate"]:
        verdict = "the model is below that baseline"
    else:
        verdict = "the interval holds that baseline, so no skill beyond it is shown"
    sentences = [
        f"Under {code(first['edit'])} the model answers {first['n_right']} of {first['n']} holes "
        f"right, {rate(right)}, and has the gold in its top 10 for {rate(first['top10'])}.",
        f"Always answering {code(baseline['gold'])} would give {percent(baseline['rate'])}: "
        f"{verdict}.",
    ]
    sentences += [_say_change(row) for row in changes]
    if changes:
        sentences += say_power(min(row["n_programs"] for row in changes), len(changes))
    return sentences + say_few_programs(min(row["n_programs"] for row in known))


def say_wrong_answers(edits: Sequence[Numbers]) -> list[str]:
    """What the commonest mistake is, and whether the gold was near."""
    sentences = []
    for row in edits:
        n_wrong = row["n_wrong"]
        if not n_wrong:
            verdict = "no answer is wrong" if row["n"] else "there is no answer"
            sentences.append(f"Under {code(row['edit'])} {verdict}.")
            continue
        top = row["commonest"][0]
        if top["n"] == 1 and n_wrong > 1:
            common = "no mistake is made twice"
        else:
            common = (
                f"the commonest mistake is {code(top['predicted'])} for {code(top['gold'])} "
                f"({top['n']}, {percent(top['n'] / n_wrong)})"
            )
        near = row["n_wrong_top10"] / n_wrong
        place = "mostly near" if near > 0.5 else "mostly not near"
        sentences.append(
            f"Under {code(row['edit'])} {n_wrong} of {row['n']} answers are wrong; {common}. "
            f"The right type is {place}: it is in the top 10 for {percent(near)} of them."
        )
    return sentences


def _say_change(row: Numbers) -> str:
    difference = row["difference"]
    sure = is_significant(row["adjusted_p"])
    if sure and difference["upper"] < 0:
        verdict = "the edit makes the model worse"
    elif sure and difference["lower"] > 0:
        verdict = "the edit makes the model better"
    elif sure or difference["upper"] < 0 or difference["lower"] > 0:
        verdict = "the test and the interval disagree, so no change is shown"
    else:
        verdict = "no change is shown"
    return (
        f"{code(row['edit'])} breaks {row['n_broken']} of {row['n_right_before']} right answers "
        f"and mends {row['n_mended']}: {points_changed(difference)}, McNemar "
        f"{p_value(row['adjusted_p'])}; {verdict}."
    )


def _paragraph(sentences: Sequence[str]) -> list[str]:
    return [" ".join(sentences), ""]


def _funnel_table(funnel: Mapping[str, Sequence[Numbers]]) -> list[str]:
    counts = {
        edit: {s["stage"]: f"{s['n_rows']} ({s['n_programs']})" for s in stages}
        for edit, stages in funnel.items()
    }
    stages = list(dict.fromkeys(stage for found in counts.values() for stage in found))
    rows = [[stage, *(found.get(stage, "") for found in counts.values())] for stage in stages]
    return table(["stage: rows (programs)", *map(code, counts)], rows)


def _accuracy_table(edits: Sequence[Numbers]) -> list[str]:
    header = ["edit", "examples (programs)", "right", "gold in top 10", "commonest gold"]
    rows = []
    for row in edits:
        cells = [code(row["edit"]), f"{row['n']} ({row['n_programs']})"]
        if row["n"]:
            baseline = f"{percent(row['baseline']['rate'])} {code(row['baseline']['gold'])}"
            cells += [rate(row["right"]), rate(row["top10"]), baseline]
        else:
            cells += ["", "", ""]
        rows.append(cells)
    return table(header, rows)


def _change_table(changes: Sequence[Numbers]) -> list[str]:
    if not changes:
        return ["No edit was compared with the original.", ""]
    header = ["edit", "right before", "broken", "mended", "change", "McNemar", "adjusted"]
    rows = [
        [
            code(row["edit"]),
            f"{row['n_right_before']} of {row['n']}",
            str(row["n_broken"]),
            str(row["n_mended"]),
            points_changed(row["difference"]),
            p_value(row["mcnemar_p"]),
            p_value(row["adjusted_p"]),
        ]
        for row in changes
    ]
    return table(header, rows)


def _wrong_tables(edits: Sequence[Numbers]) -> list[str]:
    rows = [
        [code(row["edit"]), code(pair["gold"]), code(pair["predicted"]), str(pair["n"])]
        for row in edits
        for pair in row["commonest"][:5]
    ]
    return table(["edit", "gold", "predicted", "answers"], rows, n_left=3) if rows else []
