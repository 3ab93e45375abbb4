"""In-context examples beside steering, worked out by hand."""

import pyarrow as pa
import pytest

from fimscope.experiments.icl.choices import CHOICES, knows_gold
from fimscope.experiments.icl.tables import ICL
from fimscope.experiments.steer.in_context import in_context_numbers
from fimscope.experiments.steer.readings import say_in_context
from fimscope.experiments.steer.section_tables import in_context_rows

GROUPS = {"S1": "select", "A1": "test", "A2": "test", "B1": "test", "R1": "test"}


def asked(example, outcome, rights):
    """Rows of one example, two seeds each: (choice, number of shots) -> right by seed."""
    plain = {("none", 0, None): outcome == "right"}
    cells = {(*key, seed): right for key, own in rights.items() for seed, right in enumerate(own)}
    return [
        {
            "example_id": example,
            "program_id": example[0],
            "outcome": outcome,
            "choice": choice,
            "n_shots": n,
            "seed": seed,
            "correct": right,
            "gold_logprob": -1.0,
        }
        for (choice, n, seed), right in (plain | cells).items()
    ]


def table(*examples) -> pa.Table:
    rows = [row for example in examples for row in example]
    return pa.Table.from_pylist(rows, ICL.schema)


def rights(same_1, same_4, random_1, random_4):
    values = {("same_type", 1): same_1, ("same_type", 4): same_4}
    return values | {("random", 1): random_1, ("random", 4): random_4}


NO, HALF, YES = (False, False), (False, True), (True, True)
# On `select` four of the same type and one of any do best; on `test` one of the same type would.
SELECT = asked("S1", "broken", rights(NO, YES, HALF, NO))
TEST = [
    asked("A1", "broken", rights(YES, HALF, NO, YES)),
    asked("A2", "broken", rights(YES, YES, HALF, YES)),
    asked("B1", "broken", rights(YES, NO, NO, YES)),  # was not steered
    asked("R1", "right", rights(YES, HALF, NO, YES)),
]
STEERED = {"A1": {"to_gold": True}, "A2": {"to_gold": False}, "R1": {"to_gold": True}}


def test_choices_are_made_on_select_and_counted_on_what_was_asked_both_ways():
    numbers = in_context_numbers(table(SELECT, *TEST), GROUPS, STEERED)
    assert numbers["n_select"] == 1
    keys = ("choice", "n_shots", "knows_gold")
    assert [tuple(row[key] for key in keys) for row in numbers["rows"]] == [
        ("mean_difference", 0, False),
        ("same_type", 4, True),
        ("random", 1, False),
    ]
    mended = [row["broken_mended"] for row in numbers["rows"]]
    assert [row["estimate"] for row in mended] == [0.5, 0.75, 0.25]
    assert {(row["n"], row["n_programs"]) for row in mended} == {(2, 1)}
    assert [row["worsened"]["estimate"] for row in numbers["rows"]] == [0, 0.5, 1]
    labels = [row[0] for row in in_context_rows(numbers)]
    assert labels[1:] == [
        "4 solved examples, same type (told the gold)",
        "1 solved example, any type (not told the gold)",
    ]
    text = say_in_context(numbers)
    assert "n = 2 broken test examples" in text
    assert "best of `select` (n = 1)" in text


def test_without_an_example_on_select_only_random_is_there():
    numbers = in_context_numbers(table(*TEST), GROUPS, STEERED)
    assert [(row["choice"], row["n_shots"]) for row in numbers["rows"][1:]] == [("random", 4)]
    assert numbers["rows"][1]["broken_mended"]["estimate"] == 1
    assert "`select` has none to choose by" in say_in_context(numbers)


@pytest.mark.parametrize("examples", [[SELECT], [], [SELECT, TEST[2]]])
def test_where_nothing_was_asked_both_ways(examples):
    numbers = in_context_numbers(table(*examples), GROUPS, STEERED)
    assert in_context_rows(numbers) == []
    assert "No broken test example" in say_in_context(numbers)


def test_which_choices_are_told_the_gold():
    assert [choice for choice in CHOICES if not knows_gold(choice)] == ["random", "scrambled"]
