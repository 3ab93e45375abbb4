"""The section of the report on whole types, made from its numbers by rule."""

from fimscope.experiments.whole_types.numbers import ALL, GUESSES, LONGER, ONE_TOKEN, RENAMED
from fimscope.experiments.whole_types.verdicts import RIGHT
from fimscope.report.findings import Finding, more_or_less
from fimscope.report.format import (
    counted,
    p_text,
    p_value,
    percent,
    points_changed,
    rate,
    rate_cell,
    say_needed,
    signed_points,
)
from fimscope.report.markdown import code
from fimscope.report.sections import Section, SectionTable
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Verdict

COUNTED = {
    "same": "the gold's own spelling (white space and comments apart)",
    "equivalent": "the gold's own spelling or, by the compiler, another of the same type",
}
GOLDS = {
    ALL: "Of all golds",
    ONE_TOKEN: "Of golds of one token, which most other sections follow,",
    LONGER: "Of golds of more tokens",
}
# Of a guess what it is, and the golds that the findings tell of: the first is hardly ever longer.
GUESSED = {
    "name": ("the commonest type of holes of that kind and name", [ALL]),
    "shown": ("the likeliest type that the prompt shows", [ALL, LONGER]),
}
LED = {ALL: "a whole type, of any length,", LONGER: "a type of more tokens than one"}
KINDS = {  # the findings tell of, beside all golds
    ALL: "a whole type",
    "own type": "a program's own type",
    "generic": "a generic type",
}
OF_KIND = {ALL: "all golds", "own type": "programs' own types", "generic": "generic types"}


def whole_section(numbers: Numbers, right: str, max_new_tokens: int, max_examples: int) -> Section:
    """The section of the report.

    numbers   of `whole_numbers`
    right     of RIGHT: which verdicts count as right
    """
    return Section(
        title="Whole types, of any length",
        question="How often does the model complete the type, whatever the length of the gold?",
        findings=[
            *_finding_gains(numbers["edits"]["original"]),
            *(_finding(row, numbers) for row in numbers["changes"] if row["group"] in KINDS),
            *(_finding_apart(row) for row in numbers["apart"] if row["group"] == ALL),
        ],
        method=f"At most {counted(max_examples, 'hole')} drawn from all, the same under every "
        "edit, their golds of any number of tokens. The model goes on until the type has ended by "
        f"TypeScript's grammar, at most {counted(max_new_tokens, 'token')}. The compiler judges "
        "the answer in its own program: `same`, spelled alike; `equivalent`, each type assignable "
        "to the other (also with optional properties required, and with imported names, `any` and "
        "enums equal to themselves alone); `checks`, another type that brings no new error; "
        f"`fails`. Right is {COUNTED[right]}.",
        control="Two guesses: the commonest gold of holes of the same kind and name (the "
        "original's) in the other packages, of the same kind where these have none of that name; "
        "and, of the types that the prompt shows behind a colon, the commonest gold of holes of "
        "the same kind in the other packages, the first guess where it shows none. Both as a "
        "spelling, not as a type, so that they are never equivalent. The first is hardly ever a "
        "type of more tokens: that it has few of these says little. The second does not know "
        "which of the types shown are returns: one that does might do better. "
        "That a type checks says little where imports are not resolved: "
        "what is `any` to the compiler checks anywhere, and is counted apart. Intervals are 95%, "
        "clustered by program; changes and leads have t tests over programs, Holm over edits and "
        "groups (leads: and both guesses), each by itself.",
        cites=["miller2024evals", "holm1979procedure"],
        reading=[
            *(s for edit, groups in numbers["edits"].items() for s in _say_verdicts(edit, groups)),
            *(s for edit in numbers["edits"] for s in _say_changes(edit, numbers["changes"])),
            *(_say_apart(row) for row in numbers["apart"] if row["group"] in KINDS),
        ],
        figures=[
            ("whole_types.svg", "The compiler's verdicts on whole types, by edit and kind of gold.")
        ],
        tables=[
            *(_verdict_table(edit, groups) for edit, groups in numbers["edits"].items()),
            _gain_table(numbers["edits"]),
            *([_change_table(numbers["changes"])] if numbers["changes"] else []),
            *([_apart_table(numbers["apart"])] if numbers["apart"] else []),
        ],
        sources=[f"verdicts/{edit}.parquet" for edit in numbers["edits"]],
        numbers={**numbers, "counted_as_right": list(RIGHT[right])},
        power=say_needed(
            (f"{code(row['edit'])} changes how often a whole type is right", row)
            for row in numbers["changes"]
            if row["group"] == ALL
        ),
        docs="method.md#whole-types",
    )


def _finding_gains(groups: Numbers) -> list[Finding]:
    """Of the originals: how much oftener a whole type is right than a guess is."""
    return [
        Finding(
            f"{LED[group]} is right {more_or_less(row['gains'][guess])} often than {words}",
            row["gains"][guess]["verdict"],
            f"{percent(row['right']['estimate'])}, by {points_changed(row['gains'][guess])}",
            f"that guess, {percent(row['baselines'][guess])}",
        )
        for guess, (words, told) in GUESSED.items()
        for group in told
        if (row := groups.get(group))
    ]


def _finding(change: Numbers, numbers: Numbers) -> Finding:
    group = change["group"]
    before = numbers["edits"]["original"][group]["right"]
    return Finding(
        f"{code(change['edit'])} changes how often {KINDS[group]} is right",
        change["verdict"],
        f"{points_changed(change)}, n = {change['n']}",
        f"the originals, {percent(before['estimate'])}, golds of any length",
    )


def _finding_apart(row: Numbers) -> Finding:
    one, other = map(code, RENAMED)
    return Finding(
        f"{one} leaves other whole types right than {other}",
        row["verdict"],
        points_changed(row),
        f"{other}, the same holes",
    )


def _say_apart(row: Numbers) -> str:
    one, other = map(code, RENAMED)
    return (
        f"Of right answers to {OF_KIND[row['group']]} ({counted(row['n'], 'hole')}) {one} "
        f"alone breaks {row['n_only_first']}, {other} alone {row['n_only_second']}, both "
        f"{row['n_both']}; the share right differs by {points_changed(row)}, "
        f"{p_value(row['adjusted_p'])}."
    )


def _say_verdicts(edit: str, groups: Numbers) -> list[str]:
    if not groups:
        return [f"Under {code(edit)} nothing was completed."]
    every = groups[ALL]
    n = every["n_verdicts"]
    sentences = [
        f"Under {code(edit)} {n['same']} of {every['n']} answers are the gold's own spelling, "
        f"{n['equivalent']} are equivalent, {n['checks']} are another type that checks "
        f"({every['n_any']} of them `any` to the compiler) and {n['fails']} fail "
        f"({every['n_unended']} never end)."
    ]
    sentences += [
        _say_right(words, groups[group]) for group, words in GOLDS.items() if group in groups
    ]
    return sentences


def _say_right(words: str, row: Numbers) -> str:
    guessed = (
        f"{GUESSED[guess][0]} is for {percent(row['baselines'][guess])}: that this is "
        f"{'more' if gain['estimate'] < 0 else 'less'} is {gain['verdict']}"
        for guess, gain in row["gains"].items()
    )
    return (
        f"{words} {rate(row['right'])} are right ({counted(row['n'], 'hole')}); "
        f"{'; '.join(guessed)}."
    )


def _say_changes(edit: str, changes: list[Numbers]) -> list[str]:
    own = [row for row in changes if row["edit"] == edit]
    if not own:
        return []
    every = next(row for row in own if row["group"] == ALL)
    sentences = [
        f"{code(edit)} breaks {every['n_broken']} of {every['n_right_before']} right answers to "
        f"all golds and mends {every['n_mended']}: {points_changed(every)}, "
        f"{p_value(every['adjusted_p'])}; {_verdict(every)}."
    ]
    shown = [row for row in own if row["group"] != ALL and row["verdict"] == Verdict.SHOWN]
    named = ", ".join(f"{row['group']} {signed_points(row)}" for row in shown)
    sentences.append(f"By kind of gold a change is shown for: {named or 'none'}.")
    return sentences


def _verdict(row: Numbers) -> str:
    return {
        Verdict.SHOWN: f"that it makes whole types {'worse' if row['estimate'] < 0 else 'better'} "
        "is shown",
        Verdict.SHOWN_ABSENT: "a change beyond the margin is shown to be absent",
        Verdict.UNDECIDED: "whether it changes them is undecided",
    }[row["verdict"]]


def _verdict_table(edit: str, groups: Numbers) -> SectionTable:
    header = ["gold", "holes (programs)", "right, %", "same", "equivalent", "checks", "of them any"]
    rows = [
        [
            group,
            f"{row['n']} ({row['n_programs']})",
            rate_cell(row["right"]),
            *(str(row["n_verdicts"][verdict]) for verdict in ("same", "equivalent", "checks")),
            str(row["n_any"]),
            str(row["n_verdicts"]["fails"]),
            str(row["n_unended"]),
        ]
        for group, row in groups.items()
    ]
    return SectionTable(
        f"Verdicts under {code(edit)}, answers by kind of gold",
        [*header, "fails", "never end"],
        rows,
    )


def _gain_table(edits: Numbers) -> SectionTable:
    rows = [
        [code(edit), group, rate_cell(row["right"]), *_gain_cells(row)]
        for edit, groups in edits.items()
        for group, row in groups.items()
    ]
    of_guess = [
        cell
        for guess in ("kind and name", "shown")
        for cell in (f"{guess}, %", "lead", "p (Holm)", "verdict")
    ]
    return SectionTable(
        "The model's lead over two guesses: the commonest type of kind and name, the likeliest "
        "shown; points",
        ["edit", "gold", "right, %", *of_guess],
        rows,
        n_left=2,
    )


def _gain_cells(row: Numbers) -> list[str]:
    return [
        cell
        for guess in GUESSES
        for gain in (row["gains"][guess],)
        for cell in (
            f"{100 * row['baselines'][guess]:.1f}",
            *(signed_points(gain), p_text(gain), gain["verdict"]),
        )
    ]


def _apart_table(apart: list[Numbers]) -> SectionTable:
    one, other = map(code, RENAMED)
    rows = [
        [
            row["group"],
            f"{row['n']} ({row['n_programs']})",
            *(str(row[key]) for key in ("n_only_first", "n_only_second", "n_both")),
            signed_points(row),
            p_text(row),
            row["verdict"],
        ]
        for row in apart
    ]
    header = ["gold", "holes (programs)", f"{one} alone breaks", f"{other} alone", "both"]
    return SectionTable(
        f"Right under {one} minus under {other}, points",
        [*header, "difference", "p (Holm)", "verdict"],
        rows,
    )


def _change_table(changes: list[Numbers]) -> SectionTable:
    rows = [
        [
            code(row["edit"]),
            row["group"],
            f"{row['n']} ({row['n_programs']})",
            str(row["n_right_before"]),
            str(row["n_broken"]),
            str(row["n_mended"]),
            signed_points(row),
            p_text(row),
            row["verdict"],
        ]
        for row in changes
    ]
    header = ["edit", "gold", "holes (programs)", "right before", "broken", "mended"]
    return SectionTable(
        "What edits change of whole types, points",
        [*header, "change", "p (Holm)", "verdict"],
        rows,
        n_left=2,
    )
