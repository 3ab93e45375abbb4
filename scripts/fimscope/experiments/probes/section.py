"""The probes' section of the report, its sentences made from the numbers by rule."""

import numpy as np

from fimscope.report.format import at, percent, rate_cell, say_power, spans
from fimscope.report.markdown import code
from fimscope.report.sections import Section, SectionTable
from fimscope.statistics.numbers import Numbers

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
        method=METHOD,
        control=CONTROL,
        cites=["hewitt2019control", "holm1979procedure"],
        reading=_say_findings(numbers),
        figures=[("probes.svg", "Accuracy of linear probes at every point")],
        tables=_tables(numbers),
        sources=["probes.parquet"],
        numbers=numbers,
    )


def _say_findings(numbers: Numbers) -> list[str]:
    if not numbers["curves"]:
        return ["No probe was fitted: fewer than two types have enough examples in `fit`."]
    curves, points = numbers["curves"], numbers["points"]
    sentences = []
    if "wrong" in curves:
        sentences.append(_say_wrong(numbers))
        sentences += say_power(curves["wrong"]["n_programs"], len(points))
    else:
        sentences.append("No wrong test example has a type that was probed for.")
    if "control" in curves:
        seen, control = (
            np.array(curves["seen"]["estimate"]),
            np.array(curves["control"]["estimate"]),
        )
        best = int((seen - control).argmax())
        sentences.append(
            f"On the {curves['seen']['n']} examples whose name was seen in fitting, selectivity is "
            f"greatest at point {points[best]}: {percent(seen[best])} for the gold against "
            f"{percent(control[best])} in the control task."
        )
    else:
        sentences.append("No test example's name was seen in fitting: selectivity is not known.")
    return sentences


def _say_wrong(numbers: Numbers) -> str:
    curves, points, constant = numbers["curves"], numbers["points"], numbers["constant"]
    wrong = curves["wrong"]
    best = int(np.argmax(wrong["estimate"]))
    text = (
        f"In {wrong['n']} test prompts answered wrong ({wrong['n_programs']} programs) the gold is "
        f"read off best at point {points[best]}, in {percent(wrong['estimate'][best])} (95% "
        f"{100 * wrong['lower'][best]:.1f} to {100 * wrong['upper'][best]:.1f})"
    )
    above, within = constant["points_above"], constant["points_within"]
    rest = [point for point in points if point not in above and point not in within]
    verdicts = [
        f"{words} at {spans(chosen, points)}"
        for words, chosen in (
            ("oftener", above),
            ("shown to be no oftener, to within the margin,", within),
            ("undecided", rest),
        )
        if chosen
    ]
    return (
        f"{text}; against the best constant answer, {code(constant['gold'])} in "
        f"{percent(constant['rate'])}, that is {'; '.join(verdicts)}."
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
                rate_cell(at(curve, best)),
                f"{100 * curve['estimate'][-1]:.1f}",
            ]
        )
    caption = (
        f"Accuracy of the probes of {numbers['n_labels']} types on `test`, in %, at the best point "
        "of each row (chosen on the same examples: it flatters) and at the last"
    )
    header = ["what is read", "n", "programs", "best point", "there", "last point"]
    return [SectionTable(caption, header, rows)]
