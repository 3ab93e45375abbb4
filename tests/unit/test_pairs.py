"""Donors and recipients: every condition's rule on a table small enough to see through."""

from collections import Counter

import pytest

from fimscope.pairs import CONTROLS, choose_recipients, find_donors, pair


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
        row("twin", "A2", "string", "string"),  # a near-duplicate of A
    ]
}
VARIANTS = [
    row("a", "A", "string", "number", "rename_vars"),  # broken
    row("b", "B", "string", "string", "rename_vars"),  # stays right
    row("c", "C", "number", "boolean", "rename_vars"),  # broken
    row("d", "D", "number", "string", "rename_vars"),  # wrong before and after
]
VARIANT = {r["example_id"]: r for r in VARIANTS}
CLUSTERS = {"A": "A", "A2": "A", "B": "B", "C": "C", "D": "D"}


def names(rows) -> list[str]:
    return [r["example_id"] for r in rows]


def test_recipients():
    assert names(choose_recipients("restore", VARIANTS, ORIGINALS)) == ["a", "c"]
    for condition in ("same_type", "wrong_to_wrong"):
        assert names(choose_recipients(condition, VARIANTS, ORIGINALS)) == ["a", "c", "d"]


@pytest.mark.parametrize(
    ("condition", "recipient", "donors"),
    [
        ("restore", "a", ["a"]),
        ("same_type", "a", ["b"]),  # not a itself, nor its near-duplicate
        ("same_type", "d", ["c"]),
        ("wrong_to_wrong", "a", ["c"]),  # d predicts string, a's own gold
        ("wrong_to_wrong", "d", ["c"]),  # a predicts number, d's own gold
        ("wrong_to_wrong", "c", ["d"]),
    ],
)
def test_donors(condition, recipient, donors):
    found = find_donors(condition, VARIANT[recipient], VARIANTS, ORIGINALS, CLUSTERS)
    assert names(found) == donors


def test_every_pair_has_its_controls_and_its_target():
    rows, lonely = pair("same_type", VARIANTS, ORIGINALS, CLUSTERS, 10, 0)
    assert names(lonely) == ["c"]  # no other right example has its gold
    by_pair = Counter(r["pair_id"] for r in rows)
    assert by_pair == {"same_type-a": 4, "same_type-d": 4}
    for r in rows:
        assert r["target_token_id"] == r["gold_token_id"]
        if r["donor_kind"] == "self":
            assert r["donor_example_id"] == r["recipient_example_id"]
            assert r["donor_edit"] == "rename_vars"
        if r["donor_kind"] == "random":
            assert r["donor_example_id"] is None
        if r["donor_kind"] == "unrelated":
            program = ORIGINALS[r["donor_example_id"]]["program_id"]
            assert CLUSTERS[program] != CLUSTERS[r["recipient_program_id"]]
    assert {r["donor_kind"] for r in rows} == {"paired", *CONTROLS}


def test_wrong_to_wrong_aims_at_what_the_donor_predicts():
    rows, _ = pair("wrong_to_wrong", VARIANTS, ORIGINALS, CLUSTERS, 10, 0)
    target = {r["recipient_example_id"]: r["target_token_id"] for r in rows}
    assert target == {"a": 3, "c": 1, "d": 3}


def test_the_cap_and_the_seed():
    rows, _ = pair("restore", VARIANTS, ORIGINALS, CLUSTERS, 1, 5)
    again, _ = pair("restore", VARIANTS, ORIGINALS, CLUSTERS, 1, 5)
    assert rows == again
    assert len({r["pair_id"] for r in rows}) == 1
    more, _ = pair("restore", VARIANTS, ORIGINALS, CLUSTERS, 2, 5)
    assert more[:4] == rows  # a larger cap changes no pair
