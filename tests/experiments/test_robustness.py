"""Accuracy by dose and the comparison of models, against values worked out by hand."""

import pyarrow as pa
import pytest

from fimscope.experiments.compare.numbers import comparison_numbers
from fimscope.experiments.robustness.numbers import lowest, robustness_numbers
from fimscope.models.ran import models_that_ran
from fimscope.typescript.edit_names import dosed_edits


def answers(**rights: bool) -> pa.Table:
    """A predictions table whose examples are named by a program and a number, as a1."""
    columns = {"example_id": list(rights), "program_id": [name[0] for name in rights]}
    return pa.table({**columns, "correct": list(rights.values())})


def test_every_edit_at_every_dose():
    found = dosed_edits(["rename_vars", "add_distractor"], [1, 0.25], [2, 1])
    assert found == ["rename_vars@0.25", "rename_vars", "add_distractor", "add_distractor@k2"]


def test_a_curve_has_the_same_examples_at_every_dose():
    original = answers(a1=True, a2=True, b1=False, c1=True)
    predictions = {
        "rename_vars@0.5": answers(a1=True, a2=False, b1=False, c1=False),
        "rename_vars": answers(a1=False, a2=False, b1=True),
        "add_distractor@k2": answers(),
    }
    names, distractor = robustness_numbers(original, predictions)
    assert names["sizes"] == [0, 0.5, 1]
    assert (names["n"], names["n_programs"]) == (3, 2)
    assert names["accuracy"]["estimate"] == pytest.approx([2 / 3, 1 / 3, 1 / 3], abs=1e-6)
    assert [change["estimate"] for change in names["changes"]] == pytest.approx(
        [-1 / 3, -1 / 3], abs=1e-6
    )
    assert lowest([names, distractor]) == (names, 0)
    assert (distractor["n"], distractor["accuracy"]) == (0, None)
    assert distractor["sizes"] == [0, 2]


def test_models_are_compared_on_what_all_of_them_answered():
    models = {
        "one": (answers(a1=True, a2=True, b1=False), answers(a1=False, a2=True, b1=True)),
        "two": (answers(a1=True, c1=True), answers(a1=True, c1=False)),
    }
    found = comparison_numbers(models)
    assert found["one"]["common"]["n"] == found["two"]["common"]["n"] == 1
    assert found["one"]["own"]["n"] == 3
    assert found["one"]["own"]["original"]["estimate"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["one"]["own"]["broken"]["estimate"] == 0.5  # of the two that were right
    assert found["two"]["common"]["broken"]["estimate"] == 0


def test_models_that_share_no_example_have_no_common_numbers():
    models = {"one": (answers(a1=True),) * 2, "two": (answers(b1=True),) * 2}
    assert comparison_numbers(models)["one"]["common"]["original"] is None


def test_models_that_ran_have_both_tables(tmp_path):
    assert models_that_ran(tmp_path / "nowhere", "rename_vars") == []
    for name, edits in {"b": ["original", "rename_vars"], "a": ["original"]}.items():
        (tmp_path / name / "predictions").mkdir(parents=True)
        for edit in edits:
            (tmp_path / name / "predictions" / f"{edit}.parquet").write_bytes(b"")
    assert models_that_ran(tmp_path, "rename_vars") == ["b"]
