"""The summary's parts on accuracy: what came through, how often it is right, what is wrong."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from fimscope.report.format import (
    p_text,
    p_value,
    percent,
    points_changed,
    rate,
    rate_cell,
    say_programs,
    signed_points,
)
from fimscope.report.markdown import code, table
from fimscope.report.sections import source_lines
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Verdict

# For whom the two intervals of an edit speak.
SCOPE = (
    "An interval over programs speaks of new programs of these packages; one over packages speaks "
    "of new packages, as far as these are a draw of them."
)
STRATA = {
    Verdict.SHOWN: "A change is shown by stratum, in points, for",
    Verdict.SHOWN_ABSENT: "A change of {margin} is shown to be absent for",
    Verdict.UNDECIDED: "Undecided by stratum, in points",
}
KNOWS = {"commonest": "frequency", "kind": "and kind", "name": "and name"}
MEASURES = {"right": "right", "top10": "top 10", "near_if_wrong": "top 10 of wrong answers"}
CHECKED = ("holes", "variants", "verified", "answered")  # stages that may lose a hole


def accuracy_lines(numbers: Numbers, figures: str, golds: str) -> list[str]:
    """The summary's parts on accuracy, in Markdown.

    numbers   of `summary_numbers`
    figures   the link from the page to the folder of the figures
    golds     which golds they speak of, in words
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
        *_paragraph([f"From `answered` on, of {golds}.", *readings["funnel"]]),
        *_funnel_table(numbers["funnel"]),
        *source_lines([f"funnel/{edit}.parquet" for edit in numbers["funnel"]]),
        "## How often it is right",
        "",
        "![Right answers and gold in the top 10 under every edit, with 95% intervals over "
        f"programs; dashed: what the kind and the name of a hole alone would give.]"
        f"({figures}/accuracy.svg)",
        "",
        *_paragraph([f"Of {golds}.", *readings["accuracy"]]),
        *_accuracy_table(numbers["accuracy"]),
        *_baseline_table(numbers["accuracy"]),
        *_change_table(numbers["changes"]),
        *_strata_table(numbers["changes"]),
        *source_lines([*predictions, *(f"split/{edit}.parquet" for edit in names)]),
        "## What the wrong answers are",
        "",
        "![Wrong answers: gold by predicted type, the commonest of each.]"
        f"({figures}/wrong_answers.svg)",
        "",
        *_paragraph([f"Of {golds}.", *readings["wrong_answers"]]),
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


def say_accuracy(edits: Sequence[Numbers], changes: Sequence[Numbers], margin: float) -> list[str]:
    """What the model has over the baselines, and what each edit does to its answers.

    edits     of `accuracy_numbers`, judged by `judge_gains`
    changes   of `change_numbers`
    margin    within which of 0 a difference of two accuracies counts as none
    """
    known = [row for row in edits if row["n"]]
    if not known:
        return ["No example was answered, so there is no accuracy to read."]
    first = next((row for row in known if row["edit"] == "original"), known[0])
    best = first["baselines"][-1]
    sentences = [
        f"Under {code(first['edit'])} the model answers {first['n_right']} of {first['n']} holes "
        f"right, {rate(first['right'])}, and has the gold in its top 10 for "
        f"{rate(first['top10'])}.",
        "Fitted on the other packages, the commonest type is right for "
        f"{percent(first['baselines'][0]['right']['estimate'])}, and what holes of the same kind "
        f"and name (the original's, which a renamed prompt lacks) have for "
        f"{percent(best['right']['estimate'])}, in the top 10 for "
        f"{percent(best['top10']['estimate'])}.",
        _over(best["gain"]["right"], "right answers", margin),
        _over(best["gain"]["top10"], "golds in the top 10", margin),
    ]
    for row in changes:
        sentences += _say_change(row, margin)
    return [*sentences, SCOPE] if changes else sentences


def say_wrong_answers(
    wrong: Sequence[Numbers], accuracy: Sequence[Numbers], margin: float
) -> list[str]:
    """What the commonest mistake is, and whether the gold is nearer than it is by chance.

    wrong      of `confusion_numbers`
    accuracy   of `accuracy_numbers` of the same edits, judged
    """
    sentences = []
    for row, rates in zip(wrong, accuracy, strict=True):
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
        best = rates["baselines"][-1]
        sentences += [
            f"Under {code(row['edit'])} {n_wrong} of {row['n']} answers are wrong; {common}.",
            f"The gold is in the model's top 10 for {rate(rates['near_if_wrong'])} of them, and in "
            "that of kind and name alone, fitted on the other packages, for "
            f"{rate(best['near_if_wrong'])}.",
            _over(best["gain"]["near_if_wrong"], "golds in the top 10 of wrong answers", margin),
        ]
    return sentences


def _over(gain: Numbers, what: str, margin: float) -> str:
    """What the model has over kind and name alone, with its verdict."""
    way = "more" if gain["estimate"] > 0 else "fewer"
    verdict = {
        Verdict.SHOWN: f"that it has {way} is shown",
        Verdict.SHOWN_ABSENT: f"a difference of {_margin(margin)} is shown to be absent",
        Verdict.UNDECIDED: f"whether it has more is undecided{say_programs(gain)}",
    }[gain["verdict"]]
    return f"Over them the model's lead in {what} is {points_changed(gain)}: {verdict}."


def _say_change(row: Numbers, margin: float) -> list[str]:
    """One edit: over programs, over packages, by stratum."""
    difference, packages = row["difference"], row["packages"]
    sentences = [
        f"{code(row['edit'])} breaks {row['n_broken']} of {row['n_right_before']} right answers "
        f"and mends {row['n_mended']}: {points_changed(difference)} over {row['n_programs']} "
        f"programs, {p_value(difference['adjusted_p'])}; {_change(difference, margin)}."
    ]
    if packages["left_out"] is None:
        sentences.append("Of one package nothing can be said about others.")
    else:
        lowest, highest = packages["left_out"]["lowest"], packages["left_out"]["highest"]
        sentences.append(
            f"With the package as the unit it is {points_changed(packages)}, "
            f"{packages['n_packages']} packages, {p_value(packages['adjusted_p'])}; "
            f"{_change(packages, margin, 'packages')}. With one package left out the change lies "
            f"between {100 * lowest['estimate']:+.1f} (without {code(lowest['package'])}) and "
            f"{100 * highest['estimate']:+.1f} points (without {code(highest['package'])})."
        )
    for verdict, text in STRATA.items():
        of_it = [stratum for stratum in row["strata"] if stratum["verdict"] == verdict]
        if of_it:
            named = ", ".join(f"{_stratum(each)} {signed_points(each)}" for each in of_it)
            sentences.append(f"{text.format(margin=_margin(margin))}: {named}.")
    return sentences


def _change(difference: Numbers, margin: float, unit: str = "programs") -> str:
    way = "worse" if difference["estimate"] < 0 else "better"
    return {
        Verdict.SHOWN: f"that the edit makes the model {way} is shown",
        Verdict.SHOWN_ABSENT: f"a change of {_margin(margin)} is shown to be absent",
        Verdict.UNDECIDED: "whether the edit changes how often it is right is undecided"
        + say_programs(difference, unit),
    }[difference["verdict"]]


def _margin(margin: float) -> str:
    return f"{100 * margin:g} points or more"


def _stratum(row: Numbers) -> str:
    return f"{row['stratum']}s" if row["by"] == "kind" else f"golds {code(row['stratum'])}"


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
    header = ["edit", "examples (programs)", "right", "gold in top 10", "the same of wrong answers"]
    rows = []
    for row in edits:
        cells = [code(row["edit"]), f"{row['n']} ({row['n_programs']})"]
        measures = [row.get(key) for key in ("right", "top10", "near_if_wrong")]
        rows.append([*cells, *(rate(value) if value else "" for value in measures)])
    return table(header, rows)


def _baseline_table(edits: Sequence[Numbers]) -> list[str]:
    """What each baseline has, and how much more the model has."""
    header = ["edit", "fitted on other packages", "measure", "%", "model minus it, points", "p"]
    rows = [
        [
            code(row["edit"]),
            KNOWS[baseline["baseline"]],
            MEASURES[measure],
            rate_cell(baseline[measure]),
            signed_points(gain),
            p_text(gain),
            gain["verdict"],
        ]
        for row in edits
        for baseline in row.get("baselines", [])
        for measure, gain in baseline["gain"].items()
    ]
    return table([*header, "verdict"], rows, n_left=3) if rows else []


def _change_table(changes: Sequence[Numbers]) -> list[str]:
    if not changes:
        return ["No edit was compared with the original.", ""]
    header = ["edit", "right before", "broken", "mended", "unit", "change", "p", "verdict"]
    rows = [
        [
            code(row["edit"]),
            f"{row['n_right_before']} of {row['n']}",
            str(row["n_broken"]),
            str(row["n_mended"]),
            f"{row[key]['n_programs']} {unit}",
            points_changed(row[key]) if row[key]["lower"] is not None else "",
            p_text(row[key]),
            row[key]["verdict"],
        ]
        for row in changes
        for key, unit in (("difference", "programs"), ("packages", "packages"))
    ]
    return table(header, rows)


def _strata_table(changes: Sequence[Numbers]) -> list[str]:
    header = ["edit", "stratum", "examples (programs)", "change, points", "p", "verdict"]
    rows = [
        [
            code(row["edit"]),
            _stratum(stratum),
            f"{stratum['n']} ({stratum['n_programs']})",
            signed_points(stratum),
            p_text(stratum),
            stratum["verdict"],
        ]
        for row in changes
        for stratum in row["strata"]
    ]
    return table(header, rows, n_left=2) if rows else []


def _wrong_tables(edits: Sequence[Numbers]) -> list[str]:
    rows = [
        [code(row["edit"]), code(pair["gold"]), code(pair["predicted"]), str(pair["n"])]
        for row in edits
        for pair in row["commonest"][:5]
    ]
    return table(["edit", "gold", "predicted", "answers"], rows, n_left=3) if rows else []
