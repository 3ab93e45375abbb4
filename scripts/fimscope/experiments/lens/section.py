"""The lens section of the report, made from its numbers by rule."""

from fimscope.experiments.lens import linear_section
from fimscope.experiments.lens.numbers import points_less_likely
from fimscope.report.findings import Finding, verdict_of_some
from fimscope.report.format import (
    at,
    counted,
    p_value,
    percent,
    power_text,
    signed_nats,
    spans,
    with_interval,
)
from fimscope.report.markdown import code
from fimscope.report.sections import Section, SectionTable
from fimscope.statistics.numbers import Numbers

MEASURE_NAMES = {
    "gold_logprob": "log-probability of the gold",
    "foil_logprob": "log-probability of the wrong answer",
    "entropy": "entropy",
}


def lens_section(numbers: Numbers, linear: Numbers, examples_figure: str) -> Section:
    """The section of the report.

    numbers          of `lens_numbers`
    linear           of `linear_numbers`
    examples_figure  the file that plot_lens_examples wrote
    """
    edit = numbers["edit"]
    return Section(
        title="What each point would say",
        question="From which residual point on is the answer there, and where do right and wrong "
        "answers part?",
        findings=_findings(numbers["pairs"], numbers["points"], edit),
        method="The logit lens: the residual stream of every point goes through the final norm and "
        "the unembedding (nostalgebraist 2020). Gold and wrong answer are followed by their first "
        "tokens; where the answer is wrong the wrong one is the model's own, and where an original "
        f"is right and its {code(edit)} variant wrong it is the variant's. The final answer leads "
        f"from the point on at which it is first and stays first. {linear_section.METHOD}",
        control="Originals answered right stand beside originals answered wrong, and every broken "
        "variant beside its own original. Bands are 95%, clustered by program, one "
        "point at a time; the paired differences have a sign test over programs, adjusted over all "
        "measures and points (Holm). Early points are not trained to be read by the unembedding: "
        f"a low rank there does not show that the type is unknown. {linear_section.CONTROL}",
        cites=[
            "miller2024evals",
            "nostalgebraist2020lens",
            *linear_section.CITES,
            "holm1979procedure",
        ],
        reading=say_outcomes(numbers["last"]["original"])
        + say_pairs(numbers["pairs"], edit)
        + linear_section.say_linear(linear),
        figures=[
            ("lens.svg", "The lens at the last token, originals answered right and wrong."),
            ("lens_pairs.svg", "Originals beside their broken variants, and their differences."),
            ("lens_linear.svg", "The linear lens beside the logit lens, on `test`."),
            ("lens_positions.svg", _positions_caption(numbers)),
            (
                examples_figure,
                "The likeliest token at every point of chosen broken pairs: those whose variant "
                "settles earliest, at the median and latest.",
            ),
        ],
        tables=[
            _outcome_table(numbers["last"]),
            _pair_table(numbers),
            *linear_section.linear_tables(linear),
        ],
        sources=[f"lens/{name}.parquet" for name in numbers["last"]]
        + ["lens_tokens.parquet", "linear_lens.parquet"],
        numbers={**numbers, "linear": linear},
        power=_say_power(numbers["pairs"], numbers["points"]),
        docs="method.md#looking-inside",
        explorer=f"edit={edit}&outcome=broken",
        explorer_of={"lens.svg": "edit=original", "lens_linear.svg": "group=test"},
    )


def say_outcomes(outcomes: Numbers) -> list[str]:
    """From where the final answer leads, and whether wrong answers had the gold in front before."""
    right, wrong = outcomes["right"], outcomes["wrong"]
    known = [(kind, group) for kind, group in outcomes.items() if group["n"]]
    if not known:
        return ["No original was answered, so the lens shows nothing."]
    leads = [
        f"from point {group['first_lead'][1]:g} on (middle half: {group['first_lead'][0]:g} to "
        f"{group['first_lead'][2]:g}) where it is {kind}, n = {group['n']}"
        for kind, group in known
    ]
    sentences = [f"In the median the final answer leads {'; '.join(leads)}."]
    if wrong["n"]:
        first, near = wrong["n_gold_first_somewhere"], wrong["n_gold_top10_somewhere"]
        sentences.append(
            f"Of {wrong['n']} wrong answers {first} ({percent(first / wrong['n'])}) have the gold "
            f"first at some point, {near} ({percent(near / wrong['n'])}) in the top 10 at some "
            "point, the end counted in."
        )
    elif right["n"]:
        sentences.append("No original is answered wrong, so there is nothing to set beside it.")
    return sentences


def _findings(pairs: Numbers, points: list[int], edit: str) -> list[Finding]:
    """Where the gold of broken variants is less likely than their originals'."""
    if not pairs["n"]:
        return []
    gold = pairs["differences"]["gold_logprob"]
    lower = points_less_likely(pairs, points)
    most = max(range(len(points)), key=lambda place: gold["estimate"][place])
    less = {key: -value for key, value in at(gold, most).items()}
    less["lower"], less["upper"] = less["upper"], less["lower"]
    number = f"{with_interval(less, '+.2f', 1, ' nats')} at point {points[most]}"
    return [
        Finding(
            f"the gold is less likely within, where {code(edit)} breaks",
            verdict_of_some(len(lower)),
            f"shown at {spans(lower, points)}, {number}" if lower else number,
            "the same prompts before the edit",
        )
    ]


def say_pairs(pairs: Numbers, edit: str) -> list[str]:
    """How much sooner the final answer leads in originals than in their broken variants."""
    if not pairs["n"]:
        return [f"{code(edit)} breaks no answer, so there are no pairs to compare."]
    lead = at(pairs["first_lead"], 0)
    return [
        f"In {counted(pairs['n'], 'pair')} that {code(edit)} breaks, the point from which the "
        "final answer "
        f"leads, original minus variant, is {lead['estimate']:+z.1f} ({lead['lower']:+z.1f} to "
        f"{lead['upper']:+z.1f}; sign test {p_value(pairs['first_lead']['p'])})."
    ]


def _say_power(pairs: Numbers, points: list[int]) -> str:
    return (
        power_text(pairs["n_programs"], len(pairs["differences"]) * len(points))
        if pairs["n"]
        else ""
    )


def _positions_caption(numbers: Numbers) -> str:
    same = numbers["same_as_last"]
    if not same:
        return "The lens at the other positions."
    verb = "is" if len(same) == 1 else "are"
    return f"The lens at the other positions; {', '.join(same)} {verb} the last token itself."


def _outcome_table(last: Numbers) -> SectionTable:
    rows = [
        [
            code(edit),
            kind,
            str(group["n"]),
            str(group["n_programs"]),
            *(
                [
                    f"{group['first_lead'][1]:g} ({group['first_lead'][0]:g} to "
                    f"{group['first_lead'][2]:g})",
                    f"{group['n_gold_first_somewhere']}",
                    f"{group['n_gold_top10_somewhere']}",
                    f"{group['median_rank'][-1]:g}",
                ]
                if group["n"]
                else ["", "", "", ""]
            ),
        ]
        for edit, outcomes in last.items()
        for kind, group in outcomes.items()
    ]
    return SectionTable(
        "The lens at the last token; quartiles in brackets, ranks from 0",
        [
            "edit",
            "answer",
            "n",
            "programs",
            "final answer leads from point",
            "gold first at some point",
            "gold in a top 10",
            "median rank of the gold at the end",
        ],
        rows,
        n_left=2,
    )


def _pair_table(numbers: Numbers) -> SectionTable:
    points, rows = numbers["points"], []
    for name, row in numbers["pairs"]["differences"].items():
        place = max(range(len(points)), key=lambda i: (abs(row["estimate"][i]), -i))
        apart = row["points_apart"]
        rows.append(
            [
                MEASURE_NAMES[name],
                str(row["n"]),
                str(row["n_programs"]),
                spans(apart, points) if apart else "at no point",
                f"{signed_nats(at(row, place))} at point {points[place]}",
            ]
        )
    return SectionTable(
        f"Original minus broken {code(numbers['edit'])} variant, nats",
        ["measure", "n", "programs", "differs (Holm)", "largest mean difference"],
        rows,
    )
