"""The samples section of the report, made from its numbers by rule."""

from collections.abc import Iterator, Mapping

from fimscope.experiments.samples.tables import KS
from fimscope.experiments.whole_types.numbers import ALL, LONGER, ONE_TOKEN
from fimscope.experiments.whole_types.section import COUNTED
from fimscope.experiments.whole_types.verdicts import VERDICTS
from fimscope.report.findings import Finding
from fimscope.report.format import (
    between_left_out,
    by_package,
    counted,
    percent,
    points_by_package,
    points_changed,
    rate,
    rate_cell,
    say_needed,
)
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
    "checks": "or checks, but for any",
    "any": "or any",
}
COUNTS = ("holes", "programs")
# The guesses that samples are held against, by GUESSES.
GUESS_WORDS = {
    "chance": "as many guesses by frequency",
    "copying": "as many guesses, half of them copied from the prompt",
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
                _claim(edit, groups, above),
                above["verdict"],
                points_by_package(above, above["packages"]),
                f"{GUESS_WORDS[guesses]}, golds of any length",
            )
            for edit, groups, guesses, above in _differences(edits)
        ],
        method="Samples of holes with golds of any length, the same under every edit, at "
        f"temperature {temperature:g} within a nucleus of {top_p:g} (Holtzman et al. 1904.09751). "
        f"Each goes on until its type has ended, at most {counted(max_new_tokens, 'token')}, and "
        "the compiler judges every type among them. pass@k is the unbiased chance that one of k is "
        f"right (Chen et al. 2107.03374). Right is {COUNTED[right]}, of samples and of the greedy "
        "answer.",
        control="Two kinds of k guesses. By frequency: each is a type drawn as often as all "
        "holes of other packages have it, golds of any length, as a common type is found by chance "
        "alone. Half copied: each is by even odds such a type, or one of those that the prompt "
        "shows behind a colon, whole annotations and not their parts, as a type that stands there "
        "can be found by copying alone. A guess is the gold where it is spelled alike, so that "
        "samples are held against guesses by `same`. Many guesses are nearly all that is common or "
        "shown: fewer golds among as many samples mean that these say the same types again, not "
        "that the gold is unknown. Intervals are 95%, clustered by program; the differences have a "
        "t test clustered by program, Holm over edits and guesses, and the same over packages.",
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
            (_claim(edit, groups, above), above) for edit, groups, _, above in _differences(edits)
        ),
        docs="method.md#whole-types",
    )


def _differences(edits: Numbers) -> Iterator[tuple[str, Numbers, str, Numbers]]:
    """Edit, its groups, guesses, and what samples of wrong answers have over these."""
    for edit, groups in edits.items():
        for guesses, above in groups["wrong"].get("above", {}).items():
            yield edit, groups, guesses, above


def _claim(edit: str, groups: Numbers, above: Numbers) -> str:
    samples = f"{groups['all']['n_drawn']} samples of wrong answers"
    if above["verdict"] != Verdict.SHOWN:
        return f"{samples} and guesses differ in how often they hold the gold ({code(edit)})"
    often = "less" if above["estimate"] < 0 else "more"
    return f"{samples} hold the gold {often} often ({code(edit)})"


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
        f"{counted(wrong['n'], 'hole')} that are answered wrong, {rate(wrong['found'])}; "
        f"{GUESS_WORDS['chance']} would in {_guessed(wrong, 'chance')}, none of them in the "
        f"{wrong['n_without_chance']} whose gold no other package has; {GUESS_WORDS['copying']}, "
        f"in {_guessed(wrong, 'copying')}, as the prompt shows the gold of {wrong['n_shown']}. A "
        f"type that counts as right is among the samples in {wrong['n_found_right']}, "
        f"{rate(wrong['found_right'])}.",
        *(_say_difference(words, wrong["above"][name]) for name, words in GUESS_WORDS.items()),
    ]
    broken = groups.get("broken")
    if broken and broken["n"]:
        sentences.append(
            f"Of {counted(broken['n'], 'broken one')} the samples hold {broken['n_found']}, "
            f"{rate(broken['found'])}; {GUESS_WORDS['chance']} would hold "
            f"{_guessed(broken, 'chance')}, half of them copied {_guessed(broken, 'copying')}."
        )
    return sentences


def _guessed(group: Numbers, guesses: str) -> str:
    return percent(group["curve"][guesses][-1]["estimate"])


def _say_difference(guesses: str, above: Numbers) -> str:
    """Over programs and over packages, and what it is without one of these."""
    packages, left_out = above["packages"], above["packages"]["left_out"]
    said = [
        f"Beside {guesses}, the difference is {points_changed(above)}, {above['verdict']}",
        by_package(packages),
        left_out
        and f"with one of {packages['n_packages']} packages left out it lies "
        f"{between_left_out(left_out)}",
    ]
    return f"{'; '.join(filter(None, said))}."


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
        "Right, by edit, gold and greedy answer, per cent with 95% intervals; guesses by frequency "
        "and half copied",
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
    """Head of a column -> the rate that it has; guesses as many as the most samples of KS."""
    ks = [k for k in KS if f"pass_at_{k}" in every]
    return {
        "greedy": "greedy",
        **{f"pass@{k}": f"pass_at_{k}" for k in ks},
        **{f"{k} guesses": f"chance_at_{k}" for k in ks[-1:]},
        **{f"{k} half copied": f"copying_at_{k}" for k in ks[-1:]},
    }


def _cells(group: Numbers, columns: Mapping[str, str]) -> list[str]:
    rates = [rate_cell(group.get(name)) for name in columns.values()]
    return [str(group["n"]), str(group["n_programs"]), *rates]
