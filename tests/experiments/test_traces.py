"""Traces: every patch equals a plain forward, those that are not run too; roles; pairs."""

import pyarrow as pa
import pytest

from bare_points import bare_points
from fimscope.experiments.tables import PREDICTIONS
from fimscope.experiments.traces.numbers import accuracy_numbers, trace_numbers
from fimscope.experiments.traces.roles import token_roles
from fimscope.experiments.traces.section import traces_section
from fimscope.experiments.traces.tables import TRACES
from fimscope.experiments.traces.traced import choose_traces, live_points
from fimscope.files.tables import read_table, write_table
from fimscope.inference.batching import BatchRunner
from fimscope.interventions.sweep import sweep_plain
from fimscope.parts.store import UNKEPT
from fimscope.statistics.verdicts import Verdict
from models import random_model
from trace_tokens import streams_of, trace_rows, trace_tokens

KINDS = ("fim", "rest", "declaration", "annotation", "rest", "use", "rest", "fim")


class Words:
    def decode(self, ids):
        return " ".join(map(str, ids))


def prompt(example_id, edit, token_ids):
    regions = [{"kind": kind, "start": i, "end": i + 1} for i, kind in enumerate(KINDS)]
    positions = [{"name": "last", "index": len(token_ids) - 1}]
    keys = {"example_id": example_id, "edit": edit, "program_id": f"p-{example_id}"}
    return {**keys, "token_ids": token_ids, "regions": regions, "positions": positions}


ORIGINAL = {
    "a": prompt("a", "original", [1, 9, 5, 7, 30, 5, 8, 2]),
    "b": prompt("b", "original", [1, 19, 6, 7, 40, 6, 18, 2]),
    "c": prompt("c", "original", [1, 9, 5, 7, 30, 5, 8, 2]),
}
VARIANT = {
    "a": prompt("a", "rename_aligned", [1, 9, 50, 7, 31, 50, 8, 2]),
    "b": prompt("b", "rename_aligned", [1, 19, 60, 7, 40, 60, 18, 2]),
    "c": prompt("c", "rename_aligned", [1, 9, 5, 7, 30, 5, 8, 2]),  # nothing has changed
}


def predictions():
    right = {"gold_token_id": 3, "predicted_token_id": 3, "correct": True}
    wrong = {"gold_token_id": 3, "predicted_token_id": 4, "correct": False}
    answers = {name: {"example_id": name, "edit": "original", **right} for name in ORIGINAL}
    edited = [{"example_id": name, "edit": "rename_aligned", **wrong} for name in VARIANT]
    return answers, edited


def answered(edit, corrects):
    keys = dict.fromkeys(PREDICTIONS.schema.names)
    rows = [
        {**keys, "example_id": f"e{i}", "edit": edit, "program_id": f"p{i}", "correct": correct}
        for i, correct in enumerate(corrects)
    ]
    return pa.Table.from_pylist(rows, PREDICTIONS.schema)


ACCURACY = accuracy_numbers(
    answered("original", [True] * 8), answered("rename_aligned", [True] * 6 + [False] * 4), 0.03
)


def test_accuracy_is_compared_over_the_same_examples():
    assert (ACCURACY["original"], ACCURACY["edited"]) == (1.0, 0.75)
    assert (ACCURACY["difference"]["n"], ACCURACY["difference"]["estimate"]) == (8, -0.25)
    nothing = accuracy_numbers(answered("original", []), answered("rename_aligned", []), 0.03)
    assert nothing["difference"] is None


@pytest.fixture(scope="module")
def traces():
    return choose_traces(ORIGINAL, VARIANT, *predictions(), 9, 8, 0)


def test_both_directions_of_aligned_pairs(traces):
    found, lonely = traces
    assert [row["example_id"] for row in lonely] == ["c"]
    told = {(t.condition, t.recipient["example_id"], t.recipient["edit"]) for t in found}
    assert told == {
        (condition, name, edit)
        for name in "ab"
        for condition, edit in (("restore", "rename_aligned"), ("break", "original"))
    }
    by_condition = {t.condition: (t.target, t.foil) for t in found}
    assert by_condition == {"restore": (3, 4), "break": (4, 3)}
    assert choose_traces(ORIGINAL, VARIANT, *predictions(), 9, 7, 0) == ([], [])


def test_one_example_of_a_program_is_traced():
    same = {key: {name: {**row, "program_id": "p"} for name, row in rows.items()}
            for key, rows in (("first", ORIGINAL), ("second", VARIANT))}  # fmt: skip
    found, lonely = choose_traces(same["first"], same["second"], *predictions(), 9, 8, 0)
    assert len(found) == 2
    assert found[0].recipient["example_id"] == found[1].recipient["example_id"]
    assert [row["example_id"] for row in lonely] == ["c"]


def test_what_no_patch_can_reach_is_not_tested():
    """The last token at point 0 is the same in both prompts: no patch is run, and there it is 0."""
    rows = [
        {
            **{"condition": "restore", "example_id": f"e{i}", "edit": "x", "program_id": f"p{i}"},
            **{"token": 7, "text": "", "role": "last", "point": point, "is_run": point > 0},
            **{"predicted": "", "to_target": False, "logit_diff": 0.0},
            **{"recipient_logit_diff": 0.0, "donor_logit_diff": 1.0},
            "normalised_effect": 0.9 * (point > 0),
        }
        for i in range(12)
        for point in (0, 4)
    ]
    found = trace_numbers(pa.Table.from_pylist(rows, TRACES.schema), ACCURACY, 0.1)["effects"]
    [start, end] = [row for row in found if row["n"]]
    assert (start["p"], start["verdict"]) == (None, "shown absent")
    assert end["adjusted_p"] == pytest.approx(2 / 2**12, rel=1e-3)  # a family of one
    assert (end["verdict"], end["least_adjusted_p"]) == ("shown", end["adjusted_p"])


def test_each_token_has_its_role():
    assert token_roles(ORIGINAL["a"], VARIANT["a"]) == [
        *("format", "rest", "hole_name", "annotation", "other_name", "use", "rest", "last")
    ]


@pytest.mark.model
def test_every_patch_equals_a_plain_forward(traces, tmp_path):
    model = random_model("gpt_bigcode")
    found, _ = traces
    points = list(range(model.n_points))
    runner = BatchRunner(lambda: model, 64, UNKEPT)
    streams = streams_of(runner, found)
    swept = trace_tokens(runner, found, streams, points)
    n_live = sum(len(live) for t in found for live in live_points(t, points).values())
    assert len(swept) == n_live
    rows = list(trace_rows(found, streams, swept, points, 0.0, Words()))
    assert len(rows) == len(found) * 8 * len(points)
    by_place = {
        (row["condition"], row["example_id"], row["token"], row["point"]): row for row in rows
    }
    for trace in found:
        ids = trace.recipient["token_ids"]
        name = trace.recipient["example_id"]
        for token in range(8):
            donors = streams[name, trace.donor["edit"]].at([token], points)
            plain = sweep_plain(
                model, [ids], [[token]], [[p] for p in points], donors[:, None, None]
            )
            for point in points:
                logits = plain[point, 0, 0]
                row = by_place[trace.condition, name, token, point]
                diff = float(logits[trace.target] - logits[trace.foil])
                assert row["logit_diff"] == pytest.approx(diff, abs=1e-4)
        last = by_place[trace.condition, name, 7, points[-1]]
        assert last["normalised_effect"] == pytest.approx(1, abs=1e-3)
        first = by_place[trace.condition, name, 1, 1]
        assert not first["is_run"]
        assert first["normalised_effect"] == 0
    write_table(tmp_path / "traces.parquet", TRACES, rows, {})
    numbers = trace_numbers(read_table(tmp_path / "traces.parquet", TRACES), ACCURACY, 0.1)
    top = [row for row in numbers["effects"] if (row["role"], row["point"]) == ("last", points[-1])]
    assert [round(row["estimate"], 3) for row in top] == [1.0, 1.0]
    assert "2 examples" in " ".join(traces_section(numbers).reading)
    for row in numbers["effects"]:
        row["verdict"] = Verdict.SHOWN
    assert bare_points(traces_section(numbers)) == []


def test_a_study_without_pairs_says_so(tmp_path):
    write_table(tmp_path / "traces.parquet", TRACES, [], {})
    numbers = trace_numbers(read_table(tmp_path / "traces.parquet", TRACES), ACCURACY, 0.1)
    assert traces_section(numbers).reading == [
        "No broken example has aligned prompts that are short enough."
    ]
