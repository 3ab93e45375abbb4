"""The numbers and sentences of the summary against a study whose answer is known."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fimscope.errors import UserError
from fimscope.experiments.accuracy.numbers import (
    accuracy_numbers,
    change_numbers,
    confusion_numbers,
)
from fimscope.experiments.accuracy.section import say_accuracy, say_wrong_answers
from fimscope.experiments.tables import SPLIT
from fimscope.files.digests import read_json
from fimscope.report.markdown import code, table
from fimscope.report.timings import timing_numbers
from fimscope.statistics.bootstrap import Bootstrap
from synthetic import HOSTILE, N_POINTS, predictions_table, write_study

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
    edits = ("original", "rename_vars")
    subprocess.run(
        [
            *(sys.executable, SCRIPTS / "write_summary.py"),
            *("--funnel", *(folder / f"funnel/{edit}.parquet" for edit in edits)),
            *("--predictions", *(folder / f"predictions/{edit}.parquet" for edit in edits)),
            *("--splits", *(folder / f"split/{edit}.parquet" for edit in edits)),
            *("--model-info", folder / "model.json", "--config", json.dumps(CONFIG)),
            *("--benchmarks", folder / "benchmarks", "--logs", folder / "logs"),
            *("--draws", str(DRAWS), "--seed", "0", "--sections"),
            *("--out", out / "summary.md", "--out-figures", out / "figures.json"),
        ],
        check=True,
        capture_output=True,
    )
    page = (out / "summary.md").read_text(encoding="utf-8")
    return page, read_json(out / "figures.json")


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
    found = accuracy_numbers(
        predictions_table(ORIGINAL, n_programs=10), "original", Bootstrap(DRAWS)
    )
    assert (found["n"], found["n_programs"], found["n_right"]) == (100, 10, 60)
    assert found["right"]["estimate"] == 0.6
    assert found["right"]["lower"] <= 0.6 <= found["right"]["upper"]
    assert found["baseline"] == {"gold": "string", "n": 60, "rate": 0.6}
    assert found["top10"]["estimate"] == 0.8  # of the wrong ones every other has rank 5
    assert accuracy_numbers(predictions_table([]), "none", Bootstrap(DRAWS)) == {
        "edit": "none",
        "n": 0,
        "n_programs": 0,
    }


def test_changes_by_hand(study):
    from fimscope.files.tables import read_table

    split = read_table(study / "split/rename_vars.parquet", SPLIT)
    (found,) = change_numbers({"original": split, "rename_vars": split}, Bootstrap(DRAWS))
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
    assert verdict in " ".join(say_accuracy([accuracy(0.4, 0.6, baseline)], []))


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
        "n_programs": 40,
        "difference": {"estimate": (lower + upper) / 2, "lower": lower, "upper": upper},
        "adjusted_p": p,
    }
    assert verdict in say_accuracy([accuracy(0.4, 0.6, 0.3)], [change])[-2]


def test_readings_of_nothing():
    none = confusion_numbers(predictions_table([("string", "string", True)]), "original")
    assert "no answer is wrong" in say_wrong_answers([none])[0]
    assert "No example was answered" in say_accuracy([{"edit": "x", "n": 0}], [])[0]


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
        f"{len(ORIGINAL) + len(HOSTILE)} annotations (parameters and return types of any length)",
        "at most 99 tokens. Activations were patched at every point of the residual stream, 0 to "
        f"{N_POINTS - 1}",
        "  max_tokens: 99\n",
        "@misc{lucchetti2024codetrace,",
        "All steps together ran for 40 s, with a peak of 1500 MB; 20.0% of that was loading",
    ):
        assert expected in page
    assert numbers["changes"][0]["n_broken"] == 30
    assert numbers["config"] == CONFIG
    sections = [line for line in page.splitlines() if line.startswith("## ")]
    assert sections[-1] == "## Time and memory"


@pytest.mark.process
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
