"""The numbers and sentences of the summary against a study whose answer is known."""

import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pyarrow as pa
import pytest

from fimscope.errors import UserError
from fimscope.experiments.accuracy.baselines import baseline_ranks, read_holes
from fimscope.experiments.accuracy.numbers import (
    accuracy_numbers,
    change_numbers,
    confusion_numbers,
    judge_gains,
)
from fimscope.experiments.accuracy.section import accuracy_sections, say_accuracy
from fimscope.experiments.accuracy.strata import LIBRARY, gold_stratum
from fimscope.experiments.tables import SPLIT
from fimscope.files.digests import read_json
from fimscope.files.tables import read_table
from fimscope.report.links import of_one_token
from fimscope.report.markdown import code, table
from fimscope.report.timings import timing_numbers
from fimscope.statistics.claims import judge_together, package_numbers
from synthetic import HOSTILE, N_POINTS, example_rows, predictions_table, write_study

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "scripts"
CONFIG = {
    "seed": 1,
    "model": {"name": "small", "dtype": "float32"},
    "patch": {"conditions": ["restore"]},
    "prompt": {"format": "fim", "golds": "all", "max_tokens": 99},
    "statistics": {"draws": 800},
}
ORIGINAL = [("string", "string", True)] * 60 + [("number", "any", False)] * 40
# 30 of the 60 right ones break, 5 of the 40 wrong ones are mended
RENAMED = [
    *[("string", "any", False)] * 30,
    *[("string", "string", True)] * 30,
    *[("number", "number", True)] * 5,
    *[("number", "any", False)] * 35,
]


def summarise(folder: Path, out: Path, config: dict = CONFIG) -> tuple[str, dict, dict]:
    """Run the step as a command on a study; its summary, its numbers and the report's contents."""
    edits = ("original", "rename_vars")
    subprocess.run(
        [
            *(sys.executable, SCRIPTS / "write_summary.py"),
            *("--examples", folder / "examples.parquet"),
            *("--funnel", *(folder / f"funnel/{edit}.parquet" for edit in edits)),
            *("--predictions", *(folder / f"predictions/{edit}.parquet" for edit in edits)),
            *("--splits", *(folder / f"split/{edit}.parquet" for edit in edits)),
            *("--model-info", folder / "model.json", "--config", json.dumps(config)),
            *("--benchmarks", folder / "benchmarks", "--logs", folder / "logs"),
            *("--effect-margin", "0.1", "--accuracy-margin", "0.03", "--sections"),
            *("--out", out / "summary.md", "--out-report", out / "report.json"),
            *("--out-figures", out / "figures.json"),
        ],
        check=True,
        capture_output=True,
    )
    page = (out / "summary.md").read_text(encoding="utf-8")
    return page, read_json(out / "figures.json"), read_json(out / "report.json")


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    hostile = [("string", text, False) for text in HOSTILE]
    write_study(folder, {"original": ORIGINAL + hostile, "rename_vars": RENAMED + hostile})
    return folder


@pytest.fixture(scope="module")
def summary(study, tmp_path_factory) -> tuple[str, dict, dict]:
    return summarise(study, tmp_path_factory.mktemp("summary"))


def holes_of(predictions) -> dict[str, dict]:
    return {row["example_id"]: row for row in example_rows(predictions.to_pylist())}


def test_accuracy_by_hand():
    predictions = predictions_table(ORIGINAL, n_programs=10)
    found = accuracy_numbers(predictions, holes_of(predictions), "original")
    assert (found["n"], found["n_programs"], found["n_packages"]) == (100, 10, 4)
    assert (found["n_right"], found["right"]["estimate"]) == (60, 0.6)
    assert found["right"]["lower"] <= 0.6 <= found["right"]["upper"]
    assert found["top10"]["estimate"] == 0.8  # of the wrong ones every other has rank 5
    assert found["near_if_wrong"]["estimate"] == 0.5
    commonest = found["baselines"][0]
    assert (commonest["baseline"], commonest["right"]["estimate"]) == ("commonest", 0.6)
    assert commonest["near_if_wrong"]["estimate"] == 1.0
    assert commonest["gain"]["right"]["estimate"] == 0.0
    assert commonest["gain"]["near_if_wrong"]["estimate"] == -0.5
    none = predictions_table([])
    expected = {"edit": "none", "n": 0, "n_programs": 0}
    assert accuracy_numbers(none, {}, "none") == expected


def test_changes_by_hand(study):
    split = read_table(study / "split/rename_vars.parquet", SPLIT)
    (found,) = change_numbers(
        {"original": split, "rename_vars": split}, read_holes(study / "examples.parquet"), 0.03
    )
    assert (found["n_broken"], found["n_mended"], found["n_right_before"]) == (30, 5, 60)
    mean = pytest.approx((5 - 30) / split.num_rows, abs=1e-6)
    assert found["difference"]["estimate"] == found["packages"]["estimate"] == mean
    assert (found["n_programs"], found["packages"]["n_packages"]) == (20, 4)
    assert found["difference"]["verdict"] == "shown"
    by_gold = {row["stratum"]: row for row in found["strata"] if row["by"] == "gold"}
    assert by_gold["commonest"]["estimate"] == pytest.approx(
        -30 / 67, abs=1e-6
    )  # HOSTILE are strings too
    assert by_gold["other builtin"]["estimate"] == pytest.approx(5 / 40)
    kinds = [row for row in found["strata"] if row["by"] == "kind"]
    assert sum(row["n"] for row in kinds) == split.num_rows
    assert sum(row["n"] * row["estimate"] for row in kinds) == pytest.approx(-25, abs=1e-3)
    for row in found["strata"]:
        assert row["packages"]["estimate"] == row["estimate"]
        assert row["packages"]["n_packages"] <= 4 <= row["n_programs"]


def test_what_one_package_does_is_not_shown_of_others():
    # 20 programs each: all parameters of one package get worse; of three packages nothing changes.
    before = [("string", "string", True)] * 80
    after = [("string", "any" if i < 20 else "string", False) for i in range(80)]
    split, holes = [], {}
    for i, ((gold, _, _), (_, predicted, _)) in enumerate(zip(before, after, strict=True)):
        key = {"example_id": f"{i}", "program_id": f"program {i}"}
        holes[key["example_id"]] = {"package": f"package {i // 20}"}
        kind = {"kind": "parameter", "gold": gold, "outcome": "right", "mended": False}
        split.append({**key, **kind, "broken": predicted != gold})
    (found,) = change_numbers({"x": pa.Table.from_pylist(split)}, holes, 0.03)
    (kind,) = [row for row in found["strata"] if row["by"] == "kind"]
    assert (kind["verdict"], kind["packages"]["verdict"]) == ("shown", "undecided")
    low, high = (kind["packages"]["left_out"][end]["estimate"] for end in ("lowest", "highest"))
    assert (low, high) == (pytest.approx(-1 / 3, abs=1e-6), 0)
    numbers = {"funnel": {}, "accuracy": [], "changes": [found], "wrong_answers": []}
    table = accuracy_sections(numbers, "golds of one token", 0.03)[1].tables[-1]
    units = [row[3:] for row in table.rows if row[1] == "parameters"]
    assert [(unit, verdict) for unit, _, _, verdict in units] == [
        ("80 programs", "shown"),
        ("4 packages", "undecided"),
    ]


def test_a_baseline_knows_nothing_of_the_package_that_it_answers_for():
    holes = [
        *[{"package": "a", "kind": "parameter", "name": "x", "gold": "A"}] * 9,
        *[{"package": "b", "kind": "parameter", "name": "x", "gold": "B"}] * 3,
        *[{"package": "b", "kind": "return", "name": "y", "gold": "C"}] * 4,
        {"package": "c", "kind": "parameter", "name": "x", "gold": "B"},
        {"package": "c", "kind": "return", "name": "new", "gold": "C"},
        {"package": "c", "kind": "return", "name": "y", "gold": "D"},
    ]
    ranks = baseline_ranks(holes, 3)
    # By frequency a is told C (5), B (4), D (1); b is told A (9), B, C, D; c is told A, C, B.
    assert ranks["commonest"].tolist() == [3] * 9 + [1] * 3 + [2] * 4 + [2, 1, 3]
    # Parameters of a: B. Of b: A, B. Returns of b: C, D. Of c: parameters A, B; returns C.
    assert ranks["kind"].tolist() == [3] * 9 + [1] * 3 + [0] * 4 + [1, 0, 3]
    # y of b is D elsewhere; a name that is nowhere else is answered as its kind.
    assert ranks["name"].tolist() == [3] * 9 + [1] * 3 + [1] * 4 + [1, 0, 3]


def test_no_baseline_of_a_single_package_knows_anything():
    holes = [{"package": "a", "kind": "parameter", "name": "x", "gold": "A"}] * 3
    assert all(ranks.tolist() == [10] * 3 for ranks in baseline_ranks(holes, 10).values())


@pytest.mark.parametrize(
    ("gold", "stratum"),
    [
        ("string", "commonest"),
        ("Promise<Map<string, number[]>>", "other builtin"),
        ("readonly 1[] | null", "other builtin"),
        ("Promise<Config>", "own"),
        ("T", "own"),
    ],
)
def test_golds_by_whose_they_are(gold, stratum):
    assert gold_stratum(gold, "string") == stratum


def test_the_library_is_what_the_compilers_files_declare():
    declared = set()
    for path in sorted((ROOT / "node_modules/typescript/lib").glob("lib.es*.d.ts")):
        pattern = r"^(?:declare )?(?:interface|type|class|var|namespace) ([A-Z]\w*)"
        declared.update(re.findall(pattern, path.read_text("utf-8"), re.MULTILINE))
    assert {name for name in declared if not name.endswith("Constructor")} == LIBRARY


def planted(effects, n_programs, seed):
    """A split with one change a hole, drawn with these chances of broken and mended by package."""
    generator = np.random.default_rng(seed)
    rows, holes = [], {}
    for package, (broken, mended) in enumerate(effects):
        for i in range(n_programs * 3):
            name, draw = f"e{package}-{i}", generator.random()
            kind, program = "parameter", f"{package}-{i % n_programs}"
            holes[name] = {"package": f"k{package}", "kind": kind, "name": "x"}
            rows.append(
                {
                    **{"example_id": name, "program_id": program, "kind": kind, "gold": "string"},
                    "outcome": "wrong" if draw < broken else "right",
                    "broken": draw < broken,
                    "mended": broken <= draw < broken + mended,
                }
            )
    return pa.Table.from_pylist(rows), holes


@pytest.mark.parametrize(
    ("effects", "n_programs", "over_programs", "over_packages"),
    [
        ([(0.3, 0.0)] * 8, 20, "shown", "shown"),  # a fall everywhere
        ([(0.01, 0.01)] * 12, 60, "shown absent", "shown absent"),  # nothing, much seen of it
        ([(0.01, 0.01)] * 8, 60, "shown absent", "undecided"),  # nothing, seen in few packages
        ([(0.2, 0.2)] * 8, 2, "undecided", "undecided"),  # nothing, little seen of it
        ([(0.9, 0.0), *[(0.0, 0.0)] * 7], 20, "shown", "undecided"),  # one package's
    ],
)
def test_verdicts_over_programs_and_over_packages(
    effects, n_programs, over_programs, over_packages
):
    split, holes = planted(effects, n_programs, seed=0)
    (found,) = change_numbers({"rename_vars": split}, holes, 0.03)
    assert found["difference"]["verdict"] == over_programs
    assert found["packages"]["verdict"] == over_packages


def test_packages_that_differ_around_nothing_give_few_false_verdicts():
    false = 0
    for seed in range(200):
        tilt = np.random.default_rng([seed, 1]).normal(0, 0.15, 16)  # of a package, mean 0
        effects = [(0.3 + each, 0.3 - each) for each in np.clip(tilt, -0.3, 0.3)]
        split, holes = planted(effects, 7, seed)
        change = split["mended"].to_numpy() * 1.0 - split["broken"].to_numpy()
        packages = np.array([holes[name]["package"] for name in split["example_id"].to_pylist()])
        row = package_numbers(change, packages)
        judge_together([row], 0.03)
        false += row["verdict"] == "shown"
    assert false <= 16  # 5% of 200, and two standard errors


def test_each_package_is_left_out_once():
    change, packages = np.array([1.0, 0.0, 0.0, -1.0]), np.array(["a", "b", "b", "c"])
    found = package_numbers(change, packages)["left_out"]
    assert found == {
        "lowest": {"without": "a", "estimate": pytest.approx(-1 / 3, abs=1e-6)},
        "highest": {"without": "c", "estimate": pytest.approx(1 / 3, abs=1e-6)},
    }
    assert package_numbers(change, np.array(["a"] * 4))["left_out"] is None


def test_confusions_keep_every_wrong_answer():
    answers = [("a", f"x{i}", False) for i in range(14)] + [("b", "x3", False), ("a", "a", True)]
    found = confusion_numbers(predictions_table(answers), "original", n_kept=5)
    assert found["n_wrong"] == 15
    assert sum(map(sum, found["counts"])) == 15
    assert found["golds"] == ["a", "b"]
    assert found["predicted"] == ["x3", "x0", "x1", "x10", "x11", None]
    assert found["counts"] == [[1, 1, 1, 1, 1, 9], [1, 0, 0, 0, 0, 0]]


def readings(answers, edited) -> tuple[list[dict], list[dict], list[dict]]:
    """The judged accuracies, the changes and the confusions of answers before and after an edit."""
    predictions = {"original": predictions_table(answers, n_programs=20)}
    predictions["x"] = predictions_table(edited, "x", n_programs=20)
    holes = holes_of(predictions["original"])
    rows = [accuracy_numbers(t, holes, edit) for edit, t in predictions.items()]
    judge_gains(rows, 0.03)
    split = [
        {
            **{key: row[key] for key in ("example_id", "program_id", "kind", "gold")},
            "outcome": "right" if row["correct"] else "wrong",
            "broken": before and not row["correct"],
            "mended": not before and row["correct"],
        }
        for row, (_, _, before) in zip(predictions["x"].to_pylist(), answers, strict=True)
    ]
    changes = change_numbers({"x": pa.Table.from_pylist(split)}, holes, 0.03)
    return rows, changes, [confusion_numbers(t, edit) for edit, t in predictions.items()]


@pytest.mark.parametrize(
    ("hardest", "told", "control"),
    [
        ("commonest", "frequency tells", "the commonest type"),
        ("kind", "kind tells", "the commonest type of that kind"),
        ("name", "kind and name tell", "the commonest type of that kind and name"),
    ],
)
def test_the_lead_that_is_claimed_is_over_the_best_baseline(hardest, told, control):
    """Where kind and name say less than frequency alone, as in a study of few packages."""
    answers = [("string", "string", True)] * 40
    rows, changes, wrong = readings(answers, answers)
    for own in rows[0]["baselines"]:
        for measure in ("right", "top10"):
            estimate = 0.5 + 0.1 * (own["baseline"] == hardest)
            own[measure] |= {"estimate": estimate, "lower": 0.0, "upper": 1.0}
    numbers = {"funnel": {}, "accuracy": rows, "changes": changes, "wrong_answers": wrong}
    _, right, _ = accuracy_sections(numbers, "golds of one token", 0.03)
    assert right.findings[0].claim.endswith(told) and right.findings[0].control == control
    assert f"among the ten {control.removeprefix('the ').replace('type', 'types')} for 60" in (
        " ".join(right.reading)
    )


NEGATIONS = re.compile(r"\b(no|not|nothing|alike|differ|absent)\b")


@pytest.mark.parametrize("n", [3, 40, 400])
def test_negations_stand_only_where_an_absence_is_shown(n):
    answers = [("string", "string", True), ("number", "any", False)] * n
    edited = [*answers[2:], ("string", "any", False), ("number", "number", True)]
    rows, changes, wrong = readings(answers, edited)
    gains = [gain for row in rows for own in row["baselines"] for gain in own["gain"].values()]
    judged = [*gains, *(c[key] for c in changes for key in ("difference", "packages"))]
    strata = [row for change in changes for row in change["strata"]]
    judged += [*strata, *(row["packages"] for row in strata)]
    numbers = {"funnel": {}, "accuracy": rows, "changes": changes, "wrong_answers": wrong}
    _, right, mistakes = accuracy_sections(numbers, "golds of one token", 0.03)
    text = " ".join([*right.reading, right.power, *mistakes.reading])
    text += " ".join(f"{f.claim} {f.number}" for f in (*right.findings, *mistakes.findings))
    absent = any(row["verdict"] == "shown absent" for row in judged)
    assert bool(NEGATIONS.search(text)) == absent


def test_readings_of_nothing():
    assert len(say_accuracy([{"edit": "x", "n": 0}], [], 0.03)) == 1


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
    page, numbers, report = summary
    assert "*shown*: `rename_vars` makes it worse: -" in page
    assert "| `rename_vars` |" in page
    assert numbers["findings"] == [own for s in report["sections"] for own in s["findings"]]
    text = json.dumps(report, ensure_ascii=False)
    for expected in (
        "`rename_vars` breaks 30 of 60 right answers and mends 5",
        f"{len(ORIGINAL) + len(HOSTILE)} annotations (parameters and return types, golds of any "
        "length)",
        "at most 99 tokens. Activations were patched at every point of the residual stream, 0 to "
        f"{N_POINTS - 1}",
        "  max_tokens: 99\\n",
        "@misc{lucchetti2024codetrace,",
        "All steps together ran for 40 s, with a peak of 1500 MB; 20.0% of that was loading",
    ):
        assert expected in text
    assert numbers["changes"][0]["n_broken"] == 30
    assert numbers["config"] == CONFIG
    assert report["passages"][-1]["title"] == "Time and memory"


@pytest.mark.process
def test_the_same_input_gives_the_same_bytes_but_for_the_timings(study, summary, tmp_path):
    benchmark = study / "benchmarks/split_examples.tsv"
    text = benchmark.read_text(encoding="utf-8")
    benchmark.write_text(text.replace("0.5", "99.5"), encoding="utf-8")
    page, numbers, report = summarise(study, tmp_path)
    benchmark.write_text(text, encoding="utf-8")
    first, first_numbers, first_report = summary
    assert page == first
    assert report["passages"].pop() != first_report["passages"][-1]
    assert report["passages"] == first_report["passages"][:-1]
    assert report["sections"] == first_report["sections"]
    assert numbers.pop("timings") != first_numbers["timings"]
    assert numbers == {k: v for k, v in first_numbers.items() if k != "timings"}


@pytest.mark.process
def test_the_reports_lists_in_the_explorer_are_of_the_golds_that_it_speaks_of(study, tmp_path):
    """The explorer lists longer ones too, where the predictions ask golds of one token alone."""
    prompt = {**CONFIG["prompt"], "golds": "single_token"}
    *_, any_length = summarise(study, tmp_path)
    *_, one_token = summarise(study, tmp_path, {**CONFIG, "prompt": prompt})
    before, after = (
        [parse_qs(section["explorer"]) for section in report["sections"]]
        for report in (any_length, one_token)
    )
    assert {"outcome": ["broken"]} in before
    assert after == [asked and {**asked, "golds": ["one token"]} for asked in before]


@pytest.mark.parametrize("query", ["", "golds=longer", "golds=longer&outcome=wrong"])
def test_a_list_that_names_its_golds_and_none_at_all_stay_as_they_are(query):
    assert of_one_token(query) == query
