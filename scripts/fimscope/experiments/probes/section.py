"""The probes' section of the report, its sentences made from the numbers by rule."""

import numpy as np

from fimscope.report.findings import Finding, verdict_of_many
from fimscope.report.format import at, counted, percent, power_text, rate, rate_at, rate_cell, spans
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
    "also the best constant answer, by an exact sign test over programs at each point, adjusted "
    "over all points (Holm)."
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
    """That a probe reads the gold of wrong answers oftener than a constant answer has it."""
    if "wrong" not in numbers["curves"]:
        return []
    wrong, constant = numbers["curves"]["wrong"], numbers["constant"]
    best = int(np.argmax(wrong["estimate"]))
    found = _points_by_verdict(numbers)
    shown = found[Verdict.SHOWN]
    number = f"{rate(at(wrong, best))} at point {numbers['points'][best]}, the best"
    return [
        Finding(
            "a probe reads the gold where the model says another",
            verdict_of_many(verdict for verdict, points in found.items() if points),
            f"{number}, shown at {spans(shown, numbers['points'])}" if shown else number,
            f"{code(constant['gold'])} for all, {percent(constant['rate'])}",
        )
    ]


def _points_by_verdict(numbers: Numbers) -> dict[Verdict, list[int]]:
    """The points by the verdict on the probe beside the best constant answer."""
    above, within = numbers["constant"]["points_above"], numbers["constant"]["points_within"]
    rest = [point for point in numbers["points"] if point not in above and point not in within]
    return {Verdict.SHOWN: above, Verdict.SHOWN_ABSENT: within, Verdict.UNDECIDED: rest}


def _say_power(numbers: Numbers) -> str:
    wrong = numbers["curves"].get("wrong")
    return power_text(wrong["n_programs"], len(numbers["points"])) if wrong else ""


def _say_findings(numbers: Numbers) -> list[str]:
    if not numbers["curves"]:
        return ["No probe was fitted: fewer than two types have enough examples in `fit`."]
    curves, points = numbers["curves"], numbers["points"]
    sentences = []
    if "wrong" in curves:
        sentences.append(_say_wrong(numbers))
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


def _say_wrong(numbers: Numbers) -> str:
    curves, points, constant = numbers["curves"], numbers["points"], numbers["constant"]
    wrong = curves["wrong"]
    words = {
        Verdict.SHOWN: "oftener right",
        Verdict.SHOWN_ABSENT: "shown to be right no oftener, to within the margin,",
        Verdict.UNDECIDED: "undecided",
    }
    verdicts = [
        f"{words[verdict]} at {spans(chosen, points)}"
        for verdict, chosen in _points_by_verdict(numbers).items()
        if chosen
    ]
    return (
        f"In {wrong['n']} test prompts answered wrong "
        f"({counted(wrong['n_programs'], 'program')}), against "
        f"the best constant answer, {code(constant['gold'])}, the probe is "
        f"{'; '.join(verdicts)}."
    )


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
    return [SectionTable(caption, header, rows, note=note)]
