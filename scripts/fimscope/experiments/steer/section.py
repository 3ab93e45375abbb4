"""The steering section of the report, its sentences made from the numbers by rule."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from fimscope.experiments.icl.choices import LABELS as SHOT_LABELS
from fimscope.experiments.steer.numbers import CONTROLS, VERDICTS
from fimscope.experiments.steer.settings import MAIN
from fimscope.report.format import percent, rate, rate_cell
from fimscope.report.markdown import code
from fimscope.report.sections import Section, SectionTable
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.significance import is_significant

Row = Mapping[str, Any]

LABELS = {
    "none": "no steering",
    "zero": "zero",
    "mean_difference": "mean difference",
    "gold_type": "gold type (oracle)",
    "held_out_type": "without the gold's type",
    "majority_type": "commonest type",
    "other_edit": "other edit",
    "flipped": "flipped",
    "shuffled": "shuffled pairs",
    "random": "random",
}
QUESTION = (
    "Can one vector, added at one place, turn wrong answers right without making right ones wrong?"
)
METHOD = (
    "The mean difference between the residual at the last token of an original answered right and "
    "of its variant answered wrong, over the pairs of the group `fit`, is added to that token's "
    "residual (activation addition, Turner et al. 2308.10248; difference of means, Marks & Tegmark "
    "2310.06824), at every point alone and at windows of adjacent points, in units of the "
    "residual's mean norm there. It needs no gold; the `gold type` vector (mean of right "
    "examples of that type minus the mean of all) takes the gold to be chosen and is an oracle. "
    "Points and strength are those with the greatest share of wrong examples mended minus "
    "right ones made worse on `select`, and are reported once on `test`; the three groups "
    "share no program, near-duplicate or package unless the log of `make_examples` says otherwise."
)
CONTROL = (
    "At the same points and strength: random vectors, the mean difference of pairs whose sides are "
    "swapped at random by program (lending a program another's right example would leave the mean "
    "as it is), the flipped vector, the commonest type's, another edit's where there is one, and "
    "the mean difference without the pairs of the example's own type. Against the random and the "
    "shuffled vectors: the share of them that mend as many (one-sided); against the others: exact "
    "sign tests over programs; all adjusted together (Holm)."
)
IN_CONTEXT = ("broken_mended", "worsened")  # what solved examples are asked beside steering
SOURCES = [
    "steering/results.parquet",
    "steering/settings.parquet",
    "steering/vectors.parquet",
    "steering/disturbance.parquet",
    "steering/types.parquet",
]


def steering_section(numbers: Numbers, vectors: Sequence[Row], split: Sequence[Row]) -> Section:
    """The section.

    numbers  of `steering_numbers`
    vectors  rows of the steering_vectors table
    split    rows of the split table with their group: what there was to steer
    """
    fitted = [row for row in vectors if row["name"] == MAIN]
    n_pairs, n_programs = (fitted[0]["n_pairs"], fitted[0]["n_programs"]) if fitted else (0, 0)
    there = Counter((row["group"], row["outcome"]) for row in split)
    numbers = {
        **numbers,
        "n_pairs": n_pairs,
        "n_pair_programs": n_programs,
        "there": {f"{group}_{outcome}": n for (group, outcome), n in sorted(there.items())},
    }
    return Section(
        title="What steering does",
        question=QUESTION,
        method=METHOD,
        control=CONTROL,
        cites=["turner2023addition", "marks2023geometry", "holm1979procedure"],
        reading=_say_findings(numbers),
        figures=[
            (
                "steering.svg",
                "Steering over points (select), strengths and vectors (test), with controls",
            )
        ],
        tables=_tables(numbers),
        sources=SOURCES,
        numbers=numbers,
    )


def _say_findings(numbers: Numbers) -> list[str]:
    at = {row["kind"]: row for row in numbers["at_setting"]}
    if not numbers["n_pairs"]:
        return ["No example of `fit` is right before the edit and wrong after it: nothing to fit."]
    fit = f"{numbers['n_pairs']} pairs of {numbers['n_pair_programs']} programs"
    if MAIN not in numbers["settings"]:
        return [f"From {fit} a vector was fitted, but `select` has no wrong example to choose by."]
    setting = numbers["settings"][MAIN]
    place = f"{_points(setting['points'])} with strength {setting['strength']:g}"
    if MAIN not in at or not at[MAIN]["mended"]:
        return [
            f"From {fit} a vector was fitted and {place} chosen, but `test` has no wrong example."
        ]
    sentences = [_say_effect(numbers, at[MAIN], fit, place), _say_verdict(numbers, at)]
    if "gold_type" in at and at["gold_type"]["mended"]:
        own = at["gold_type"]["mended"]
        sentences.append(
            f"The oracle, which is told the gold type, mends {rate(own)} of n = {own['n']} "
            "examples whose type has a vector."
        )
    if numbers["types"].get(MAIN):
        sentences.append(_say_checks(numbers["types"]))
    if numbers.get("in_context"):
        sentences.append(say_in_context(numbers["in_context"]))
    return sentences


def _say_effect(numbers: Numbers, row: Numbers, fit: str, place: str) -> str:
    mended, worsened = row["mended"], row["worsened"]
    text = (
        f"Fitted to {fit} and added at {place}, both chosen on `select`, the mean difference turns "
        f"{rate(mended)} of {mended['n']} wrong test examples right"
    )
    if worsened:
        text += f" and {rate(worsened)} of {worsened['n']} right ones wrong"
    return text + "."


def _say_verdict(numbers: Numbers, at: Mapping[str, Numbers]) -> str:
    comparisons = numbers["comparisons"]
    beaten = [
        kind
        for kind, row in comparisons.items()
        if is_significant(row["adjusted_p"]) and row["difference"] > 0
    ]
    rest = [kind for kind in comparisons if kind not in beaten]
    if not comparisons:
        return "No control was run beside it."
    text = f"That is more than under {_names(beaten) if beaten else 'no control'} (p < 0.05, Holm)"
    if beaten and rest:
        text += f", but not more than under {_names(rest)}"
    random = numbers["permutation"].get("random")
    if random:
        text += (
            f"; {random['n_as_good']} of {random['n_vectors']} random vectors mend as many "
            f"(p = {random['p']:.2g})"
        )
    return text + "."


def _say_checks(types: Numbers) -> str:
    own, plain = types[MAIN], types.get("none")

    def share(row: Numbers) -> str:
        return f"{percent((row['exact'] + row['typechecks']) / row['n'])}"

    text = f"With it {share(own)} of the completed types check in their program"
    return text + (f", without it {share(plain)}." if plain and plain["n"] else ".")


def say_in_context(numbers: Numbers) -> str:
    own, *others = numbers["rows"]
    if not own["broken_mended"]:
        return "No broken test example was both steered and asked with solved examples."
    shares = [f"{_shots(row)}, {rate(row['broken_mended'])}" for row in others]
    n_select = numbers["n_select"]
    how = f"choice and number are the best of `select` (n = {n_select})"
    return (
        f"Of the n = {own['broken_mended']['n']} broken test examples that were asked with solved "
        f"examples in the prompt too, the mean difference mends {rate(own['broken_mended'])}; "
        f"{'; '.join(shares)}; {how if n_select else '`select` has none to choose by'}."
    )


def _tables(numbers: Numbers) -> list[SectionTable]:
    if not numbers["at_setting"]:
        return []
    tables = [_setting_table(numbers), _choice_table(numbers)]
    if numbers["by_type"]:
        tables.append(_type_table(numbers["by_type"]))
    if numbers["types"]:
        tables.append(_verdict_table(numbers["types"]))
    return tables


def _setting_table(numbers: Numbers) -> SectionTable:
    rows = []
    for row in numbers["at_setting"]:
        comparison = numbers["comparisons"].get(row["kind"])
        rows.append(
            [
                LABELS[row["kind"]],
                str(row["n_vectors"]),
                rate_cell(row["mended"]),
                rate_cell(row["broken_mended"]),
                rate_cell(row["worsened"]),
                _plain(row["gain"]),
                _plain(row["divergence"]),
                f"{comparison['adjusted_p']:.2g}" if comparison else "",
            ]
        )
    beside = numbers.get("in_context")
    if beside:
        rows += in_context_rows(beside)
    return SectionTable(
        "At the chosen setting on `test`: mended, of all wrong examples and of those that the edit "
        f"broke (n = {numbers['n']['test']['n_broken']}); right ones made wrong; rise of gold "
        "minus foil in logits; divergence in nats at tokens that are not the hole; p of the "
        f"difference to the mean difference, by Holm over {_names(CONTROLS)}"
        + ("; solved examples in the prompt, on the examples asked both ways" if beside else ""),
        ["vector", "vectors", "mended %", "broken mended %", "spoiled %", "gain", "KL", "p"],
        rows,
    )


def in_context_rows(numbers: Numbers) -> list[list[str]]:
    """Rows for the table of vectors at the chosen setting."""
    own, *others = numbers["rows"]
    labelled = [("mean difference, on those examples", own), *((_shots(r), r) for r in others)]
    return [
        [
            label,
            "",
            "",
            _cell_with_n(row["broken_mended"]),
            _cell_with_n(row["worsened"]),
            "",
            "",
            "",
        ]
        for label, row in labelled
        if any(row[key] for key in IN_CONTEXT)
    ]


def _choice_table(numbers: Numbers) -> SectionTable:
    rows = [
        [
            LABELS[kind],
            _points(row["points"]),
            f"{row['strength']:g}",
            f"{row['n_mended']}/{row['n_wrong']}",
            f"{row['n_worsened']}/{row['n_right']}",
        ]
        for kind, row in numbers["settings"].items()
    ]
    used = numbers["n"]["test"]
    there = numbers["there"]
    return SectionTable(
        "Chosen on `select` (mended of the wrong, spoiled of the right). On `test` "
        f"{used['n_wrong']} of {there.get('test_wrong', 0)} wrong and {used['n_right']} of "
        f"{there.get('test_right', 0)} right examples were steered; the rest are over "
        "`steer.max_examples` or not told by their first token",
        ["vector", "where", "strength", "mended", "spoiled"],
        rows,
        n_left=2,
    )


def _type_table(by_type: Sequence[Numbers]) -> SectionTable:
    kinds = (MAIN, "held_out_type", "gold_type")
    return SectionTable(
        "Mended wrong test examples by gold type (the ten commonest)",
        ["gold", "n", *(LABELS[kind] for kind in kinds)],
        [
            [code(row["gold"]), str(row["n"]), *(str(row[kind]) for kind in kinds)]
            for row in by_type[:10]
        ],
    )


def _verdict_table(types: Numbers) -> SectionTable:
    order = [kind for kind in LABELS if kind in types]
    return SectionTable(
        "The completed type of each wrong test example in its program, by the compiler: the gold; "
        "another type without a new error; one with; no whole type; no answer from the compiler",
        ["vector", "n", *VERDICTS],
        [
            [LABELS[kind], str(types[kind]["n"]), *(str(types[kind][v]) for v in VERDICTS)]
            for kind in order
        ],
    )


def _points(points: Sequence[int]) -> str:
    return f"point {points[0]}" if len(points) == 1 else f"points {points[0]} to {points[-1]}"


def _names(kinds: Sequence[str]) -> str:
    names = [LABELS[kind] for kind in kinds]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _plain(row: Numbers | None) -> str:
    return f"{row['estimate']:.2g}" if row else ""


def _shots(row: Row) -> str:
    plural = "" if row["n_shots"] == 1 else "s"
    told = "told the gold" if row["knows_gold"] else "not told the gold"
    return f"{row['n_shots']} solved example{plural}, {SHOT_LABELS[row['choice']]} ({told})"


def _cell_with_n(row: Numbers | None) -> str:
    return f"{rate_cell(row)}, n = {row['n']}" if row else ""
