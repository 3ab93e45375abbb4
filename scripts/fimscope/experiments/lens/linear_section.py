"""What the lens section says of the linear lens, made from its numbers by rule."""

from fimscope.experiments.lens.numbers import points_less_likely
from fimscope.report.format import at, counted, p_text, p_value, percent, signed_points, spans
from fimscope.report.markdown import code
from fimscope.report.sections import SectionTable
from fimscope.statistics.numbers import Numbers

METHOD = (
    "The linear lens first sends a point's residual to the last point by a linear map (Din et al. "
    "2303.09435): ridge regression in closed form, fitted on the prompts of `fit` at the last "
    "token, its distance from the identity penalised (Belrose et al. 2303.08112), the penalty "
    "chosen on `select`, read on `test`. At the last point it is the model itself, as the logit "
    "lens is."
)
CONTROL = (
    "The control of the linear lens are maps of shuffled pairs, fitted and chosen alike, where the "
    "residual of a point is that of another prompt: they know what is common to all answers, and "
    "nothing of this one. The map can only read what the residual holds in a linear form, but it "
    "was fitted to the answers of this model: that it reads an answer early does not show that "
    "the model uses it there; patches ask that."
)
CITES = ["din2023jump", "belrose2023tuned"]
RIVALS = {"logit": "the logit lens", "shuffled": "maps of shuffled pairs"}


def say_linear(numbers: Numbers) -> list[str]:
    """From where the linear lens reads the final answer, and against what that is shown."""
    if not numbers["n"]:
        return ["There is no linear lens: it needs prompts of `fit` and of `test`."]
    lead, points = numbers["lead"], numbers["points"]
    difference = at(lead, 0)
    fitted, explained = numbers["agreement"]["fitted"], numbers["fit"]["fitted"]
    half = next(i for i, share in enumerate(fitted["estimate"]) if share >= 0.5)
    return [
        "Through the linear lens the final answer leads, in the median of "
        f"{counted(numbers['n'], 'variant')} "
        f"of `test` ({counted(numbers['n_programs'], 'program')}), from point {lead['fitted']:g} "
        f"on, through the logit lens from point {lead['logit']:g} on (mean difference "
        f"{difference['estimate']:+z.1f} points, {difference['lower']:+z.1f} to "
        f"{difference['upper']:+z.1f}; sign test {p_value(lead['p'])}).",
        f"Half of the final answers are first through it at point {points[half]}, where the map "
        f"explains {percent(explained['estimate'][half])} of the spread of the last residuals of "
        "held-out prompts.",
        *(_say_rival(numbers, rival) for rival in RIVALS),
        *_say_pairs(numbers["pairs"], points, numbers["edit"]),
    ]


def _say_rival(numbers: Numbers, rival: str) -> str:
    row, points = numbers["beside"][rival], numbers["points"][:-1]
    known = [*row["points_above"], *row["points_below"], *row["points_within"]]
    parts = [
        f"{words} at {spans(chosen, points)}"
        for words, chosen in (
            ("oftener", row["points_above"]),
            ("less often", row["points_below"]),
            ("as often, to within the margin,", row["points_within"]),
            ("undecided", [point for point in points if point not in known]),
        )
        if chosen
    ]
    return f"Against {RIVALS[rival]} it puts the final answer first {'; '.join(parts)}."


def _say_pairs(pairs: Numbers, points: list[int], edit: str) -> list[str]:
    if not pairs["n"]:
        return []
    lower = points_less_likely(pairs, points)
    where = f"at {spans(lower, points)}" if lower else "at no point shown"
    return [
        f"In the {counted(pairs['n'], 'pair')} of `test` that {code(edit)} breaks, the variant's "
        f"gold is less likely through it than its original's {where}."
    ]


def linear_tables(numbers: Numbers) -> list[SectionTable]:
    """Each point: fit on held-out prompts, and agreement with the final answer, with controls."""
    if not numbers["n"]:
        return []
    rows = []
    for i, point in enumerate(numbers["points"]):
        tested = i < len(numbers["points"]) - 1
        beside = [
            f"{signed_points(at(row, i))}; {p_text({'adjusted_p': row['adjusted_p'][i]})}"
            if tested
            else ""
            for row in numbers["beside"].values()
        ]
        rows.append(
            [
                str(point),
                *(f"{own['estimate'][i]:z.2f}" for own in numbers["fit"].values()),
                *(f"{100 * own['estimate'][i]:.1f}" for own in numbers["agreement"].values()),
                *beside,
            ]
        )
    return [
        SectionTable(
            "The linear lens on `test`: share of the spread of the last residuals that a map "
            "explains, and % of variants whose final answer is first; differences with 95% "
            "intervals and p of the sign test (Holm)",
            [
                "point",
                "fit",
                "fit, shuffled",
                "linear lens",
                "shuffled",
                "logit lens",
                "linear minus logit lens",
                "linear minus shuffled",
            ],
            rows,
        )
    ]
