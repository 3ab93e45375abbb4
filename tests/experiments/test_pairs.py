"""Donors and recipients: every condition's rule on a table small enough to see through."""

from collections import Counter

import numpy as np
import pytest

from fimscope.errors import UserError
from fimscope.experiments.patch.pairs import (
    CONTROLS,
    DONOR_KINDS,
    FROM_VARIANTS,
    Predictions,
    choose_recipients,
    find_donors,
    find_others,
    number_programs,
    of_like_frequency,
    pair,
)


def row(example: str, program: str, gold: str, predicted: str, edit: str = "original") -> dict:
    ids = {"string": 1, "number": 2, "boolean": 3}
    return {
        "example_id": example,
        "edit": edit,
        "program_id": program,
        "gold": gold,
        "gold_token_id": ids[gold],
        "predicted_token_id": ids[predicted],
        "correct": gold == predicted,
    }


ORIGINALS = {
    r["example_id"]: r
    for r in [
        row("a", "A", "string", "string"),
        row("b", "B", "string", "string"),
        row("c", "C", "number", "number"),
        row("d", "D", "number", "string"),
        row("e", "E", "boolean", "boolean"),
        row("f", "F", "number", "number"),
        row("twin", "A2", "string", "string"),  # a near-duplicate of A
    ]
}
VARIANTS = [
    row("a", "A", "string", "number", "rename_vars"),  # broken
    row("b", "B", "string", "string", "rename_vars"),  # stays right
    row("c", "C", "number", "boolean", "rename_vars"),  # broken
    row("d", "D", "number", "string", "rename_vars"),  # wrong before and after
    row("e", "E", "boolean", "boolean", "rename_vars"),  # stays right
    row("f", "F", "number", "number", "rename_vars"),  # stays right
]
CLUSTERS = {"A": "A", "A2": "A", "B": "B", "C": "C", "D": "D", "E": "E", "F": "F"}
PACKAGES = {program: f"of {program}" for program in CLUSTERS}


def numbered(rows, seed: int = 0, packages: dict[str, str] = PACKAGES) -> Predictions:
    programs = [
        {"program_id": program, "cluster": cluster, "package": packages[program]}
        for program, cluster in CLUSTERS.items()
    ]
    return Predictions(list(rows), number_programs(programs, seed), seed)


def pairs_of(condition: str, max_pairs: int, seed: int) -> tuple[list[dict], list[dict]]:
    both = numbered(VARIANTS, seed), numbered(ORIGINALS.values(), seed)
    return pair(condition, *both, max_pairs, seed)


def names(rows) -> list[str]:
    return [r["example_id"] for r in rows]


@pytest.mark.parametrize(
    ("condition", "edit", "recipients"),
    [
        ("restore", "rename_vars", ["a", "c"]),
        ("same_type", "rename_vars", ["a", "c", "d"]),
        ("wrong_to_wrong", "rename_vars", ["a", "c", "d"]),
        ("break", "original", ["a", "c"]),
        ("other_type", "original", ["a", "b", "c", "e", "f", "twin"]),
    ],
)
def test_recipients(condition, edit, recipients):
    rows = list(ORIGINALS.values()) if edit == "original" else VARIANTS
    both = numbered(VARIANTS).columns, numbered(ORIGINALS.values()).columns
    found = choose_recipients(condition, *both)
    assert sorted(rows[row]["example_id"] for row in found) == recipients


@pytest.mark.parametrize(
    ("condition", "recipient", "donors"),
    [
        ("restore", "a", ["a"]),
        ("same_type", "a", ["b"]),  # not a itself, nor its near-duplicate
        ("same_type", "d", ["c", "f"]),
        ("wrong_to_wrong", "a", ["c"]),  # d predicts string, a's own gold
        ("wrong_to_wrong", "d", ["c"]),  # a predicts number, d's own gold
        ("wrong_to_wrong", "c", ["d"]),
        ("other_type", "c", ["a", "b", "twin"]),
        ("other_type", "b", ["c", "e", "f"]),
    ],
)
def test_donors(condition, recipient, donors):
    pool = VARIANTS if condition in FROM_VARIANTS else list(ORIGINALS.values())
    asking = numbered(VARIANTS).columns[names(VARIANTS).index(recipient)]
    found = find_donors(condition, asking, numbered(pool).columns)
    assert names(pool[row] for row in found) == donors


@pytest.mark.parametrize(
    ("packages", "donors"),
    [
        (PACKAGES, ["b"]),
        ({**PACKAGES, "B": "of A"}, []),  # b is of a's own package
        (dict.fromkeys(CLUSTERS, "one"), ["b"]),  # there is but one: its programs count
    ],
)
def test_donors_are_of_other_packages(packages, donors):
    asking = numbered(VARIANTS, packages=packages).columns[0]
    found = find_donors(
        "same_type", asking, numbered(ORIGINALS.values(), packages=packages).columns
    )
    assert [list(ORIGINALS)[row] for row in found] == donors


def test_break_takes_the_own_variant_and_aims_at_its_wrong_answer():
    rows, lonely = pairs_of("break", 10, 0)
    assert not lonely
    paired = {r["recipient_example_id"]: r for r in rows if r["donor_kind"] == "paired"}
    assert sorted(paired) == ["a", "c"]
    for example, target, foil in [
        ("a", 2, 1),
        ("c", 3, 2),
    ]:
        r = paired[example]
        assert (r["recipient_edit"], r["donor_edit"]) == ("original", "rename_vars")
        assert r["donor_example_id"] == example
        assert (r["target_token_id"], r["foil_token_id"]) == (target, foil)
        assert r["gold_token_id"] == foil
    strangers = [r for r in rows if r["donor_kind"] == "unrelated"]
    assert {r["donor_edit"] for r in strangers} == {"rename_vars"}


def test_other_type_aims_at_the_donors_gold():
    rows, lonely = pairs_of("other_type", 10, 0)
    assert not lonely
    for r in rows:
        recipient = ORIGINALS[r["recipient_example_id"]]
        assert r["foil_token_id"] == r["gold_token_id"] == recipient["gold_token_id"]
        assert r["target_token_id"] != r["gold_token_id"]
        if r["donor_kind"] == "paired":
            assert ORIGINALS[r["donor_example_id"]]["gold_token_id"] == r["target_token_id"]
            assert r["donor_token_id"] == r["target_token_id"]


def test_a_donor_that_says_what_the_recipient_says_is_none():
    """Two types may start with one token: then a patch could succeed without doing anything."""
    half = {**row("a", "A", "string", "string", "rename_vars"), "correct": False}
    half["predicted_token_id"] = 9
    originals = {"a": {**ORIGINALS["a"], "predicted_token_id": 9}, "b": ORIGINALS["b"]}
    [asking, _] = numbered(originals.values()).columns
    assert not len(find_donors("break", asking, numbered([half]).columns))


def test_a_prediction_of_an_unknown_program_is_told():
    with pytest.raises(UserError, match="program"):
        numbered([row("z", "Z", "string", "string")])


def test_conditions_take_their_examples_in_one_order():
    first = {condition: pairs_of(condition, 1, 5)[0][0] for condition in ("restore", "break")}
    assert len({r["recipient_example_id"] for r in first.values()}) == 1


def test_every_pair_has_its_controls_and_its_target():
    rows, lonely = pairs_of("same_type", 10, 0)
    assert not lonely
    by_pair = Counter(r["pair_id"] for r in rows)
    assert by_pair == {f"same_type-{example}": len(DONOR_KINDS) for example in "acd"}
    for r in rows:
        assert r["target_token_id"] == r["gold_token_id"]
        if r["donor_kind"] == "self":
            assert r["donor_example_id"] == r["recipient_example_id"]
            assert r["donor_edit"] == "rename_vars"
        if r["donor_kind"] == "random":
            assert r["donor_example_id"] is None
        if r["donor_kind"] == "random_position":
            assert r["donor_example_id"] in ("b", "c", "f")  # the paired donor's own prompt
        if r["donor_kind"] in ("unrelated", "other_gold"):
            donor = ORIGINALS[r["donor_example_id"]]
            assert CLUSTERS[donor["program_id"]] != CLUSTERS[r["recipient_program_id"]]
            assert donor["gold_token_id"] != r["gold_token_id"]
            assert donor["correct"] or r["donor_kind"] == "unrelated"
    assert {r["donor_kind"] for r in rows} == {"paired", *CONTROLS}


def test_wrong_to_wrong_aims_at_what_the_donor_predicts():
    rows, _ = pairs_of("wrong_to_wrong", 10, 0)
    target = {r["recipient_example_id"]: r["target_token_id"] for r in rows}
    assert target == {"a": 3, "c": 1, "d": 3}


def test_the_cap_and_the_seed():
    rows, _ = pairs_of("restore", 1, 5)
    again, _ = pairs_of("restore", 1, 5)
    assert rows == again
    assert len({r["pair_id"] for r in rows}) == 1
    more, _ = pairs_of("restore", 2, 5)
    assert more[: len(DONOR_KINDS)] == rows  # a larger cap changes no pair


@pytest.mark.parametrize(
    ("recipient", "target", "others"),
    [
        ("a", 1, ["c", "d", "e", "f"]),  # to its own gold: all of other golds, right or wrong
        ("a", 2, ["e"]),  # to number
        ("c", 3, ["a", "b", "twin"]),
    ],
)
def test_what_has_another_type_to_bring(recipient, target, others):
    pool = numbered(ORIGINALS.values())
    asking = pool.columns[list(ORIGINALS).index(recipient)]
    assert names(pool.rows[i] for i in find_others(asking, target, pool.columns)) == others


def test_a_recipient_to_which_nothing_else_can_be_brought_is_left_alone():
    originals = [row("a", "A", "string", "string"), row("b", "B", "string", "string")]
    variants = [row("a", "A", "string", "number", "rename_vars")]
    rows, lonely = pair("restore", numbered(variants), numbered(originals), 10, 0)
    assert (rows, names(lonely)) == ([], ["a"])


def test_controls_are_as_common_as_what_they_are_held_against():
    """Of 8 strings, 5 numbers and 2 booleans a number is like a string, nothing like a boolean."""
    golds = ["string"] * 8 + ["number"] * 5 + ["boolean"] * 2
    pool = numbered([row(f"x{i}", "A", gold, gold) for i, gold in enumerate(golds)]).columns
    assert pool["frequency"].tolist() == [8] * 8 + [5] * 5 + [2] * 2
    others = np.arange(8, 15)
    assert of_like_frequency(others, pool[0], pool).tolist() == list(range(8, 13))
    others = np.arange(0, 13)  # none within twice as common: the nearest
    assert of_like_frequency(others, pool[14], pool).tolist() == list(range(8, 13))
