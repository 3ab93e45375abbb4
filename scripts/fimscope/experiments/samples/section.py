"""The samples section of the report, made from its numbers by rule."""

from collections.abc import Iterator, Mapping

from fimscope.experiments.samples.tables import KS
from fimscope.experiments.whole_types.numbers import ALL, LONGER, ONE_TOKEN
from fimscope.experiments.whole_types.section import COUNTED
from fimscope.experiments.whole_types.verdicts import VERDICTS
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
# As the tables and the figure name what counts there.
LEVEL_WORDS = {
    "same": "same",
    "equivalent": "or equivalent",
    "checks": "or checks",
    "any": "or any",
}
COUNTS = ("holes", "programs")
RATES = {
    "greedy": "greedy",
    "pass@1": "pass_at_1",
    "pass@10": "pass_at_10",
    "chance@10": "chance_at_10",
    "pass@100": "pass_at_100",
    "chance@100": "chance_at_100",
}
GOLDS = {ONE_TOKEN: "Of golds of one token", LONGER: "Of golds of more tokens"}


def samples_section(
    numbers: Numbers, temperature: float, top_p: float, right: str, max_new_tokens: int
) -> Section:
    """The section of the report.

    numbers   of `sample_numbers`
    right     of RIGHT: which verdicts count as right
    """
    edits, strata = numbers["edits"], numbers["strata"]
    return Section(
        title="What the model knows and does not say",
        question="Is the right type among many samples where the greedy answer is wrong?",
        findings=[
            Finding(
                _claim(edit, groups),
                above["verdict"],
                points_changed(above),
                "as many guesses by frequency, golds of any length",
            )
            for edit, groups in edits.items()
            if (above := groups["wrong"].get("above_chance"))
        ],
        method="Samples of holes with golds of any length, the same under every edit, at "
        f"temperature {temperature:g} within a nucleus of {top_p:g} (Holtzman et al. 1904.09751). "
        f"Each goes on until its type has ended, at most {counted(max_new_tokens, 'token')}, and "
        "the compiler judges every type among them. pass@k is the unbiased chance that one of k is "
        f"right (Chen et al. 2107.03374). Right is {COUNTED[right]}, of samples and of the greedy "
        "answer.",
        control="The same k guesses drawn as often as all holes of other packages have each "
        "type, golds of any length: a common type is found by chance alone. A guess is the gold "
        "where it is spelled alike, so that samples are held against guesses by `same`. Intervals "
        "are 95%, clustered by program; the difference to chance has a t test clustered by "
        "program, Holm over the edits. Guesses see no code: more than they find may be what the "
        "prompt shows, copied.",
        cites=[
            *("miller2024evals", "chen2021evaluating", "holtzman2019nucleus"),
            "holm1979procedure",
        ],
        reading=[
            sentence
            for edit, groups in edits.items()
            for sentence in (
                *say_samples(edit, groups),
                *_say_strata(strata[edit]),
                *_say_verdicts(groups["all"]),
                *_say_unjudged(numbers["n_unjudged"][edit]),
            )
        ],
        figures=[
            ("samples.svg", "pass@k by edit, answer, gold type, length of the gold and verdict.")
        ],
        tables=[
            _edit_table(edits, strata),
            _level_table(edits, strata),
            _verdict_table(edits, strata),
            _type_table(numbers["types"], edits["original"]["all"]),
        ],
        sources=[
            path
            for edit in edits
            for path in (f"samples/{edit}.parquet", f"sampled_types/{edit}.parquet")
        ],
        numbers=numbers,
        power=say_needed(
            (_claim(edit, groups), groups["wrong"].get("above_chance"))
            for edit, groups in edits.items()
        ),
        docs="method.md#whole-types",
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
        f"{counted(wrong['n'], 'hole')} that are answered wrong, {rate(wrong['found'])}; as many "
        f"guesses by frequency would in {_chance(wrong)}, none of them in the "
        f"{wrong['n_without_chance']} whose gold no other package has. A type that counts as right "
        f"is among them in {wrong['n_found_right']}, {rate(wrong['found_right'])}."
    ]
    broken = groups.get("broken")
    if broken and broken["n"]:
        sentences.append(
            f"Of {counted(broken['n'], 'broken one')} the samples hold {broken['n_found']}, "
            f"{rate(broken['found'])}, as many guesses by frequency would hold {_chance(broken)}."
        )
    return sentences


def _chance(group: Numbers) -> str:
    return percent(group["curve"]["chance"][-1]["estimate"])


def _say_strata(strata: Numbers) -> Iterator[str]:
    """What one sample and all of them have of golds of one token, and of longer ones."""
    for stratum, words in GOLDS.items():
        every, wrong = strata[stratum]["all"], strata[stratum]["wrong"]
        if every["n"]:
            of_wrong = (
                f", and in {wrong['n_found_right']} of the {wrong['n']} that are answered wrong"
                if wrong["n"]
                else ""
            )
            one, many = (percent(every[key]["estimate"]) for key in ("pass_at_1", "found_right"))
            yield (
                f"{words} ({counted(every['n'], 'hole')}) the greedy answer is right in "
                f"{rate(every['greedy'])}, one sample in {one}, one of {every['n_drawn']} in "
                f"{many}{of_wrong}."
            )


def _say_verdicts(group: Numbers) -> Iterator[str]:
    if group["n"]:
        n = sum(group["n_verdicts"].values())
        same, equivalent, checks, fails = (
            percent(group["n_verdicts"][verdict] / n) for verdict in VERDICTS
        )
        yield (
            f"The {n} samples spell {counted(group['n_types'], 'type')}, a hole's each judged "
            f"once: {same} of the samples are the gold's own spelling, {equivalent} are "
            f"equivalent, {checks} are another type that checks ({percent(group['n_any'] / n)} "
            f"`any` to the compiler), {fails} fail ({percent(group['n_unended'] / n)} never end)."
        )


def _say_unjudged(n: int) -> Iterator[str]:
    if n:
        yield f"Left out: {counted(n, 'hole')} whose greedy answer the compiler could not judge."


def _by_stratum(edits: Numbers, strata: Numbers) -> Iterator[tuple[str, str, Numbers]]:
    """Edit, golds and their groups: all golds, those of one token, longer ones."""
    for edit, groups in edits.items():
        for stratum, own in {ALL: groups, **strata[edit]}.items():
            yield edit, stratum, own


def _edit_table(edits: Numbers, strata: Numbers) -> SectionTable:
    columns = _columns(edits["original"]["all"])
    rows = [
        [code(edit), stratum, WORDS[name], *_cells(group, columns)]
        for edit, stratum, groups in _by_stratum(edits, strata)
        for name, group in groups.items()
        if group["n"]
    ]
    return SectionTable(
        "Right, by edit, gold and greedy answer, per cent with 95% intervals; chance: guesses of "
        "the gold by frequency",
        ["edit", "gold", "answers", *COUNTS, *columns],
        rows,
        n_left=3,
    )


def _level_table(edits: Numbers, strata: Numbers) -> SectionTable:
    rows = [
        [code(edit), stratum, WORDS[name], f"pass@{k}", *cells]
        for edit, stratum, groups in _by_stratum(edits, strata)
        for name in ("all", "wrong")
        for k in KS
        if (cells := _level_cells(groups[name], k))
    ]
    return SectionTable(
        "pass@k by what counts, per cent: each column has the samples of those before it too",
        ["edit", "gold", "answers", "of", *LEVEL_WORDS.values()],
        rows,
        n_left=4,
    )


def _level_cells(group: Numbers, k: int) -> list[str]:
    name = f"pass_at_{k}"
    by_level = group.get("by_level", {})
    return [
        rate_cell(by_level[level][name]) for level in LEVEL_WORDS if name in by_level.get(level, ())
    ]


def _verdict_table(edits: Numbers, strata: Numbers) -> SectionTable:
    rows = [
        [
            code(edit),
            stratum,
            str(sum(group["n_verdicts"].values())),
            str(group["n_types"]),
            *(str(group["n_verdicts"][verdict]) for verdict in ("same", "equivalent", "checks")),
            str(group["n_any"]),
            str(group["n_verdicts"]["fails"]),
            str(group["n_unended"]),
        ]
        for edit, stratum, groups in _by_stratum(edits, strata)
        if (group := groups["all"])["n"]
    ]
    return SectionTable(
        "Samples by verdict",
        [
            *("edit", "gold", "samples", "types judged", "same", "equivalent", "checks"),
            *("of them any", "fails", "never end"),
        ],
        rows,
        n_left=2,
    )


def _type_table(types: list[Numbers], every: Numbers) -> SectionTable:
    columns = _columns(every)
    rows = [[_type_name(row["gold"]), *_cells(row, columns)] for row in types]
    return SectionTable("By gold type, `original`", ["gold", *COUNTS, *columns], rows)


def _type_name(gold: str | None) -> str:
    return "all others" if gold is None else code(gold)


def _columns(every: Numbers) -> dict[str, str]:
    """Head of a column -> the rate that it has: of as many samples as were drawn, or fewer."""
    return {head: name for head, name in RATES.items() if name in every}


def _cells(group: Numbers, columns: Mapping[str, str]) -> list[str]:
    rates = [rate_cell(group.get(name)) for name in columns.values()]
    return [str(group["n"]), str(group["n_programs"]), *rates]
