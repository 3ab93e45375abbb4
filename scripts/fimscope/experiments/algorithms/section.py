"""The section of the report on algorithms, made from the numbers by rule."""

from collections.abc import Mapping, Sequence
from typing import Any

from fimscope.experiments.algorithms.hypotheses import HYPOTHESES, PARTS, PLANTED_AS, READ
from fimscope.experiments.algorithms.numbers import ALL, JOINTLY, NOT_AT_ALL
from fimscope.experiments.outcomes import OUTCOMES
from fimscope.report.findings import Finding
from fimscope.report.format import (
    counted,
    family_power_text,
    p_text,
    percent,
    points_changed,
    rate_cell,
    signed_points,
)
from fimscope.report.sections import Section, SectionTable
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Verdict

MEASURES = {  # of what a change does, with the table of each
    "moved": "What moves answers under `{edit}`",
    "follows": "What turns answers into the planted type under `{edit}`",
}
N_FOUND = 3  # findings: the hypotheses that move most
MOST_SHOWN = 60  # characters of a text in the table of examples
# What stands beside a change, where it is not the same one elsewhere.
CONTROLS = {"type_of_name": "a name of the answer's own type, in the same place"}


def algorithms_section(
    numbers: Numbers, examples: Sequence[Mapping[str, Any]], min_programs: int
) -> Section:
    """The section.

    examples       of `shown_examples`
    min_programs   in which a planted name has its type, as `telling_names` has it
    """
    return Section(
        title="By which algorithm the type is found",
        question="Does an answer follow an annotation, the hole's name, the values beside it, or "
        "the uses of the name, and does a wrong answer follow another than a right one?",
        findings=_findings(numbers),
        method="Each algorithm is given something to find that only it reads, in the same examples "
        "under every edit (of `select` and `test`): the nearest annotation, or all that read like "
        "the answer, become another type; the hole's name, wherever it stands, becomes one that "
        "`fit` has for that type in most of its holes, in "
        f"{counted(min_programs, 'program')} or more, and that the model is right with there; the "
        "default or the returned values become a value of it; or the uses of the name are hidden "
        "from attention (Geva et al. 2304.14767). The type is neither the answer nor the gold and, "
        "but where a name stands for it, none that the prompt shows if there is one. The changes "
        "are made by syntax and parsed; the programs mean something else.",
        control="The same done to what the algorithm does not read: another annotation as far "
        "away or the next nearest, another variable that gets the same name, other "
        "values, as many other tokens. What moves an answer it hangs on; that it copies, "
        "or reads a type, takes that it becomes the planted one too. `all` are as many "
        "right, wrong and broken answers, not their shares of all holes. Any new name may"
        " move an answer: `type_of_name` holds the name of another type against one of "
        "the answer's own type in the same place. An answer is explained by an algorithm "
        "where the change moves it and the control does not, of those that were asked "
        "both `nearest` and `name`. Answers that got the same name are not independent, as "
        "those of one program are not: where names are planted, intervals and a t test are over "
        "programs and names at once (Cameron, Gelbach & Miller 2011; MacKinnon, Nielsen & Webb "
        "2406.08880), and a claim needs these beside the sign test over programs. Types and values "
        "are no draw but all that there are to plant; of these it is told what one less would "
        "change. Shares that are explained have intervals over programs alone. Holm over all edits "
        "and hypotheses, of all answers, and over these and the outcomes; of each of the two "
        "measures.",
        cites=[
            *("geva2023dissecting", "holm1979procedure"),
            *("cameron2011multiway", "mackinnon2024jackknife"),
        ],
        reading=_say(numbers),
        figures=[
            (
                "algorithms.svg",
                "Answers that each change and its control move, and those that become the planted "
                "type; bars: 95%, clustered by program, and by planted name",
            )
        ],
        tables=[
            *(
                table
                for edit in numbers["edits"]
                for measure, title in MEASURES.items()
                for table in _changes_table(numbers, edit, measure, title)
            ),
            *([_explained_table(numbers)] if numbers["explained"] else []),
            *([_shifts_table(numbers)] if numbers["shifts"] else []),
            *([_examples_table(examples)] if examples else []),
        ],
        sources=[f"algorithms/{edit}.parquet" for edit in numbers["edits"]],
        numbers={**numbers, "min_programs": min_programs},
        power=_power_text([row for row in numbers["changes"] if row["outcome"] == ALL]),
        docs="method.md#which-algorithm",
    )


def _power_text(rows: Sequence[Numbers]) -> str:
    """What so many programs can show, and that on names it takes more."""
    text = family_power_text([row["moved"]["over_control"] for row in rows])
    of_names = [row for row in rows if PLANTED_AS.get(row["hypothesis"]) == "name"]
    if not (text and of_names):
        return text
    n_names = max(row["n_planted"] for row in of_names)
    return f"{text} A claim on names is over {counted(n_names, 'name')} at most, and takes more."


def _findings(numbers: Numbers) -> list[Finding]:
    """Of the originals' answers: by which algorithms they are found, those that move most first."""
    rows = _rows(numbers, numbers["edits"][0], ALL) if numbers["changes"] else []
    by_size = sorted(rows, key=lambda row: -abs(row["moved"]["over_control"]["estimate"]))
    return [
        Finding(
            f"an answer {_claim(row)}",
            row["moved"]["over_control"]["verdict"],
            f"{points_changed(row['moved']['over_control'])} moved, n = {row['n']}{_followed(row)}",
            CONTROLS.get(row["hypothesis"], "the same change elsewhere"),
        )
        for row in by_size[:N_FOUND]
    ]


def _claim(row: Numbers) -> str:
    """What an answer is shown to do, or may do; where the control moves more, the contrary."""
    moved, read = row["moved"]["over_control"], READ[row["hypothesis"]]
    is_less = moved["verdict"] is Verdict.SHOWN and moved["estimate"] < 0
    return f"is moved less than its control by {read}" if is_less else f"hangs on {read}"


def _followed(row: Numbers) -> str:
    """Whether it also becomes the planted type, which the algorithm that is asked for predicts."""
    if not row["follows"]:
        return ""
    over = row["follows"]["over_control"]
    return f"; {points_changed(over)} to the planted type, {over['verdict']}"


def _say(numbers: Numbers) -> list[str]:
    if not numbers["changes"]:
        return ["No example has a change and its control."]
    sentences = [_say_edit(numbers, edit) for edit in numbers["edits"] if _rows(numbers, edit, ALL)]
    if numbers["shifts"]:
        sentences.append(_say_shifts(numbers))
    return sentences + _say_outcomes(numbers)


def _rows(numbers: Numbers, edit: str, outcome: str) -> list[Numbers]:
    return [row for row in numbers["changes"] if (row["edit"], row["outcome"]) == (edit, outcome)]


def _say_outcomes(numbers: Numbers) -> list[str]:
    """Whether what moves most answers moves right, wrong and broken ones alike."""
    sentences = []
    for edit in numbers["edits"]:
        shown = [
            row
            for row in _rows(numbers, edit, ALL)
            if row["moved"]["over_control"]["verdict"] is Verdict.SHOWN
        ]
        for each in shown:
            told = [
                f"{outcome} {signed_points(row['moved']['over_control'])} of {row['n']}"
                for outcome in OUTCOMES
                for row in _rows(numbers, edit, outcome)
                if row["hypothesis"] == each["hypothesis"]
            ]
            sentences.append(
                f"By outcome `{each['hypothesis']}` moves over its control, under `{edit}`, in "
                f"points: {'; '.join(told)}."
            )
    return sentences


def _say_edit(numbers: Numbers, edit: str) -> str:
    """Which changes move answers more than their controls, and where to."""
    rows = _rows(numbers, edit, ALL)
    by_verdict: dict[Verdict, list[str]] = {}
    for row in rows:
        moved = row["moved"]["over_control"]
        verdict = moved["verdict"]
        if verdict is Verdict.SHOWN:
            text = f"{_claim(row)}, {signed_points(moved)} points moved{_without_one(row)}"
            if row["follows"]:
                to = row["follows"]
                text += (
                    f", {percent(to['rate']['estimate'])} to the planted type against "
                    f"{percent(to['control']['estimate'])} ({to['over_control']['verdict']})"
                )
        else:
            text = _claim(row)
        by_verdict.setdefault(verdict, []).append(text)
    parts = [
        f"{verdict} that an answer {'; '.join(found)}"
        for verdict in (Verdict.SHOWN, Verdict.SHOWN_ABSENT, Verdict.UNDECIDED)
        if (found := by_verdict.get(verdict))
    ]
    found = {row["hypothesis"] for row in rows}
    lacking = ", ".join(f"`{name}`" for name in HYPOTHESES if name not in found)
    told = f"Under `{edit}` it is {'. It is '.join(parts)}."
    told += _say_explained(numbers, edit)
    return f"{told} No example has what it takes for {lacking}." if lacking else told


def _without_one(row: Numbers) -> str:
    """What is moved over the control without one name, type or value that was planted."""
    left_out = row["moved"]["left_out"]
    if left_out is None:
        return ""
    low, high = (f"{100 * left_out[end]['estimate']:+.1f}" for end in ("lowest", "highest"))
    return f" ({low} to {high} without one of the {row['n_planted']} planted)"


def _say_explained(numbers: Numbers, edit: str) -> str:
    """What the changes explain of the answers that were asked the usual ones."""
    of_it = [row for row in numbers["explained"] if (row["edit"], row["outcome"]) == (edit, ALL)]
    if not of_it:
        return ""
    [explained] = of_it
    shares = explained["shares"]
    alone = [(shares[name]["estimate"], name) for name in HYPOTHESES if name in shares]
    most, name = max(alone)
    return (
        f" Of {counted(explained['n'], 'answer')} that were asked both of the name and of an "
        "annotation, one "
        f"algorithm alone explains {percent(sum(share for share, _ in alone))} (most: "
        f"`{name}`, {percent(most)}), several {percent(shares[JOINTLY]['estimate'])}, none "
        f"{percent(shares[NOT_AT_ALL]['estimate'])}: what frequency would leave unmoved, and what "
        "reads anything else."
    )


def _say_shifts(numbers: Numbers) -> str:
    first, second = numbers["edits"][:2]
    told = [
        f"`{row['hypothesis']}` {signed_points(row)} points, {row['verdict']}"
        for row in numbers["shifts"]
        if row["n"]
    ]
    return (
        f"From `{first}` to `{second}`, in the examples that have a change under both, what is "
        f"moved over its control changes by: {'; '.join(told)}."
    )


def _changes_table(numbers: Numbers, edit: str, measure: str, title: str) -> list[SectionTable]:
    """The rows that have the measure, each beside its control."""
    rows = [
        [
            row["outcome"],
            row["hypothesis"],
            f"{row['n']} ({', '.join(map(str, _units(row)))})",
            *_measure_cells(row[measure]),
        ]
        for row in numbers["changes"]
        if row["edit"] == edit and row[measure]
    ]
    header = ["answers", "change", "n (programs, planted)", "changed, %", "control, %"]
    header += ["over control, points", "p (Holm)", "verdict"]
    return [SectionTable(title.format(edit=edit), header, rows, n_left=2)] if rows else []


def _units(row: Numbers) -> list[int]:
    """How many programs there are, and how many names, types or values were planted in them."""
    return [n for n in (row["n_programs"], row["n_planted"]) if n is not None]


def _measure_cells(measure: Numbers) -> list[str]:
    difference = measure["over_control"]
    return [
        rate_cell(measure["rate"]),
        rate_cell(measure["control"]),
        signed_points(difference),
        p_text(difference),
        difference["verdict"],
    ]


def _explained_table(numbers: Numbers) -> SectionTable:
    names = (*(name for name in HYPOTHESES if name not in PARTS), JOINTLY, NOT_AT_ALL)
    rows = [
        [
            row["edit"],
            row["outcome"],
            f"{row['n']} ({row['n_programs']})",
            *(rate_cell(row["shares"].get(name)) for name in names),
        ]
        for row in numbers["explained"]
    ]
    caption = "Which change alone moves an answer that its control does not, in %"
    return SectionTable(caption, ["edit", "answers", "n (programs)", *names], rows, n_left=2)


def _shifts_table(numbers: Numbers) -> SectionTable:
    rows = [
        [row["hypothesis"], str(row["n"]), signed_points(row), p_text(row), row["verdict"]]
        for row in numbers["shifts"]
    ]
    first, second = numbers["edits"][:2]
    caption = f"Moved over control under `{second}` minus under `{first}`, points"
    return SectionTable(caption, ["change", "n", "difference", "p (Holm)", "verdict"], rows)


def _examples_table(examples: Sequence[Mapping[str, Any]]) -> SectionTable:
    rows = [
        [
            f"`{row['example_id'][:8]}`",
            row["outcome"],
            _code(row["name"]),
            _code(row["gold"]),
            _code(row["answer"]),
            row["hypothesis"],
            f"{_code(row['old'])} becomes {_code(row['new'])}",
            _code(row["predicted"]),
            f"{_code(row['control']['old'])} becomes {_code(row['control']['new'])}",
            _code(row["control"]["predicted"]),
        ]
        for row in examples
    ]
    header = ["example", "answer is", "hole", "gold", "answer", "change for", "what changes"]
    header += ["answer then", "in the control", "answer then"]
    caption = (
        f"{counted(len(rows), 'example')} of `{examples[0]['edit']}`: each change of each "
        "outcome in turn, the first by its key"
    )
    return SectionTable(caption, header, rows, n_left=len(header))


def _code(text: str | None) -> str:
    """A text of a program for a cell of a table: one line, not too long, no mark-up of its own."""
    line = " ".join((text or "").split()).replace("`", "'").replace("|", "¦")
    return f"`{line if len(line) <= MOST_SHOWN else line[: MOST_SHOWN - 1] + '…'}`" if line else ""
