"""The summary's parts on accuracy: what came through, how often it is right, what is wrong."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from fimscope.report.findings import Finding, more_or_less
from fimscope.report.format import (
    between_left_out,
    by_package,
    counted,
    p_text,
    percent,
    points_by_package,
    points_changed,
    rate,
    rate_cell,
    rate_or_count,
    say_needed,
    signed_points,
)
from fimscope.report.markdown import code
from fimscope.report.sections import Section, SectionTable
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Verdict

# For whom the two intervals of an edit speak.
SCOPE = (
    "An interval over programs speaks of new programs of these packages; one over packages speaks "
    "of new packages, as far as these are a draw of them."
)
# What tells a baseline its answer, and of which holes that is the commonest type.
TELLS = {"commonest": "frequency tells", "kind": "kind tells", "name": "kind and name tell"}
OF_HOLES = {"commonest": "", "kind": " of that kind", "name": " of that kind and name"}
STRATA = {
    Verdict.SHOWN: "A change is shown by stratum, in points, for",
    Verdict.SHOWN_ABSENT: "A change of {margin} is shown to be absent for",
    Verdict.UNDECIDED: "Undecided by stratum, in points",
}
KNOWS = {"commonest": "frequency", "kind": "and kind", "name": "and name"}
MEASURES = {"right": "right", "top10": "top 10", "near_if_wrong": "top 10 of wrong answers"}
CHECKED = ("holes", "variants", "verified", "answered")  # stages that may lose a hole
NEEDS = {"answered": "; a gold of several tokens has a prompt with `prompt.golds: all` alone"}


def accuracy_sections(numbers: Numbers, golds: str, margin: float) -> list[Section]:
    """What came through, how often it is right, what the wrong answers are.

    numbers   of `summary_numbers`
    golds     which golds they speak of, in words
    margin    within which of 0 a difference of two accuracies counts as none
    """
    accuracy, changes, wrong = (numbers[key] for key in ("accuracy", "changes", "wrong_answers"))
    names = [row["edit"] for row in accuracy]
    predictions = [f"predictions/{edit}.parquet" for edit in names]
    return [
        Section(
            title="What came through",
            question="How much of the source reaches an answer, and where is the rest lost?",
            findings=[],
            method=f"From `answered` on, of {golds}. Variants are what the edit made, verified "
            "what the compiler confirmed, answered what fits the window and has a gold that "
            "counts (`prompt.golds`), broken what was right in the original and is wrong now.",
            control="These are counts. All that is left out has its reason in `rejected.parquet`.",
            cites=[],
            reading=say_funnel(numbers["funnel"]),
            figures=[("funnel.svg", "Programs and holes that reach every stage.")],
            tables=[_funnel_table(numbers["funnel"])],
            sources=[*(f"funnel/{edit}.parquet" for edit in numbers["funnel"]), "rejected.parquet"],
            numbers={},
            docs="source.md",
            explorer="edit=original",
        ),
        Section(
            title="How often it is right",
            question="How often is the model right, does it know more than frequency tells, and "
            "what do the edits do to it?",
            findings=[*_knowledge_findings(accuracy, golds), *map(_change_finding, changes)],
            method=f"Of {golds}. A gold of one token is answered by the first token that the "
            "model says, any other by the whole type it completes. Rates have intervals of 95%, "
            "clustered by program; differences a t test of that kind, over packages too. " + SCOPE,
            control="What frequency alone would give, fitted on the other packages: the commonest "
            "type, that of holes of the same kind, and of the same kind and name (the original's, "
            "which a renamed prompt lacks). Edited programs stand beside their originals. All "
            "p-values of a table are adjusted together (Holm).",
            cites=["miller2024evals", "holm1979procedure"],
            reading=say_accuracy(accuracy, changes, margin),
            figures=[
                (
                    "accuracy.svg",
                    "Right answers and gold in the top 10 under every edit, with 95% intervals "
                    "over programs; dashed: what the kind and the name of a hole alone would give.",
                )
            ],
            tables=[
                _accuracy_table(accuracy),
                _change_table(changes),
                _baseline_table(accuracy),
                _strata_table(changes),
            ],
            sources=[*predictions, *(f"split/{edit}.parquet" for edit in names)],
            numbers={},
            power=say_needed((_changes(row), row["difference"]) for row in changes),
            docs="method.md#questions-to-the-model",
            explorer="outcome=broken",
        ),
        Section(
            title="What the wrong answers are",
            question="What does it say where it is wrong, and is the gold near?",
            findings=_nearness_findings(accuracy),
            method=f"Of {golds}. Wrong answers by gold and prediction. The gold is near where "
            "its first token is among the ten likeliest.",
            control="The ten commonest types, of all holes, of those of the same kind, or of the "
            "same kind and name, fitted on the other packages: whichever hold the gold oftenest.",
            cites=[],
            reading=say_wrong_answers(wrong),
            figures=[
                ("wrong_answers.svg", "Wrong answers: gold by predicted type, the commonest.")
            ],
            tables=[_wrong_table(wrong)],
            sources=predictions,
            numbers={},
            docs="method.md#questions-to-the-model",
            explorer="outcome=wrong",
        ),
    ]


def _answered(accuracy: Sequence[Numbers]) -> list[Numbers]:
    return [row for row in accuracy if row["n"]]


def _originals(accuracy: Sequence[Numbers]) -> Numbers | None:
    """The originals' row; None without answers."""
    return next((row for row in _answered(accuracy) if row["edit"] == "original"), None)


def _hardest(row: Numbers, measure: str) -> Numbers:
    """The baseline that is best at a measure, which a lead has to be over: a look at kind or name
    may cost it, where the other packages have few of them."""
    baselines = reversed(row["baselines"])
    return max(baselines, key=lambda own: own[measure]["estimate"])


def _knowledge_findings(accuracy: Sequence[Numbers], golds: str) -> list[Finding]:
    """Of the originals: how much oftener it is right than the best baseline."""
    if not (row := _originals(accuracy)):
        return []
    best = _hardest(row, "right")
    gain = best["gain"]["right"]
    claim = f"it is right {more_or_less(gain)} often than {TELLS[best['baseline']]}"
    number = f"{percent(row['right']['estimate'])}, by {points_changed(gain)}, {golds}"
    control = f"the commonest type{OF_HOLES[best['baseline']]}"
    return [Finding(claim, gain["verdict"], number, control)]


def _changes(row: Numbers) -> str:
    """The claim on an edit."""
    difference = row["difference"]
    if difference["verdict"] != Verdict.SHOWN:
        return f"{code(row['edit'])} changes how often it is right"
    return f"{code(row['edit'])} makes it {'worse' if difference['estimate'] < 0 else 'better'}"


def _change_finding(row: Numbers) -> Finding:
    return Finding(
        _changes(row),
        row["difference"]["verdict"],
        points_by_package(row["difference"], row["packages"]),
        "the same holes before the edit",
    )


def _nearness_findings(accuracy: Sequence[Numbers]) -> list[Finding]:
    """Of the originals answered wrong: the model's top 10 beside that of the best baseline."""
    row = _originals(accuracy)
    if not row or not row["near_if_wrong"]:
        return []
    best = _hardest(row, "near_if_wrong")
    gain = best["gain"]["near_if_wrong"]
    claim = f"where it is wrong, its top 10 hold the gold {more_or_less(gain)} often"
    control = f"the ten commonest types{OF_HOLES[best['baseline']]}"
    return [Finding(claim, gain["verdict"], points_changed(gain), control)]


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
            sentence += f"; most are lost from {before} to {after} ({lost}{NEEDS.get(after, '')})"
        sentences.append(sentence + ".")
        if edit != "original" and not n.get("broken"):
            sentences.append(f"{code(edit)} breaks no answer: there is nothing to restore.")
    return sentences or ["No edit was counted."]


def say_accuracy(edits: Sequence[Numbers], changes: Sequence[Numbers], margin: float) -> list[str]:
    """What the model and the baselines have, and what each edit breaks and mends.

    edits     of `accuracy_numbers`, judged by `judge_gains`
    changes   of `change_numbers`
    margin    within which of 0 a difference of two accuracies counts as none
    """
    known = _answered(edits)
    if not known:
        return ["No example was answered, so there is no accuracy to read."]
    first = next((row for row in known if row["edit"] == "original"), known[0])
    frequency, name, near = first["baselines"][0], first["baselines"][-1], _hardest(first, "top10")
    sentences = [
        f"Under {code(first['edit'])} the model answers {first['n_right']} of "
        f"{counted(first['n'], 'hole')} "
        f"right, {rate(first['right'])}; the commonest type would be right for "
        f"{percent(frequency['right']['estimate'])}, that of the same kind and name "
        f"for {percent(name['right']['estimate'])}.",
        f"The gold is in its top 10 for {rate(first['top10'])}, and among the ten "
        f"commonest types{OF_HOLES[near['baseline']]} for {percent(near['top10']['estimate'])}. "
        + _over(near["gain"]["top10"], "golds in the top 10", margin),
    ]
    for row in changes:
        sentences += _say_change(row, margin)
    return sentences


def say_wrong_answers(wrong: Sequence[Numbers]) -> list[str]:
    """What the commonest mistake is; numbers of `confusion_numbers`."""
    sentences = []
    for row in wrong:
        n_wrong = row["n_wrong"]
        if not n_wrong:
            verdict = "no answer is wrong" if row["n"] else "there is no answer"
            sentences.append(f"Under {code(row['edit'])} {verdict}.")
            continue
        top = row["commonest"][0]
        if top["n"] == 1 and n_wrong > 1:
            common = "each mistake is made once"
        else:
            common = (
                f"the commonest mistake is {code(top['predicted'])} for {code(top['gold'])} "
                f"({top['n']}, {percent(top['n'] / n_wrong)})"
            )
        sentences.append(
            f"Under {code(row['edit'])} {n_wrong} of {row['n']} answers are wrong; {common}."
        )
    return sentences


def _over(gain: Numbers, what: str, margin: float) -> str:
    """What the model has over a baseline, with its verdict."""
    verdict = {
        Verdict.SHOWN: f"that it has {'more' if gain['estimate'] > 0 else 'fewer'} is shown",
        Verdict.SHOWN_ABSENT: f"a difference of {_margin(margin)} is shown to be absent",
        Verdict.UNDECIDED: "whether it has more is undecided",
    }[gain["verdict"]]
    return f"The model's lead in {what} is {points_changed(gain)}: {verdict}."


def _say_change(row: Numbers, margin: float) -> list[str]:
    """One edit: what it breaks and mends, over packages, by stratum."""
    packages = row["packages"]
    sentences = [
        f"{code(row['edit'])} breaks {row['n_broken']} of {row['n_right_before']} right answers "
        f"and mends {row['n_mended']}."
    ]
    if packages["left_out"] is None:
        sentences.append("Of one package nothing can be said about others.")
    else:
        sentences.append(
            f"With one of {packages['n_packages']} packages left out the change lies "
            f"{between_left_out(packages['left_out'])}."
        )
    for verdict, text in STRATA.items():
        of_it = [stratum for stratum in row["strata"] if stratum["verdict"] == verdict]
        if of_it:
            named = "; ".join(map(_say_stratum, of_it))
            sentences.append(f"{text.format(margin=_margin(margin))}: {named}.")
    return sentences


def _say_stratum(row: Numbers) -> str:
    packages = by_package(row["packages"])
    return f"{_stratum(row)} {signed_points(row)}{f' [{packages}]' if packages else ''}"


def _margin(margin: float) -> str:
    return f"{100 * margin:g} points or more"


def _stratum(row: Numbers) -> str:
    return f"{row['stratum']}s" if row["by"] == "kind" else f"golds {code(row['stratum'])}"


def _funnel_table(funnel: Mapping[str, Sequence[Numbers]]) -> SectionTable:
    counts = {
        edit: {s["stage"]: f"{s['n_rows']} ({s['n_programs']})" for s in stages}
        for edit, stages in funnel.items()
    }
    stages = list(dict.fromkeys(stage for found in counts.values() for stage in found))
    rows = [[stage, *(found.get(stage, "") for found in counts.values())] for stage in stages]
    return SectionTable("Rows (programs) at every stage", ["stage", *map(code, counts)], rows)


def _accuracy_table(edits: Sequence[Numbers]) -> SectionTable:
    header = ["edit", "examples (programs)", "right", "gold in top 10", "the same of wrong answers"]
    rows = []
    for row in edits:
        cells = [code(row["edit"]), f"{row['n']} ({row['n_programs']})"]
        measures = [row.get(key) for key in ("right", "top10", "near_if_wrong")]
        rows.append([*cells, *(rate_or_count(value) if value else "" for value in measures)])
    return SectionTable("Accuracy under every edit", header, rows)


def _baseline_table(edits: Sequence[Numbers]) -> SectionTable:
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
    return SectionTable("What frequency alone would give", [*header, "verdict"], rows, n_left=3)


def _change_table(changes: Sequence[Numbers]) -> SectionTable:
    header = ["edit", "right before", "broken", "mended", "unit", "change", "p", "verdict"]
    rows = [
        [
            code(row["edit"]),
            f"{row['n_right_before']} of {row['n']}",
            str(row["n_broken"]),
            str(row["n_mended"]),
            *cells,
        ]
        for row in changes
        for cells in _unit_cells(row["difference"], row["packages"])
    ]
    return SectionTable("What each edit changes", header, rows)


def _strata_table(changes: Sequence[Numbers]) -> SectionTable:
    header = ["edit", "stratum", "examples", "unit", "change", "p", "verdict"]
    rows = [
        [code(row["edit"]), _stratum(stratum), str(stratum["n"]), *cells]
        for row in changes
        for stratum in row["strata"]
        for cells in _unit_cells(stratum, stratum["packages"])
    ]
    return SectionTable("The change by stratum", header, rows, n_left=2)


def _unit_cells(programs: Numbers, packages: Numbers) -> list[list[str]]:
    """Unit, change, p and verdict of a difference: over programs, then over packages."""
    return [
        [
            f"{row['n_programs']} {unit}",
            points_changed(row) if row["lower"] is not None else "",
            p_text(row),
            row["verdict"],
        ]
        for row, unit in ((programs, "programs"), (packages, "packages"))
    ]


def _wrong_table(edits: Sequence[Numbers]) -> SectionTable:
    rows = [
        [code(row["edit"]), code(pair["gold"]), code(pair["predicted"]), str(pair["n"])]
        for row in edits
        for pair in row["commonest"][:5]
    ]
    header = ["edit", "gold", "predicted", "answers"]
    return SectionTable("The commonest mistakes", header, rows, n_left=3)
