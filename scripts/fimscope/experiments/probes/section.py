"""The probes' section of the report, its sentences made from the numbers by rule."""

from collections.abc import Sequence

import numpy as np

from fimscope.experiments.probes.numbers import CONTROLS
from fimscope.report.findings import Finding, verdict_of_many
from fimscope.report.format import (
    at,
    counted,
    p_text,
    percent,
    points_changed,
    power_text,
    rate,
    rate_at,
    rate_cell,
    signed_points,
    spans,
)
from fimscope.report.markdown import code
from fimscope.report.sections import Section, SectionTable
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Verdict

# curve -> its name in words
CURVES = {
    "right": "answered right: the gold",
    "wrong": "answered wrong: the gold",
    "answer": "answered wrong: the model's answer",
    "seen": "name seen: the gold",
    "control": "name seen: control task",
}
# control of the gold in wrong examples -> its name in words
CONTROL_WORDS = {
    "name": "commonest type of kind and name",
    "constant": "best constant answer",
}
QUESTION = "Can the gold type be read off the residual stream, even where the model says another?"
METHOD = (
    "At every point a linear probe (multinomial logistic regression, L2) of the residual at the "
    "last token, fitted on the originals and variants of `fit`, right and wrong alike, with the "
    "penalty that is best on `select`, is tested on `test`. Types with too few examples to fit "
    "(`probe.min_examples`) are not probed for. That a type can be read off does not say that the "
    "model uses it: that is what patching and steering ask."
)
CONTROL = (
    "The control task of Hewitt & Liang (1909.03368): the same probe where each name in front of "
    "the hole has one random type, drawn with the golds' shares, tested on the examples whose name "
    "was seen in fitting; the accuracy beyond it is the probe's selectivity. For wrong examples "
    "also two answers that need no residual: the best constant one, and the commonest type of the "
    "hole's kind and name in other packages, of those that the probe chooses from. The name is the "
    "original's, even where the edit has renamed it. The claim is shown where the probe "
    "is oftener right than both at one point, by exact sign tests over programs, adjusted over all "
    "points and both controls (Holm)."
)


def probe_section(numbers: Numbers) -> Section:
    return Section(
        title="What a probe can read",
        question=QUESTION,
        findings=_findings(numbers),
        method=METHOD,
        control=CONTROL,
        cites=["hewitt2019control", "holm1979procedure"],
        reading=_say_findings(numbers),
        figures=[("probes.svg", "Accuracy of linear probes at every point")],
        tables=_tables(numbers),
        sources=["probes.parquet"],
        numbers=numbers,
        power=_say_power(numbers),
        docs="method.md#looking-inside",
        explorer="outcome=wrong&group=test",
    )


def _findings(numbers: Numbers) -> list[Finding]:
    """That a probe reads the gold of wrong answers oftener than either control has it."""
    if "wrong" not in numbers["curves"]:
        return []
    wrong, points = numbers["curves"]["wrong"], numbers["points"]
    best = int(np.argmax(wrong["estimate"]))
    found = _points_by_verdict(numbers, points)
    shown = found[Verdict.SHOWN]
    control = max(CONTROLS, key=lambda name: numbers[name]["rate"])
    gain = points_changed(at(numbers[control], best))
    number = f"{rate(at(wrong, best))} at point {points[best]}, the best, by {gain}"
    return [
        Finding(
            "a probe reads the gold where the model says another",
            verdict_of_many(verdict for verdict, chosen in found.items() if chosen),
            f"{number}, shown at {spans(shown, points)}" if shown else number,
            _say_control(numbers, control),
        )
    ]


def _say_control(numbers: Numbers, control: str) -> str:
    of_type = f" ({code(numbers[control]['gold'])})" if control == "constant" else ""
    return f"the {CONTROL_WORDS[control]}{of_type}, {percent(numbers[control]['rate'])}"


def _points_by_verdict(compared: Numbers, points: Sequence[int]) -> dict[Verdict, list[int]]:
    """The points by the verdict on the probe beside one control, or beside both.

    compared   points_above, points_within
    """
    above, within = compared["points_above"], compared["points_within"]
    rest = [point for point in points if point not in above and point not in within]
    return {Verdict.SHOWN: above, Verdict.SHOWN_ABSENT: within, Verdict.UNDECIDED: rest}


def _say_power(numbers: Numbers) -> str:
    wrong = numbers["curves"].get("wrong")
    n_tests = len(CONTROLS) * len(numbers["points"])
    return power_text(wrong["n_programs"], n_tests) if wrong else ""


def _say_findings(numbers: Numbers) -> list[str]:
    if not numbers["curves"]:
        return ["No probe was fitted: fewer than two types have enough examples in `fit`."]
    curves, points = numbers["curves"], numbers["points"]
    sentences = []
    if "wrong" in curves:
        sentences += _say_wrong(numbers)
    else:
        sentences.append("No wrong test example has a type that was probed for.")
    if "control" in curves:
        seen, control = (
            np.array(curves["seen"]["estimate"]),
            np.array(curves["control"]["estimate"]),
        )
        best = int((seen - control).argmax())
        sentences.append(
            f"On the {counted(curves['seen']['n'], 'example')} whose name was seen in fitting, "
            "selectivity is "
            f"greatest at point {points[best]}: {percent(seen[best])} for the gold against "
            f"{percent(control[best])} in the control task."
        )
    else:
        sentences.append("No test example's name was seen in fitting: selectivity is not known.")
    return sentences


def _say_wrong(numbers: Numbers) -> list[str]:
    """A sentence for each control, the one that is right oftener first."""
    wrong, points = numbers["curves"]["wrong"], numbers["points"]
    words = {
        Verdict.SHOWN: "oftener right",
        Verdict.SHOWN_ABSENT: "shown to be right no oftener, to within the margin,",
        Verdict.UNDECIDED: "undecided",
    }
    start = (
        f"In {counted(wrong['n'], 'test prompt')} answered wrong "
        f"({counted(wrong['n_programs'], 'program')}), against "
    )
    sentences = []
    for control in sorted(CONTROLS, key=lambda name: -numbers[name]["rate"]):
        verdicts = [
            f"{words[verdict]} at {spans(chosen, points)}"
            for verdict, chosen in _points_by_verdict(numbers[control], points).items()
            if chosen
        ]
        said = f"{_say_control(numbers, control)}, the probe is {'; '.join(verdicts)}."
        sentences.append((start if not sentences else "Against ") + said)
    return sentences


def _tables(numbers: Numbers) -> list[SectionTable]:
    if not numbers["curves"]:
        return []
    rows = []
    for name, curve in numbers["curves"].items():
        best = int(np.argmax(curve["estimate"]))
        rows.append(
            [
                CURVES[name],
                str(curve["n"]),
                str(curve["n_programs"]),
                str(numbers["points"][best]),
                rate_cell(rate_at(curve, best)),
                f"{100 * curve['estimate'][-1]:.1f}",
            ]
        )
    caption = (
        f"Accuracy on `test` of the probes, fitted to {counted(numbers['n_labels'], 'type')}, in %"
    )
    note = "There: at the best point of the row, chosen on the same examples, which flatters."
    header = ["what is read", "n", "programs", "best point", "there", "last point"]
    found = [SectionTable(caption, header, rows, note=note)]
    return [*found, _control_table(numbers)] if "wrong" in numbers["curves"] else found


def _control_table(numbers: Numbers) -> SectionTable:
    """The probe less each control on wrong examples, at the probe's best point."""
    best = int(np.argmax(numbers["curves"]["wrong"]["estimate"]))
    rows = [
        [
            CONTROL_WORDS[control],
            f"{100 * numbers[control]['rate']:.1f}",
            str(numbers["points"][best]),
            signed_points(at(numbers[control], best)),
            p_text({"adjusted_p": numbers[control]["adjusted_p"][best]}),
        ]
        for control in CONTROLS
    ]
    caption = "Examples of `test` answered wrong: the probe beside what needs no residual"
    header = ["control", "%", "best point", "probe minus it there, points", "p"]
    return SectionTable(caption, header, rows)
