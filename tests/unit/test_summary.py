"""The numbers and sentences of the summary against a study whose answer is known."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fimscope.curves import compare_to_controls
from fimscope.curves import read_sweep as read_curves
from fimscope.errors import UserError
from fimscope.markdown import code, table
from fimscope.readings import read_accuracy, read_sweep, read_wrong_answers, spans
from fimscope.summary import accuracy_numbers, change_numbers, confusion_numbers, sweep_numbers
from fimscope.timings import timing_numbers
from synthetic import (
    HOSTILE,
    N_POINTS,
    N_PROGRAMS,
    RISE,
    patch_rows,
    predictions_table,
    write_study,
    write_sweep,
)

SCRIPTS = Path(__file__).parents[2] / "scripts"
DRAWS = 800
CONFIG = {
    "seed": 1,
    "model": {"name": "small", "dtype": "float32"},
    "prompt": {"format": "fim", "golds": "all", "max_tokens": 99},
    "statistics": {"draws": DRAWS},
}
ORIGINAL = [("string", "string", True)] * 60 + [("number", "any", False)] * 40
# 30 of the 60 right ones break, 5 of the 40 wrong ones are mended
RENAMED = [
    *[("string", "any", False)] * 30,
    *[("string", "string", True)] * 30,
    *[("number", "number", True)] * 5,
    *[("number", "any", False)] * 35,
]


def summarise(folder: Path, out: Path) -> tuple[str, dict]:
    """Run the step as a command on a study; its page and its numbers."""
    edits, conditions = ("original", "rename_vars"), ("restore", "same_type", "wrong_to_wrong")
    subprocess.run(
        [
            *(sys.executable, SCRIPTS / "write_summary.py"),
            *("--funnel", *(folder / f"funnel/{edit}.parquet" for edit in edits)),
            *("--predictions", *(folder / f"predictions/{edit}.parquet" for edit in edits)),
            *("--splits", *(folder / f"split/{edit}.parquet" for edit in edits)),
            *("--patches", *(folder / f"patches/{name}.parquet" for name in conditions)),
            *("--pairs", folder / "pairs.parquet", "--model-info", folder / "model.json"),
            *("--config", json.dumps(CONFIG)),
            *("--benchmarks", folder / "benchmarks", "--logs", folder / "logs"),
            *("--draws", str(DRAWS), "--out", out / "summary.md"),
            *("--out-figures", out / "figures.json"),
        ],
        check=True,
        capture_output=True,
    )
    page = (out / "summary.md").read_text(encoding="utf-8")
    return page, json.loads((out / "figures.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    hostile = [("string", text, False) for text in HOSTILE]
    write_study(folder, {"original": ORIGINAL + hostile, "rename_vars": RENAMED + hostile})
    return folder


@pytest.fixture(scope="module")
def summary(study, tmp_path_factory) -> tuple[str, dict]:
    return summarise(study, tmp_path_factory.mktemp("summary"))


def test_accuracy_by_hand():
    found = accuracy_numbers(predictions_table(ORIGINAL, n_programs=10), "original", DRAWS, 0)
    assert (found["n"], found["n_programs"], found["n_right"]) == (100, 10, 60)
    assert found["right"]["estimate"] == 0.6
    assert found["right"]["lower"] <= 0.6 <= found["right"]["upper"]
    assert found["baseline"] == {"gold": "string", "n": 60, "rate": 0.6}
    assert found["top10"]["estimate"] == 0.8  # of the wrong ones every other has rank 5
    assert accuracy_numbers(predictions_table([]), "none", DRAWS, 0) == {
        "edit": "none",
        "n": 0,
        "n_programs": 0,
    }


def test_changes_by_hand(study):
    from fimscope.tables import read_table

    split = read_table(study / "split/rename_vars.parquet", "split")
    (found,) = change_numbers({"original": split, "rename_vars": split}, DRAWS, 0)
    assert (found["n_broken"], found["n_mended"], found["n_right_before"]) == (30, 5, 60)
    assert found["difference"]["estimate"] == pytest.approx((5 - 30) / split.num_rows, abs=1e-6)
    two_tails = 2 * sum(np.array([1, 35, 595, 6545, 52360, 324632]) / 2**35)  # 35 choose 0..5
    assert found["mcnemar_p"] == pytest.approx(two_tails, rel=1e-3)


def test_confusions_keep_every_wrong_answer():
    answers = [("a", f"x{i}", False) for i in range(14)] + [("b", "x3", False), ("a", "a", True)]
    found = confusion_numbers(predictions_table(answers), "original", n_kept=5)
    assert found["n_wrong"] == 15
    assert sum(map(sum, found["counts"])) == 15
    assert found["golds"] == ["a", "b"]
    assert found["predicted"] == ["x3", "x0", "x1", "x10", "x11", None]
    assert found["counts"] == [[1, 1, 1, 1, 1, 9], [1, 0, 0, 0, 0, 0]]


def test_sweep_finds_the_effect_where_it_was_put(tmp_path):
    path, pairs = write_sweep(tmp_path, patch_rows("restore", rise=RISE, seed=1))
    found = sweep_numbers(read_curves(path, pairs, "last"), DRAWS, 0)
    assert (found["n_pairs"], found["n_small_gap"]) == (40, 1)
    assert found["points"] == list(range(N_POINTS))
    assert found["comparison"]["points_above"] == list(range(RISE, N_POINTS))
    assert (found["comparison"]["n_pairs"], found["comparison"]["n_programs"]) == (40, N_PROGRAMS)
    paired = found["effects"]["paired"]
    assert paired["estimate"] == pytest.approx([0] * RISE + [0.8] * (N_POINTS - RISE), abs=0.15)
    assert found["flips"]["paired"]["estimate"] == [0] * RISE + [1] * (N_POINTS - RISE)
    assert found["flips"]["self"]["estimate"] == [0] * N_POINTS  # whatever to_donor says
    assert found["flips"]["paired"]["n_pairs"] == 40
    assert found["half_of_maximum"]["half_at"] == RISE
    assert found["largest_self_effect"] == 0
    sentences = " ".join(read_sweep(found))
    assert f"at points {RISE} to {N_POINTS - 1}." in sentences
    assert "do not trust" not in sentences


def test_sweep_without_effect_is_said_to_have_none(tmp_path):
    path, pairs = write_sweep(tmp_path, patch_rows("same_type", rise=N_POINTS, seed=2))
    found = sweep_numbers(read_curves(path, pairs, "last"), DRAWS, 0)
    assert found["comparison"]["points_above"] == []
    assert found["half_of_maximum"] is None
    assert "no effect is shown" in read_sweep(found)[0]


def test_chance_seldom_puts_the_paired_donor_above_its_controls(tmp_path):
    alarms = []
    for seed in range(60):
        path, pairs = write_sweep(tmp_path, patch_rows("same_type", N_POINTS, 100 + seed, 24))
        sweep = read_curves(path, pairs, "last")
        alarms.append(compare_to_controls(sweep.flips).above.any())
    assert np.mean(alarms) <= 0.08


def test_a_self_patch_that_changes_something_is_told(tmp_path):
    rows = patch_rows("restore", rise=RISE, seed=1)
    next(row for row in rows[100:] if row["donor_kind"] == "self")["normalised_effect"] = -0.4
    path, pairs = write_sweep(tmp_path, rows)
    found = sweep_numbers(read_curves(path, pairs, "last"), DRAWS, 0)
    assert found["largest_self_effect"] == pytest.approx(0.4)
    assert "up to 0.400, where it must change nothing: do not trust" in " ".join(read_sweep(found))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows: [{**row, "position": "use"} for row in rows], "it holds: use"),
        (lambda rows: rows[:-1], "lacks a point"),
        (lambda rows: [*rows, rows[0]], "several rows at one point"),
        (lambda rows: [*rows[1:], {**rows[0], "condition": "break"}], "one expected in each file"),
    ],
)
def test_a_spoilt_patch_table_is_refused(tmp_path, spoil, message):
    path, pairs = write_sweep(tmp_path, spoil(patch_rows("restore", rise=RISE, seed=1)))
    with pytest.raises(UserError, match=message):
        read_curves(path, pairs, "last")


def test_patches_of_other_pairs_are_refused(tmp_path):
    path, pairs = write_sweep(tmp_path, patch_rows("restore", rise=RISE, seed=1))
    with pytest.raises(UserError, match="not in the pairs table"):
        read_curves(path, pairs.slice(8), "last")


def accuracy(lower: float, upper: float, baseline: float) -> dict:
    rate = {"estimate": (lower + upper) / 2, "lower": lower, "upper": upper}
    return {
        **{"edit": "original", "n": 100, "n_programs": 30, "n_right": 50},
        **{"right": rate, "top10": rate},
        "baseline": {"gold": "string", "n": 1, "rate": baseline},
    }


@pytest.mark.parametrize(
    ("baseline", "verdict"),
    [(0.3, "above that baseline"), (0.5, "no skill beyond it"), (0.8, "below that baseline")],
)
def test_reading_of_accuracy_follows_the_interval(baseline, verdict):
    assert verdict in " ".join(read_accuracy([accuracy(0.4, 0.6, baseline)], []))


@pytest.mark.parametrize(
    ("lower", "upper", "p", "verdict"),
    [
        (-0.2, -0.1, 0.001, "the edit makes the model worse"),
        (0.1, 0.2, 0.001, "the edit makes the model better"),
        (-0.1, 0.1, 0.7, "; no change is shown"),
        (-0.1, 0.1, 0.01, "disagree"),
        (-0.2, -0.1, 0.2, "disagree"),
    ],
)
def test_reading_of_a_change_needs_test_and_interval(lower, upper, p, verdict):
    change = {
        **{"edit": "rename_vars", "n_broken": 3, "n_mended": 2, "n_right_before": 9},
        "difference": {"estimate": (lower + upper) / 2, "lower": lower, "upper": upper},
        "adjusted_p": p,
    }
    assert verdict in read_accuracy([accuracy(0.4, 0.6, 0.3)], [change])[-1]


def test_readings_of_nothing():
    none = confusion_numbers(predictions_table([("string", "string", True)]), "original")
    assert "no answer is wrong" in read_wrong_answers([none])[0]
    assert "No example was answered" in read_accuracy([{"edit": "x", "n": 0}], [])[0]
    assert "No pair was found" in read_sweep({"n_pairs": 0})[0]


@pytest.mark.parametrize(
    ("chosen", "words"),
    [([3], "point 3"), ([3, 4, 5], "points 3 to 5"), ([0, 3, 4, 6], "points 0, 3 to 4, 6")],
)
def test_spans(chosen, words):
    assert spans(chosen, range(8)) == words


def test_code_spans_hold_whatever_they_are_given():
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark").enable("table")
    for text in HOSTILE:
        tokens = markdown.parse("\n".join(table(["a", "b"], [[code(text), code(text)]])))
        cells = [token for token in tokens if token.type == "inline"][2:]
        assert [[child.type for child in cell.children] for cell in cells] == [["code_inline"]] * 2


def test_timings_add_up(study):
    found = timing_numbers([study / "benchmarks"], [study / "logs"])
    assert found == {
        "steps": [
            {"step": "predict_types/original", "wall_s": 40, "peak_mb": 1500.5, "loading_s": 8.1},
            {"step": "split_examples", "wall_s": 0.5, "peak_mb": None, "loading_s": None},
        ],
        "wall_s": 40.5,
        "peak_mb": 1500.5,
        "loading_s": 8.1,
        "n_loading_logged": 1,
    }
    with pytest.raises(UserError, match="no such folder"):
        timing_numbers([study / "nothing"], [])


def test_the_page_tells_the_known_answer(summary):
    page, numbers = summary
    for expected in (
        "the edit makes the model worse",
        "`rename_vars` breaks 30 of 60 right answers and mends 5",
        f"than every control does at points {RISE} to {N_POINTS - 1}",
        "At no point does the paired donor turn more recipients to the target than all its "
        "controls do: no effect is shown",
        "No pair was found for this condition, so it shows nothing",
        "exact sign test over programs",
        f"{len(ORIGINAL) + len(HOSTILE)} annotations (parameters and return types of any length)",
        "at most 99 tokens. Activations were patched at every point of the residual stream, 0 to "
        f"{N_POINTS - 1}",
        "  max_tokens: 99\n",
        "@misc{heimersheim2024patching,",
        "All steps together ran for 40 s, with a peak of 1500 MB; 20.0% of that was loading",
    ):
        assert expected in page
    assert numbers["changes"][0]["n_broken"] == 30
    assert numbers["config"] == CONFIG
    assert [sweep["condition"] for sweep in numbers["patches"]] == [
        "restore",
        "same_type",
        "wrong_to_wrong",
    ]
    sections = [line for line in page.splitlines() if line.startswith("## ")]
    assert sections[-1] == "## Time and memory"


def test_the_same_input_gives_the_same_bytes_but_for_the_timings(study, summary, tmp_path):
    benchmark = study / "benchmarks/split_examples.tsv"
    text = benchmark.read_text(encoding="utf-8")
    benchmark.write_text(text.replace("0.5", "99.5"), encoding="utf-8")
    page, numbers = summarise(study, tmp_path)
    benchmark.write_text(text, encoding="utf-8")
    first, first_numbers = summary
    assert page != first
    assert page.split("## Time and memory")[0] == first.split("## Time and memory")[0]
    assert numbers.pop("timings") != first_numbers["timings"]
    assert numbers == {k: v for k, v in first_numbers.items() if k != "timings"}
