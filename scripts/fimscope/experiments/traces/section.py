"""The section of the report on traces, made from the numbers by rule."""

from fimscope.experiments.traces.roles import ROLES
from fimscope.experiments.traces.traced import CONDITIONS
from fimscope.report.findings import Finding
from fimscope.report.format import (
    counted,
    family_power_text,
    percent,
    points_changed,
    with_interval,
)
from fimscope.report.markdown import code
from fimscope.report.sections import Section, SectionTable
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Verdict


def traces_section(numbers: Numbers) -> Section:
    return Section(
        title="Which token carries the type at which point",
        question="Where does the difference between a right original and its broken variant stand, "
        "token by token, as it goes through the model?",
        findings=_findings(numbers),
        method="Prompts of `original` and of `rename_aligned` have every token in its place, so "
        "that each token of the one can take the residual of the same token of the other, at every "
        "point asked for, in both directions (Zhang & Nanda 2309.16042). The effect is 0 at "
        "the recipient and 1 at the donor; of several tokens of one role in an example it is their "
        "mean.",
        control="The other tokens of the same prompts. Where both prompts are known to have the "
        "same residual, or nothing reads it, no patch is run and the effect is 0. Sign tests over "
        "programs against 0; Holm over all conditions, roles and points that a patch can reach.",
        cites=["zhang2023patching", "holm1979procedure"],
        reading=_say(numbers),
        figures=[
            (
                "traces.svg",
                "Mean effect of patching one token, by its role and by point.",
            )
        ],
        tables=[_table(numbers, condition) for condition in CONDITIONS if numbers["n_examples"]],
        sources=["traces.parquet"],
        numbers=numbers,
        power=family_power_text(numbers["effects"]),
        docs="method.md#token-by-token",
        explorer="outcome=broken",
    )


def _findings(numbers: Numbers) -> list[Finding]:
    """Which one token carries most of what is restored, and where, but for the last one.

    That carries nearly all of it near the end, as its patches on more pairs say.
    """
    condition = CONDITIONS[0]
    rows = [row for row in numbers["effects"] if row["condition"] == condition and row["n"]]
    rows = [row for row in rows if row["role"] != "last"]
    if not rows:
        return []
    most = max(rows, key=lambda row: row["estimate"])
    return [
        Finding(
            f"one token alone, the {code(most['role'])}, moves a broken answer towards the gold",
            most["verdict"],
            f"{with_interval(most, '.2f')} at point {most['point']}, n = {most['n']}",
            "no effect",
        )
    ]


def _say(numbers: Numbers) -> list[str]:
    if not numbers["n_examples"]:
        return ["No broken example has aligned prompts that are short enough."]
    right = numbers["accuracy"]
    change = right["difference"]
    sentences = [
        f"With names of as many tokens the model is right in {percent(right['edited'])} of "
        f"{counted(change['n'], 'example')}, unedited in {percent(right['original'])}: "
        f"{points_changed(change)}, {change['verdict']}."
    ]
    sentences += [_say_condition(numbers, condition) for condition in CONDITIONS]
    sentences.append(
        f"{counted(numbers['n_examples'], 'example')}; {numbers['n_run']:,} of "
        f"{numbers['n_patches']:,} "
        "patches had to be run, each of the tokens behind the patched one alone."
    )
    return sentences


def _say_condition(numbers: Numbers, condition: str) -> str:
    shown, most = [], []
    for role in ROLES:
        rows = [
            row
            for row in numbers["effects"]
            if (row["condition"], row["role"]) == (condition, role) and row["n"]
        ]
        if rows:
            top = max(rows, key=lambda row: row["estimate"])
            told = f"`{role}` {top['estimate']:z.2f} at point {top['point']}"
            most.append((top["estimate"], told))
        points = [
            f"{row['point']}{'' if row['estimate'] > 0 else ' (below 0)'}"
            for row in rows
            if row["verdict"] is Verdict.SHOWN
        ]
        if points:
            noun = "point" if len(points) == 1 else "points"
            shown.append(f"`{role}` at {noun} {', '.join(points)}")
    largest = "; ".join(text for _, text in sorted(most, reverse=True)[:3])
    told = "; ".join(shown) if shown else "no role at any point"
    return f"`{condition}`: the largest mean effects are {largest}; shown: {told}."


def _table(numbers: Numbers, condition: str) -> SectionTable:
    rows = []
    for role in ROLES:
        own = [
            row
            for row in numbers["effects"]
            if (row["condition"], row["role"]) == (condition, role)
        ]
        if any(row["n"] for row in own):
            most = max(row["n"] for row in own)
            rows.append([role, str(most), *(_cell(row) for row in own)])
    header = ["role", "n", *(f"point {point}" for point in numbers["points"])]
    return SectionTable(f"Mean effect of one token, `{condition}`", header, rows)


def _cell(row: Numbers) -> str:
    return with_interval(row, ".2f") if row["n"] else ""
