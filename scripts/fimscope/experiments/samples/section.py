"""The samples section of the report, made from its numbers by rule."""

from fimscope.report.findings import Finding
from fimscope.report.format import counted, percent, points_changed, rate, rate_cell, say_needed
from fimscope.report.markdown import code
from fimscope.report.sections import Section, SectionTable
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Verdict

WORDS = {
    "all": "all",
    "right": "greedy right",
    "wrong": "greedy wrong",
    "broken": "broken by the edit",
}


def samples_section(numbers: Numbers, temperature: float, top_p: float) -> Section:
    """The section of the report; numbers of `sample_numbers`."""
    return Section(
        title="What the model knows and does not say",
        question="Is the right type among many samples where the greedy answer is wrong?",
        findings=[
            Finding(
                _claim(edit, groups),
                above["verdict"],
                points_changed(above),
                "as many guesses by frequency",
            )
            for edit, groups in numbers["edits"].items()
            if (above := groups["wrong"].get("above_chance"))
        ],
        method=f"Samples of every hole at temperature {temperature:g} within a nucleus of "
        f"{top_p:g} (Holtzman et al. 1904.09751); pass@k is the unbiased chance that one of k is "
        "the gold (Chen et al. 2107.03374). Beside it stand the greedy answer and whether the "
        "gold's first token is among the ten likeliest.",
        control="The same k guesses drawn as often as all holes of other packages have each "
        "type: a common type is found by chance alone. Intervals are 95%, clustered by program; "
        "the difference to chance has a t test clustered by program.",
        cites=["miller2024evals", "chen2021evaluating", "holtzman2019nucleus"],
        reading=[s for edit, groups in numbers["edits"].items() for s in say_samples(edit, groups)],
        figures=[
            ("samples.svg", "pass@k by edit, answer and gold type, with greedy answer and top 10.")
        ],
        tables=[_edit_table(numbers["edits"]), _type_table(numbers["types"])],
        sources=[f"samples/{edit}.parquet" for edit in numbers["edits"]],
        numbers=numbers,
        power=say_needed(
            (_claim(edit, groups), groups["wrong"].get("above_chance"))
            for edit, groups in numbers["edits"].items()
        ),
        docs="method.md#looking-inside",
        explorer="outcome=wrong",
    )


def _claim(edit: str, groups: Numbers) -> str:
    above, n_drawn = groups["wrong"].get("above_chance"), groups["all"].get("n_drawn")
    less = above and above["verdict"] == Verdict.SHOWN and above["estimate"] < 0
    return (
        f"{n_drawn} samples of wrong answers hold the gold {'less' if less else 'more'} often "
        f"({code(edit)})"
    )


def say_samples(edit: str, groups: Numbers) -> list[str]:
    """How often the gold is among the samples of wrong answers, and of broken ones."""
    everything, wrong = groups["all"], groups["wrong"]
    if not everything["n"]:
        return [f"Under {code(edit)} nothing was sampled."]
    n_drawn = everything["n_drawn"]
    if not wrong["n"]:
        return [f"Under {code(edit)} no answer is wrong."]
    sentences = [
        f"Under {code(edit)} {n_drawn} samples hold the gold in {wrong['n_found']} of "
        f"{counted(wrong['n'], 'hole')} that are answered wrong, {rate(wrong['found'])}, and the "
        f"top 10 in {wrong['n_top10']}, {rate(wrong['top10'])}."
    ]
    broken = groups.get("broken")
    if broken and broken["n"]:
        sentences.append(
            f"Of {broken['n']} broken ones the samples hold {broken['n_found']}, "
            f"{rate(broken['found'])}, as many guesses by frequency would hold "
            f"{percent(broken['curve']['chance'][-1]['estimate'])}; the top 10 hold "
            f"{broken['n_top10']}."
        )
    return sentences


def _edit_table(edits: Numbers) -> SectionTable:
    rows = [
        [code(edit), WORDS[name], *_cells(group)]
        for edit, groups in edits.items()
        for name, group in groups.items()
    ]
    return SectionTable(
        "By edit and greedy answer, per cent with 95% intervals; chance: guesses by frequency",
        ["edit", "answers", *HEADER],
        rows,
        n_left=2,
    )


def _type_table(types: list[Numbers]) -> SectionTable:
    rows = [[_type_name(row["gold"]), *_cells(row)] for row in types]
    return SectionTable("By gold type, `original`", ["gold", *HEADER], rows)


HEADER = [
    "n",
    "programs",
    "greedy",
    "top 10",
    "pass@1",
    "pass@10",
    "chance@10",
    "pass@100",
    "chance@100",
]


def _type_name(gold: str | None) -> str:
    return "all others" if gold is None else code(gold)


def _cells(group: Numbers) -> list[str]:
    if not group["n"]:
        return ["0", "0", *[""] * (len(HEADER) - 2)]
    at_k = ("pass_at_1", "pass_at_10", "chance_at_10", "pass_at_100", "chance_at_100")
    names = ("greedy", "top10", *at_k)
    rates = [rate_cell(group.get(name)) for name in names]
    return [str(group["n"]), str(group["n_programs"]), *rates]
