"""The section of the report on repairs by algorithm, made from the numbers by rule."""

from fimscope.experiments.repair.numbers import WAYS
from fimscope.report.findings import Finding, verdict_of_more
from fimscope.report.format import (
    counted,
    family_power_text,
    p_text,
    percent,
    points_changed,
    rate,
    rate_cell,
    say_needed,
    signed_nats,
    signed_points,
)
from fimscope.report.sections import Section, SectionTable
from fimscope.statistics.numbers import Numbers

N_HEADS_SHOWN = 8
ANSWERS = {
    "copied annotation": "answers that copy an annotation",
    "planted name": "answers that hang on the name, as it is and with one of another type",
    "new names": "answers that new names break, with the old names and the new",
}
REPAIRS = {
    "copied annotation": "hiding it from the heads that read it",
    "planted name": "taking the name's type out at its place",
    "new names": "taking the name's type out at its place",
}
RIVALS = {
    "none": "nothing taken out",
    "other": "another annotation, hidden in the same heads",
    "random": "as many random ones",
}
WAY_NAMES = {
    "found": "found",
    "other": "another annotation",
    "random": "random",
    "all": "every head",
}
METHOD = (
    "What an algorithm reads is taken from the model in answers that come of it, wrong and right. "
    "*A copied annotation*: answers spelled as an annotation that the prompt shows. It is hidden "
    "from the last token (Geva et al. 2304.14767) in some heads alone: those whose last token "
    "gives it most attention, in the mean over such answers of `fit`. How many is the best on "
    "`select`. *A name*: examples that are right, and wrong with the name of another type in the "
    "hole's place (moved by it, as `algorithms` has it, and not by the same name for another "
    "variable), or wrong where the edit has renamed the variables. At every place of the hole's "
    "name the residual is written over: its part in the first directions between the types' means "
    "of `fit`, where names are declared, becomes that of the mean of all types. Point and rank are "
    "the best on `select`, of each kind of name. Best is the greatest net; of equal ones, that "
    "under which the gold of the wrong answers gains most."
)
CONTROL = (
    "As many random heads, and in the same heads another annotation, as far from the last token; "
    "random directions of the same rank, with a change of the same length. Beside these stands "
    "every head at once: more cannot be hidden from the last token; what tokens between have read "
    "of the annotation is left to it. The right answers have the property that the wrong ones "
    "have: what is spoilt is the price of not knowing which is which. Sign tests over programs, "
    "Holm over all tests of the net, and over those of what is moved. The first token decides."
)


def repair_section(numbers: Numbers, edit: str) -> Section:
    """The section of the report, of `repair_numbers`.

    edit   of the variants with new names
    """
    causes = numbers["causes"]
    return Section(
        title="Steering by the algorithm",
        question="Is a wrong answer mended where what its algorithm reads is taken from it: the "
        "annotation that it copies, the name that misleads it?",
        findings=[_finding(own) for own in causes],
        method=METHOD,
        control=CONTROL,
        cites=["geva2023dissecting", "holm1979procedure"],
        reading=say_repairs(numbers),
        figures=[
            (
                "repair.svg",
                "Wrong answers mended, right ones spoilt, and the net over both, on `test`; bars: "
                "95%, clustered by program",
            )
        ],
        tables=[_table(causes)] if causes else [],
        sources=[f"repair/{name}.parquet" for name in ("copies", "names", "heads")],
        numbers=numbers,
        power=family_power_text([test for own in causes for test in own["net"].values()]),
        docs="method.md#steering-by-the-algorithm",
        explorer=f"edit={edit}&outcome=wrong&group=test",
    )


def _finding(own: Numbers) -> Finding:
    beside = "; ".join(
        f"{RIVALS[control]}, more than which it is {points_changed(test)}, n = {test['n']}"
        for control, test in own["net"].items()
        if control != "none" and test["n"]
    )
    return Finding(
        f"{REPAIRS[own['cause']]} ({_setting(own)}) mends more than it spoils, in "
        f"{ANSWERS[own['cause']]}",
        verdict_of_more(own["net"]["none"]),
        f"net {points_changed(own['net']['none'])}, n = {own['net']['none']['n']}",
        beside,
    )


def _setting(own: Numbers) -> str:
    setting = own["setting"]
    if "n_heads" in setting:
        return f"{setting['n_heads']} {'head' if setting['n_heads'] == 1 else 'heads'}"
    return f"rank {setting['rank']} at point {setting['point']}"


def say_repairs(numbers: Numbers) -> list[str]:
    """Of each cause what was mended and spoilt, beside its controls; and by which heads."""
    if not numbers["causes"]:
        return ["No answer of `test` was asked: none copies, and none hangs on a name."]
    return [*(_say_cause(own) for own in numbers["causes"]), *_say_heads(numbers)]


def _say_cause(own: Numbers) -> str:
    found = own["ways"]["found"]
    mended, spoilt = (
        rate(found[key]) if found[key] else "none there" for key in ("mended", "spoilt")
    )
    beside = "; ".join(
        f"beside {RIVALS[rival]} {points_changed(test)}, {test['verdict']}"
        for rival, test in own["net"].items()
        if test["n"]
    )
    moved = "; ".join(
        f"{points_changed(test)} more than {RIVALS[control]}, {test['verdict']}"
        for control, test in own["moved"].items()
        if test["n"]
    )
    told = (
        f"{ANSWERS[own['cause']].capitalize()} ({own['n_wrong']} wrong and {own['n_right']} right "
        f"of `test`, {counted(own['n_programs'], 'program')}; chosen on {own['n_selected']} of "
        "`select`): "
        f"{REPAIRS[own['cause']]}, {_setting(own)}, mends {mended} of the wrong and spoils "
        f"{spoilt} of the right. Net {beside}. Moved to any other answer: {moved}."
    )
    if "all" in own["ways"]:
        every = own["ways"]["all"]
        of_wrong = percent(every["mended"]["estimate"]) if every["mended"] else "none there"
        told += (
            f" In every head at once it mends {of_wrong} of the wrong, net "
            f"{points_changed(every['net'])}."
        )
    needed = say_needed([("this changes their accuracy", own["net"]["none"])])
    return f"{told} {needed}".rstrip()


def _say_heads(numbers: Numbers) -> list[str]:
    if not numbers["heads"]:
        return []
    named = [
        f"{row['block']}.{row['head']} ({percent(row['weight'])})"
        for row in numbers["heads"][:N_HEADS_SHOWN]
    ]
    return [
        f"The heads by the attention that their last token gives to what the answer copies, over "
        f"{counted(numbers['n_fit'], 'answer')} of `fit` (block.head): {', '.join(named)}."
    ]


def _table(causes: list[Numbers]) -> SectionTable:
    rows = []
    for own in causes:
        for way in (way for way in WAYS if way in own["ways"]):
            values = own["ways"][way]
            test = own["net"].get("none" if way == "found" else way)
            rows.append(
                [
                    own["cause"],
                    f"{WAY_NAMES[way]}{f', {_setting(own)}' if way == 'found' else ''}",
                    *(rate_cell(values[key]) for key in ("mended", "moved", "spoilt")),
                    signed_points(values["net"]),
                    signed_nats(values["gain"]),
                    *([p_text(test), test["verdict"]] if test and test["n"] else ["", ""]),
                ]
            )
    header = ["cause", "taken out", "mended, % of the wrong", "moved, % of the wrong"]
    header += ["spoilt, % of the right", "net, points", "log p of the gold in the wrong, nats"]
    header += ["p (Holm)", "verdict"]
    return SectionTable(
        "What taking out does, on `test`",
        header,
        rows,
        n_left=2,
        note="p and verdict: of `found` its net beside 0, of another row the net of `found` minus "
        "its own.",
    )
