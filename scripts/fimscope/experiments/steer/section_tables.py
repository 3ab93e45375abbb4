"""The tables of the steering section."""

from collections.abc import Sequence

from fimscope.experiments.steer.gate_section import gate_tables
from fimscope.experiments.steer.labels import LABELS, label_words, points_words, shots_words
from fimscope.experiments.steer.numbers import CONTROLS, VERDICTS
from fimscope.experiments.steer.settings import MAIN, RANDOMISED
from fimscope.report.format import rate_cell, signed_points
from fimscope.report.markdown import code
from fimscope.report.sections import SectionTable
from fimscope.statistics.numbers import Numbers

ASKED = {True: "does more", False: "another share"}  # of the mean difference beside many, one
IN_CONTEXT = ("broken_mended", "worsened")  # what solved examples are asked beside steering


def steering_tables(numbers: Numbers) -> list[SectionTable]:
    """All of them; none where no vector was tried on `test`. numbers of `steering_numbers`"""
    if not numbers["at_setting"]:
        return []
    tables = [_setting_table(numbers), _choice_table(numbers)]
    if numbers.get("gates"):
        tables += gate_tables(numbers["gates"])
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
        f"{label_words(controls)}. The intervals of many vectors are over programs, with these "
        "vectors as they are."
        + (" Solved examples in the prompt: on the examples asked both ways." if beside else ""),
    )


def in_context_rows(numbers: Numbers) -> list[list[str]]:
    """Rows for the table of vectors at the chosen setting."""
    own, *others = numbers["rows"]
    labelled = [("mean difference, on those examples", own), *((shots_words(r), r) for r in others)]
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
            points_words(row["points"]),
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


def _plain(row: Numbers | None) -> str:
    return f"{row['estimate']:.2g}" if row else ""


def _cell_with_n(row: Numbers | None) -> str:
    return f"{rate_cell(row)}, n = {row['n']}" if row else ""
