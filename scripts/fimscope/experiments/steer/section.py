"""The steering section of the report, its sentences made from the numbers by rule."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from fimscope.experiments.icl.choices import LABELS as SHOT_LABELS
from fimscope.experiments.steer import gate_section
from fimscope.experiments.steer.numbers import CONTROLS, VERDICTS
from fimscope.experiments.steer.settings import MAIN, RANDOMISED
from fimscope.report.findings import Finding
from fimscope.report.format import (
    counted,
    percent,
    points_changed,
    rate,
    rate_cell,
    say_needed,
    signed_points,
)
from fimscope.report.markdown import code
from fimscope.report.sections import Section, SectionTable
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Verdict

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
    "Mean differences of pairs whose sides are swapped at random by program (lending a program "
    "another's right example would leave the mean as it is), and random directions: points and "
    "strength are chosen on `select` for each of them alone, by the same rule as for the mean "
    "difference, as the best of many settings is above the usual one for a random vector too. "
    "The swapped ask whether the pairs have a direction in common, the random ones whether a "
    "direction fitted to them does more than one that was only tuned. "
    "The commonest type's vector has its own setting as well. At the points and strength of the"
    " mean difference: the flipped vector, another edit's where there is one, and the mean "
    "difference without the pairs of the example's own type, which is held against the same "
    "controls. Beside the random and the shuffled vectors: whether it changes accuracy, mended "
    "less spoiled, by more than a further draw of them would (one-sided t test of one vector "
    "beside several, Crawford & Howell 1998); against the others: whether it mends another share "
    "(exact sign tests over programs); all adjusted together (Holm)."
)
MANY = {"random": "random vectors", "shuffled": "vectors of shuffled pairs"}
SUBJECTS = {
    MAIN: "Of the wrong ones it",
    "held_out_type": "Fitted without the pairs of the example's own type it",
}
ASKED = {True: "does more", False: "another share"}  # of the mean difference beside many, one
SAID_OF_OTHERS = (MAIN, "held_out_type", "random", "shuffled", "majority_type")
IN_CONTEXT = ("broken_mended", "worsened")  # what solved examples are asked beside steering
SOURCES = [
    "steering/results.parquet",
    "steering/settings.parquet",
    "steering/vectors.parquet",
    "steering/disturbance.parquet",
    "steering/types.parquet",
    "steering/gates.parquet",
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
        findings=_findings(numbers),
        method=f"{METHOD} {gate_section.METHOD}",
        control=CONTROL,
        cites=[
            "turner2023addition",
            "marks2023geometry",
            "crawford1998comparing",
            "holm1979procedure",
        ],
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
        power=say_needed(
            ("the mean difference changes accuracy", row["net"])
            for row in numbers["at_setting"]
            if row["kind"] == MAIN and row["net"]
        ),
        docs="method.md#steering",
        explorer="&".join([*dict.fromkeys(f"edit={row['edit']}" for row in split), "group=test"]),
    )


def _findings(numbers: Numbers) -> list[Finding]:
    """What the mean difference does to accuracy, alone and beside drawn vectors, and an oracle."""
    at = {row["kind"]: row for row in numbers["at_setting"]}
    beside = numbers["comparisons"].get(MAIN, {})
    alone = {
        MAIN: "one vector, the mean difference, changes accuracy",
        "gold_type": "a vector that is told the gold changes accuracy",
    }
    net = {
        kind: Finding(
            claim, row["verdict"], f"{points_changed(row)}, n = {row['n']}", "no steering"
        )
        for kind, claim in alone.items()
        if kind in at and (row := at[kind]["net"])
    }
    many = [
        Finding(
            f"the mean difference does more than {MANY[kind]}",
            row["verdict"],
            f"{100 * row['own']:+z.1f} points, theirs {100 * row['lowest']:+z.1f} to "
            f"{100 * row['highest']:+z.1f}; {row['n_as_good']} of {row['n_vectors']} do as well",
            f"{row['n_vectors']} of them, each tuned alike",
        )
        for kind in RANDOMISED
        if (row := beside.get(kind))
    ]
    gates = gate_section.gate_findings(numbers["gates"]) if numbers.get("gates") else []
    main = [net.pop(MAIN)] if MAIN in net else []
    return [*main, *many, *net.values(), *gates]


def _say_findings(numbers: Numbers) -> list[str]:
    at = {row["kind"]: row for row in numbers["at_setting"]}
    if not numbers["n_pairs"]:
        return ["No example of `fit` is right before the edit and wrong after it: nothing to fit."]
    fit = (
        f"{counted(numbers['n_pairs'], 'pair')} of {counted(numbers['n_pair_programs'], 'program')}"
    )
    if MAIN not in numbers["settings"]:
        return [f"From {fit} a vector was fitted, but `select` has no wrong example to choose by."]
    setting = numbers["settings"][MAIN]
    place = f"{_points(setting['points'])} with strength {setting['strength']:g}"
    if MAIN not in at or not at[MAIN]["mended"]:
        return [
            f"From {fit} a vector was fitted and {place} chosen, but `test` has no wrong example."
        ]
    sentences = [_say_effect(at[MAIN], fit, place)]
    for own, found in numbers["comparisons"].items():
        if own in at:
            sentences.append(f"{SUBJECTS[own]} mends {_say_comparisons(found)}.")
            sentences.append(_say_net(at[own]))
            if own == MAIN:
                sentences += [_say_many(at[k], found[k]) for k in RANDOMISED if k in found]
            else:
                sentences.append(_say_held_out(found, numbers["n_not_held_out"], at[own]["net"]))
    sentences += _say_least_shown(numbers["comparisons"][MAIN])
    if numbers["favourite"]:
        sentences.append(_say_favourite(numbers["favourite"]))
    if "gold_type" in at and at["gold_type"]["mended"]:
        own = at["gold_type"]["mended"]
        sentences.append(
            f"The oracle, which is told the gold type, mends {rate(own)} of n = {own['n']} "
            f"examples whose type has a vector{_say_moved(at['gold_type']['moved'])}."
        )
    if numbers["types"].get(MAIN):
        sentences.append(_say_checks(numbers["types"]))
    if numbers.get("gates"):
        sentences += gate_section.say_gates(numbers["gates"])
    if numbers.get("in_context"):
        sentences.append(say_in_context(numbers["in_context"]))
    return sentences


def _say_effect(row: Numbers, fit: str, place: str) -> str:
    mended, worsened = row["mended"], row["worsened"]
    text = (
        f"Fitted to {fit} and added at {place}, both chosen on `select`, the mean difference turns "
        f"{rate(mended)} of {mended['n']} wrong test examples right"
    )
    if worsened:
        text += f" and {rate(worsened)} of {worsened['n']} right ones wrong"
    return text + "."


def _say_net(row: Numbers) -> str:
    """What a kind does to the accuracy of all steered examples, right and wrong."""
    net = row["net"]
    words = {
        Verdict.SHOWN: "it makes them better" if net["estimate"] > 0 else "it makes them worse",
        Verdict.SHOWN_ABSENT: "no net change, to within the margin",
        Verdict.UNDECIDED: "undecided",
    }
    return (
        f"Over all {net['n']} steered test examples, right and wrong, accuracy changes by "
        f"{points_changed(net)}: {words[net['verdict']]}."
    )


def _say_comparisons(comparisons: Numbers) -> str:
    """Against which single controls a vector mends more, fewer or as many, or it is undecided."""
    phrases = {
        "more": "more than under {}",
        "fewer": "fewer than under {}",
        Verdict.SHOWN_ABSENT: "as many, to within the margin, as under {}",
        Verdict.UNDECIDED: "a share that is undecided against {}",
    }
    found: dict[str, list[str]] = {key: [] for key in phrases}
    for kind, row in comparisons.items():
        if kind in RANDOMISED:
            continue
        shown = "more" if row["estimate"] > 0 else "fewer"
        found[shown if row["verdict"] == Verdict.SHOWN else row["verdict"]].append(kind)
    said = [phrases[key].format(_names(kinds)) for key, kinds in found.items() if kinds]
    return "; ".join(said) or "no control was run beside it"


def _say_many(row: Numbers, beside: Numbers) -> str:
    """What the vectors of a kind of RANDOMISED do, and what the mean difference does beside them.

    row      of `at_setting`
    beside   of `comparisons`
    """
    spoiled = f", spoil {rate(row['worsened'])} of the right ones" if row["worsened"] else ""
    low, high = (f"{100 * beside[key]:+z.1f}" for key in ("lowest", "highest"))
    return (
        f"The {beside['n_vectors']} {MANY[row['kind']]}, each at its own setting, mend "
        f"{rate(row['mended'])} of the wrong ones{spoiled} and change accuracy by "
        f"{100 * beside['mean']:+z.1f} points on average (each: {low} to {high}); "
        f"{_as_good(row['kind'], beside)}."
    )


def _as_good(kind: str, beside: Numbers) -> str:
    return (
        f"{beside['n_as_good']} of {beside['n_vectors']} {MANY[kind]} do as well or better for "
        f"accuracy, and that it does more than another draw would is {beside['verdict']}"
    )


def _say_as_good(comparisons: Numbers) -> str:
    return "; ".join(
        _as_good(kind, comparisons[kind]) for kind in RANDOMISED if kind in comparisons
    )


def _say_held_out(comparisons: Numbers, n_not_held_out: int, net: Numbers) -> str:
    """What the vector without the gold's type does beside many, and for how many it is that."""
    said = _say_as_good(comparisons)
    return (
        f"For {n_not_held_out} of these {net['n']} no pair has the gold: there it is the mean "
        f"difference itself. {said or 'No random vector was run beside it'}."
    )


def _say_least_shown(comparisons: Numbers) -> list[str]:
    """The least that the vectors of RANDOMISED can show, as few as they are."""
    said = [
        f"{100 * row['least_shown']:.1f} points above the mean of {row['n_vectors']} {MANY[kind]}"
        for kind, row in comparisons.items()
        if kind in RANDOMISED
    ]
    if not said:
        return []
    return [
        f"In this family of tests a change of accuracy is shown from {' and '.join(said)} on; more "
        "vectors would show less (`steer.n_random`, `steer.n_shuffled`)."
    ]


def _say_moved(moved: Numbers | None) -> str:
    """What a vector does to tokens that it has nothing to do with."""
    if not moved:
        return ""
    return f", and moves {rate(moved)} of n = {moved['n']} unrelated tokens to another next one"


def _say_favourite(found: Numbers) -> str:
    """How much of the mean difference's effect is one type."""
    mended = found["mended"]
    shares = [f"{LABELS[kind]} {rate(mended[kind])}" for kind in SAID_OF_OTHERS if kind in mended]
    text = (
        f"{found['n']} of {found['n_wrong']} steered answers are {code(found['type'])}, "
        f"{found['n_unsteered']} without steering"
    )
    if not shares:
        return f"{text}; every wrong example has that gold."
    own = found["comparisons"][MAIN]
    many = _say_as_good(own)
    return (
        f"{text}. Of the {found['n_others']} wrong examples with another gold are mended: "
        f"{', '.join(shares)}; the mean difference there: {_say_comparisons(own)}"
        + (f"; of all with another gold, right and wrong: {many}." if many else ".")
    )


def _say_checks(types: Numbers) -> str:
    own, plain = types[MAIN], types.get("none")

    def share(row: Numbers) -> str:
        return f"{percent((row['exact'] + row['typechecks']) / row['n'])}"

    text = f"With the mean difference {share(own)} of the completed types check in their program"
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
    if numbers.get("gates"):
        tables += gate_section.gate_tables(numbers["gates"])
    if numbers["by_type"]:
        tables.append(_type_table(numbers["by_type"]))
    if numbers["types"]:
        tables.append(_verdict_table(numbers["types"]))
    return tables


def _setting_table(numbers: Numbers) -> SectionTable:
    rows = []
    for row in numbers["at_setting"]:
        comparison = numbers["comparisons"].get(MAIN, {}).get(row["kind"])
        rows.append(
            [
                LABELS[row["kind"]],
                str(row["n_vectors"]),
                rate_cell(row["mended"]),
                rate_cell(row["broken_mended"]),
                rate_cell(row["worsened"]),
                signed_points(row["net"]),
                _plain(row["gain"]),
                _plain(row["divergence"]),
                f"{ASKED[row['kind'] in RANDOMISED]}: {comparison['verdict']}"
                if comparison
                else "",
            ]
        )
    beside = numbers.get("in_context")
    controls = list(numbers["comparisons"].get(MAIN, {})) or CONTROLS
    if beside:
        rows += in_context_rows(beside)
    return SectionTable(
        "Each vector on `test`, as chosen for it",
        [
            "vector",
            "vectors",
            "mended %",
            "broken mended %",
            "spoiled %",
            "net",
            "gain",
            "KL",
            "the mean difference",
        ],
        rows,
        note="Mended: of all wrong examples, and of those that the edit broke "
        f"(n = {numbers['n']['test']['n_broken']}). Spoiled: right ones made wrong. Net: change of "
        "accuracy over both, in points. Gain: rise of gold minus foil in logits. KL: divergence in "
        "nats at tokens that are not the hole. The last: whether the mean difference does more for "
        "accuracy (beside many vectors) or mends another share (beside one), Holm over "
        f"{_names(controls)}. The intervals of many vectors are over programs, with these vectors "
        "as they are."
        + (" Solved examples in the prompt: on the examples asked both ways." if beside else ""),
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
            "",
        ]
        for label, row in labelled
        if any(row[key] for key in IN_CONTEXT)
    ]


def _choice_table(numbers: Numbers) -> SectionTable:
    rows = [
        [
            code(name) if row["kind"] in RANDOMISED else LABELS[name],
            _points(row["points"]),
            f"{row['strength']:g}",
            f"{row['n_mended']}/{row['n_wrong']}",
            f"{row['n_worsened']}/{row['n_right']}",
        ]
        for name, row in sorted(numbers["settings"].items(), key=_order)
    ]
    used = numbers["n"]["test"]
    there = numbers["there"]
    return SectionTable(
        "Where and how strongly each vector is added, chosen on `select`",
        ["vector", "where", "strength", "mended", "spoiled"],
        rows,
        n_left=2,
        note="Mended of the wrong and spoiled of the right, on `select`; for each of the random "
        f"and the shuffled vectors alone. On `test` {used['n_wrong']} of "
        f"{there.get('test_wrong', 0)} wrong and {used['n_right']} of {there.get('test_right', 0)} "
        "right examples were steered; the rest are over `steer.max_examples` or not told by their "
        "first token.",
    )


def _order(setting: tuple[str, Numbers]) -> tuple[int, str]:
    """Kinds as in LABELS, the vectors of one by name."""
    name, row = setting
    return list(LABELS).index(row["kind"]), name


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
        "The completed types in their programs, by the compiler",
        ["vector", "n", *VERDICTS],
        [
            [LABELS[kind], str(types[kind]["n"]), *(str(types[kind][v]) for v in VERDICTS)]
            for kind in order
        ],
        note="Of each wrong test example: the gold; another type without a new error; one with; no "
        "whole type; no answer from the compiler.",
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
