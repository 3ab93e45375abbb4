"""What the probes found: numbers for the figure, and the section of the report."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fimscope.report.format import at, percent, rate_cell, say_power
from fimscope.report.sections import Section, SectionTable
from fimscope.statistics.numbers import Numbers, number, significant
from fimscope.statistics.stats import LEVEL, holm, rate_interval, resample_means, sign_test

Row = Mapping[str, Any]

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


def probe_numbers(rows: Sequence[Row], n_draws: int, seed: int) -> Numbers:
    """Accuracies by point, [point] each, with 95% intervals by cluster bootstrap over programs.

    rows  the probes table
    """
    gold = [row for row in rows if row["task"] == "gold"]
    control = [row for row in rows if row["task"] == "control" and row["name_seen"]]
    wrong = [row for row in gold if row["outcome"] == "wrong"]
    labels = _labels(rows)
    answerable = [row for row in wrong if row["predicted"] in labels]
    wanted: dict[str, tuple[list[Row], Callable[[Row], bool]]] = {
        "right": ([row for row in gold if row["outcome"] == "right"], _is_correct),
        "wrong": (wrong, _is_correct),
        "answer": (answerable, lambda row: row["probed"] == row["predicted"]),
        "seen": ([row for row in gold if row["name_seen"]], _is_correct),
        "control": (control, _is_correct),
    }
    points = sorted({row["point"] for row in rows})
    found: Numbers = {
        "points": points,
        "n_labels": len(labels),
        "curves": {
            name: _curve(own, points, measure, n_draws, seed)
            for name, (own, measure) in wanted.items()
            if own
        },
        "constant": None,
    }
    if wrong:
        found["constant"] = _against_constant(wrong, points)
    return found


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


def _is_correct(row: Row) -> bool:
    return row["correct"]


def _labels(rows: Sequence[Row]) -> set[str]:
    """The types that the probes can say: each is some row's label or answer."""
    return {row["label"] for row in rows} | {row["probed"] for row in rows}


def _matrix(
    rows: Sequence[Row], points: Sequence[int], measure: Callable[[Row], bool]
) -> tuple[np.ndarray, list[str]]:
    """[variant, point] float64, and the program of each variant, in the variants' order."""
    programs = {(row["example_id"], row["edit"]): row["program_id"] for row in rows}
    place = {key: i for i, key in enumerate(sorted(programs))}
    values = np.zeros((len(place), len(points)))
    for row in rows:
        key = row["example_id"], row["edit"]
        values[place[key], points.index(row["point"])] = measure(row)
    return values, [programs[key] for key in place]


def _curve(
    rows: Sequence[Row],
    points: Sequence[int],
    measure: Callable[[Row], bool],
    n_draws: int,
    seed: int,
) -> Numbers:
    resampled = resample_means(*_matrix(rows, points, measure), n_draws, seed)
    ends = rate_interval(resampled)
    return {
        "n": resampled.n_rows,
        "n_programs": resampled.n_programs,
        "estimate": [number(value) for value in resampled.estimate],
        "lower": [number(value) for value in ends.lower],
        "upper": [number(value) for value in ends.upper],
    }


def _against_constant(wrong: Sequence[Row], points: Sequence[int]) -> Numbers:
    """The best constant answer to the wrong examples, and where the probe is better."""
    first = [row for row in wrong if row["point"] == points[0]]
    counts = Counter(row["gold"] for row in first)
    constant, n = min(counts.items(), key=lambda item: (-item[1], item[0]))
    values, programs = _matrix(wrong, points, _is_correct)
    same, _ = _matrix(wrong, points, lambda row: row["gold"] == constant)
    difference = values - same
    adjusted = holm([sign_test(column, programs) for column in difference.T])
    means = difference.mean(axis=0)
    return {
        "gold": constant,
        "rate": number(n / len(first)),
        "adjusted_p": [significant(p) for p in adjusted],
        "points_above": [
            point
            for point, p, mean in zip(points, adjusted, means, strict=True)
            if p < 1 - LEVEL and mean > 0
        ],
    }


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
    above = constant["points_above"]
    if above:
        where = f"points {above[0]} to {above[-1]}" if len(above) > 1 else f"point {above[0]}"
        count = f" ({len(above)} of {len(points)})" if len(above) > 1 else ""
        return text + (
            f"; at {where}{count} that is oftener than the best constant answer "
            f"({percent(constant['rate'])}), so the type is there though another is said."
        )
    return text + (
        f", at no point oftener than the best constant answer ({percent(constant['rate'])}): "
        "that the type is there is not shown."
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
