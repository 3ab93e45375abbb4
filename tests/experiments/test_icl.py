"""The numbers of the in-context comparison and of the masking, by hand."""

import pyarrow as pa
import pytest

from fimscope.experiments.icl.numbers import icl_numbers, read_cells
from fimscope.experiments.masking.numbers import masking_numbers
from fimscope.experiments.registry import all_tables
from fimscope.statistics.verdicts import Verdict

MARGIN = 0.03

KEY = {"edit": "rename_vars", "gold": "string", "gold_rank": 0, "n_tokens": 9, "predicted": "x"}


def table(name: str, rows: list[dict]) -> pa.Table:
    return pa.Table.from_pylist([{**KEY, **row} for row in rows], all_tables()[name].schema)


def asked(example: str, outcome: str, rights: dict) -> list[dict]:
    """Rows of one example: (choice, number of shots, seed) -> right."""
    return [
        {
            "example_id": example,
            "program_id": f"of {example}",
            "outcome": outcome,
            "choice": choice,
            "n_shots": n,
            "seed": seed,
            "correct": right,
            "gold_logprob": -1.0 if right else -3.0,
        }
        for (choice, n, seed), right in rights.items()
    ]


def test_in_context_cells_are_means_over_seeds_of_complete_examples():
    choices = ["same_type", "scrambled"]
    plain = {("none", 0, None): False}
    full = {(c, 2, s): c == "same_type" and s == 1 for c in choices for s in (0, 1)}
    lacking = {key: value for key, value in full.items() if key != ("scrambled", 2, 1)}
    rows = [
        *asked("a", "wrong", plain | full),
        *asked("b", "wrong", plain | dict.fromkeys(full, True)),
        *asked("c", "broken", plain | lacking),
    ]
    cells = read_cells(table("icl", rows), choices, [2], 2)
    assert cells.programs.tolist() == ["of a", "of b"]
    assert cells.values["correct"]["same_type"].tolist() == [[0, 0.5], [0, 1]]
    assert cells.n_left == {"right": 0, "wrong": 0, "broken": 1}

    n_holes = {"right": 0, "wrong": 2, "broken": 1}
    numbers = icl_numbers(cells, n_holes, MARGIN)
    assert numbers["n_shots"] == [0, 2]
    assert numbers["outcomes"]["broken"]["curves"] == {}
    assert numbers["outcomes"]["wrong"]["curves"]["same_type"]["estimate"] == [0, 0.75]
    none = {(t["outcome"], t["choice"]): t for t in numbers["against_none"]}
    assert none["wrong", "same_type"]["estimate"] == 0.75
    assert none["wrong", "same_type"]["logprob"]["estimate"] == 1.5
    assert none["broken", "same_type"]["n"] == 0
    [control] = [t for t in numbers["against_controls"] if t["outcome"] == "wrong"]
    assert (control["control"], control["estimate"]) == ("scrambled", 0.25)


def test_the_net_change_is_over_all_holes_each_outcome_by_its_share():
    """One of ten right holes was asked and spoiled, two of two wrong ones asked and mended."""
    plain, choices = ("none", 0, None), ["same_type", "random"]
    rows = [
        *asked("a", "right", {plain: True, ("same_type", 1, 0): True, ("random", 1, 0): False}),
        *asked("b", "wrong", {plain: False, ("same_type", 1, 0): True, ("random", 1, 0): True}),
        *asked("c", "wrong", {plain: False, ("same_type", 1, 0): True, ("random", 1, 0): True}),
    ]
    cells = read_cells(table("icl", rows), choices, [1], 1)
    n_holes = {"right": 10, "wrong": 2, "broken": 0}
    net = icl_numbers(cells, n_holes, MARGIN)["net"]
    by_choice = {row["choice"]: row for row in net}
    assert [by_choice[c]["estimate"] for c in choices] == pytest.approx([2 / 12, -8 / 12], abs=1e-6)
    assert [by_choice[c]["before"] for c in choices] == pytest.approx([10 / 12] * 2, abs=1e-6)
    assert [by_choice[c]["knows_gold"] for c in choices] == [True, False]
    assert {row["verdict"] for row in net} == {Verdict.UNDECIDED}  # of three programs
    # a broken hole that was not asked: the whole is not known
    assert icl_numbers(cells, {**n_holes, "broken": 1}, MARGIN)["net"] == []


def mask(example, way, distractor, is_control, logprob, right=False) -> dict:
    return {
        "example_id": example,
        "program_id": f"of {example}",
        "outcome": "wrong",
        "way": way,
        "distractor": distractor,
        "is_control": is_control,
        "n_masked": 0 if way == "none" else 4,
        "correct": right,
        "gold_logprob": logprob,
    }


def test_a_mask_is_compared_with_the_plain_prompt_and_with_its_control():
    rows = [
        mask("a", "none", "none", False, -4.0),
        mask("b", "none", "none", False, -2.0),
        mask("a", "text", "comments", False, -1.0, right=True),
        mask("a", "text", "comments", True, -5.0),
        mask("b", "text", "comments", False, -2.0),
    ]
    found = masking_numbers(table("masking", rows), MARGIN)
    by_name = {(r["outcome"], r["way"], r["distractor"]): r for r in found}
    comments = by_name["wrong", "text", "comments"]
    assert (comments["n"], comments["n_without"], comments["mean_masked"]) == (1, 1, 4)
    assert comments["masked"]["estimate"] == pytest.approx(3)
    assert comments["control"]["estimate"] == pytest.approx(-1)
    assert comments["against_control"]["estimate"] == pytest.approx(4)
    assert comments["accuracy"]["estimate"] == comments["accuracy_over_control"]["estimate"] == 1
    assert comments["verdict"] == Verdict.UNDECIDED  # one program
    assert by_name["right", "text", "comments"]["n"] == 0
    assert by_name["wrong", "attention_last", "use"]["n_without"] == 2


def test_a_mask_that_makes_answers_right_is_shown_to_raise_the_gold_whatever_its_likelihood():
    """30 programs: 12 turn right under the mask and none under the control; the gold's
    log-probability rises in half of them and falls as far in the others."""
    mask = {"distractor": "declaration", "n_masked": 4}
    rows = []
    for i in range(30):
        one = {"example_id": f"{i}", "program_id": f"of {i}", "outcome": "broken"}
        answers = [
            ("none", None, False, -3.0),
            ("attention_last", False, i < 12, -2.0 if i % 2 else -4.0),
            ("attention_last", True, False, -3.0),
        ]
        for way, is_control, right, logprob in answers:
            own = {"distractor": "none", "n_masked": 0} if way == "none" else mask
            rows.append(
                {**one, **own, "way": way, "is_control": bool(is_control)}
                | {"correct": right, "gold_logprob": logprob}
            )
    found = masking_numbers(table("masking", rows), MARGIN)
    by_name = {(r["outcome"], r["way"], r["distractor"]): r for r in found}
    declaration = by_name["broken", "attention_last", "declaration"]
    assert declaration["against_control"]["estimate"] == pytest.approx(0)
    assert declaration["accuracy_over_control"]["estimate"] == pytest.approx(0.4)
    assert declaration["verdict"] == Verdict.SHOWN
