"""Circuits of outcomes: which runs, which edges, and what numbers and sentences say of them."""

import random
from collections import Counter

import numpy as np
import pytest
import torch

import attribute_edges
import patch_paths
import run_circuits
from fimscope.experiments.circuits.chosen import checked_edges, circuit_of, size_of
from fimscope.experiments.circuits.numbers import Labels, circuit_numbers
from fimscope.experiments.circuits.runs import draw_runs, pair_runs
from fimscope.experiments.circuits.section import circuits_section
from fimscope.experiments.circuits.tables import (
    CIRCUIT_CUTS,
    CIRCUIT_EDGES,
    CIRCUIT_FAITHFULNESS,
    CIRCUIT_PATHS,
    CIRCUIT_RUNS,
)
from fimscope.experiments.tables import PREDICTIONS
from fimscope.files.tables import read_table, write_table
from fimscope.interventions.circuits import attribute_edges as attribute
from fimscope.interventions.residual_graph import residual_graph
from fimscope.prompts.tables import PROMPTS
from fimscope.report.format import say_too_small
from fimscope.statistics.verdicts import Verdict
from fimscope.typescript.tables import EXAMPLES
from models import VOCAB, random_model
from patch_paths import middle_blocks, starts_of
from random_study import RUN, digests, make_random_study, run

N_EDGES = 40
LABELS = Labels(200, 1)


def answered(name, edit, tokens, predicted, correct=False, **other):
    return {
        **{"example_id": name, "edit": edit, "program_id": f"p{name}", "correct": correct},
        **{"token_ids": tokens, "predicted_token_id": predicted},
        **{"positions": [{"name": "last", "index": len(tokens) - 1}], "regions": []},
        **other,
    }


def paired(*examples):
    """Originals and variants of (name, tokens, answer, is right), twice for each example."""
    sides = zip(("original", "rename_aligned"), zip(*examples, strict=True), strict=True)
    return [{row[0]: answered(row[0], edit, *row[1:]) for row in rows} for edit, rows in sides]


def test_a_run_is_of_aligned_prompts_with_two_answers():
    originals, variants = paired(
        (("a", [1, 2, 3], 7, True), ("a", [1, 5, 3], 8, False)),
        (("b", [1, 2, 3], 7, False), ("b", [1, 5, 4], 9, True)),
        (("c", [1, 2, 3], 7, True), ("c", [1, 5, 3], 7, True)),
        (("d", [1, 2, 3], 7, True), ("d", [1, 5, 3, 4], 8, False)),
        (("e", [1, 2, 3], 7, True), ("e", [1, 2, 3], 7, True)),
    )
    del originals["e"]
    runs, rejected = pair_runs(originals, variants, seed=0)
    assert [(row["example_id"], row["reason"]) for row in rejected] == [
        ("c", "same_answer"),
        ("d", "not_aligned"),
        ("e", "not_paired"),
    ]
    b = next(row for row in runs if row["example_id"] == "b")
    assert (b["outcome"], b["edit"], b["corrupted_edit"]) == ("wrong", "original", "rename_aligned")
    assert (b["n_tokens"], b["n_changed"]) == (3, 2)
    assert (b["target_token_id"], b["foil_token_id"]) == (7, 9)


def test_a_right_original_and_its_broken_variant_are_one_run_by_a_draw_of_the_program():
    examples = [((f"{i}", [1, 2], 7, True), (f"{i}", [1, 5], 8, False)) for i in range(60)]
    originals, variants = paired(*examples)
    for rows in (originals, variants):
        for row in rows.values():
            row["program_id"] = f"p{int(row['example_id']) // 2}"
    runs, _ = pair_runs(originals, variants, seed=3)
    outcomes = {row["example_id"]: row["outcome"] for row in runs}
    assert all(outcomes[f"{2 * i}"] == outcomes[f"{2 * i + 1}"] for i in range(30))
    assert 15 <= Counter(outcomes.values())["broken"] <= 45
    for row in runs:
        is_broken = row["outcome"] == "broken"
        assert row["edit"] == ("rename_aligned" if is_broken else "original")
        assert row["target_token_id"] == (8 if is_broken else 7)


def test_of_a_program_one_run_is_drawn_and_test_programs_find_nothing():
    runs = [
        {"example_id": f"{i}", "program_id": f"p{i // 3}", "outcome": ("right", "wrong")[i % 2]}
        for i in range(90)
    ]
    groups = {
        row["example_id"]: ("fit", "select", "test")[int(row["example_id"]) // 30] for row in runs
    }
    drawn = draw_runs(runs, groups, max_find=4, max_test=3, seed=0)
    counts = Counter((row["part"], row["outcome"]) for row in drawn)
    assert counts == {
        (part, o): n for part, n in (("find", 4), ("test", 3)) for o in ("right", "wrong")
    }
    assert len({row["program_id"] for row in drawn}) == len(drawn)
    assert {groups[row["example_id"]] for row in drawn if row["part"] == "test"} == {"test"}
    # What was not drawn decides nothing.
    fewer = draw_runs(drawn, groups, 4, 3, 0)
    assert fewer == drawn


def test_a_circuit_is_the_edges_of_the_largest_mean():
    effects = np.array([[1.0, -3.0, 0.5, 0.5, 2.0], [1.0, -3.0, 0.5, 0.5, -2.0]])
    assert circuit_of(effects, 4).tolist() == [1, 0, 2, 3]
    assert size_of(0.01, 20) == 1
    assert size_of(0.1, 6937) == 694


def test_checked_edges_are_the_largest_and_others_spread_below():
    effects = np.array([1 / (1 + i) for i in range(1000)])
    chosen = checked_edges(effects, 10).tolist()
    assert chosen[:5] == [0, 1, 2, 3, 4]
    assert chosen == sorted(chosen)
    assert chosen[-1] == 999
    assert 8 <= len(chosen) <= 10
    assert checked_edges(effects[:3], 10).tolist() == [0, 1, 2]


def found_runs(outcome, edges, n=8, noise=0.05, seed=0):
    """Runs in which some edges alone bring the answer."""
    rng = np.random.default_rng([seed, *map(ord, outcome)])
    effects = rng.normal(0, noise, (n, N_EDGES))
    effects[:, edges] -= 1
    return [
        {
            **{"part": "find", "outcome": outcome, "example_id": f"{outcome}{i}"},
            **{"logit_diff": 3.0, "corrupted_logit_diff": -1.0, "effects": own.tolist()},
        }
        for i, own in enumerate(effects)
    ]


def tried(outcome, circuit, effects, way="kept", n_edges=4):
    return [
        {
            **{"example_id": f"{outcome}{i}", "program_id": f"p{outcome}{i}", "outcome": outcome},
            **{"circuit": circuit, "way": way, "share": n_edges / N_EDGES, "n_edges": n_edges},
            "effect": effect,
        }
        for i, effect in enumerate(effects)
    ]


EDGES = [{"edge": i, "writer": f"head 0.{i}", "reader": "logits"} for i in range(N_EDGES)]
CUTS = [
    {"example_id": e, "program_id": e, "estimated": float(x), "exact": 2.0 * x + shift}
    for e, shift in (("a", 0.0), ("b", 50.0))
    for x in range(5)
]


def numbers_of(runs, faithfulness, cuts=(), paths=()):
    return circuit_numbers(runs, EDGES, faithfulness, cuts, paths, 0.1, LABELS)


@pytest.mark.parametrize(
    ("wrong_edges", "shared", "verdict"),
    [([0, 1, 2, 3], 1.0, Verdict.UNDECIDED), ([20, 21, 22, 23], 0.0, Verdict.SHOWN)],
)
def test_circuits_that_share_nothing_share_less_than_drawn_labels_do(wrong_edges, shared, verdict):
    runs = found_runs("right", [0, 1, 2, 3]) + found_runs("wrong", wrong_edges)
    faithful = tried("right", "right", [1.0] * 4)
    [row] = numbers_of(runs, faithful)["overlaps"]
    assert (row["outcomes"], row["n_edges"]) == (["right", "wrong"], 4)
    assert row["shared"] == shared
    assert row["by_chance"] == 0.1
    assert row["verdict"] is verdict


def test_drawn_labels_seldom_show_what_is_not_there():
    """Two outcomes with one circuit, hidden in noise: 5% of such studies or fewer may say else."""
    shown = 0
    for seed in range(40):
        runs = [
            row
            for outcome in ("right", "wrong")
            for row in found_runs(outcome, [0, 1, 2, 3], noise=2.0, seed=seed)
        ]
        numbers = circuit_numbers(
            runs, EDGES, tried("right", "right", [1.0]), [], [], 0.1, Labels(99, seed)
        )
        shown += sum(row["verdict"] is Verdict.SHOWN for row in numbers["overlaps"])
    assert shown <= 4


def test_the_largest_edges_bring_their_share_of_the_gap():
    [first, *_] = numbers_of(found_runs("right", [7], noise=0.0), [])["largest"]
    assert first == {"outcome": "right", "writer": "head 0.7", "reader": "logits", "brings": 0.25}


def test_areas_are_those_worked_out_by_hand():
    rows = tried("right", "right", [0.5, 0.7], n_edges=4) + tried(
        "right", "right", [1.2], n_edges=20
    )
    [area] = numbers_of(found_runs("right", [1]), rows)["areas"]
    # 0 to 0.1: 0 -> 0.6; to 0.5: 0.6 -> 1.2; to 1: 1.2 -> 1
    assert area["cpr"] == pytest.approx(0.03 + 0.36 + 0.55)
    assert area["cmd"] == pytest.approx(0.07 + 0.12 + 0.05)


def crossed(other, n=12):
    """Numbers where wrong answers' own circuit brings 0.9 and that of right ones something else."""
    rng = np.random.default_rng(0)
    own = 0.9 + rng.normal(0, 0.01, n)
    rows = tried("wrong", "wrong", own.tolist())
    rows += tried("wrong", "right", (own - 0.9 + other + rng.normal(0, 0.01, n)).tolist())
    rows += tried("wrong", "wrong", [0.1] * n, way="cut")
    rows += tried("wrong", "random", [0.0] * n)
    return numbers_of(found_runs("right", [1]) + found_runs("wrong", [1]), rows, CUTS)


@pytest.mark.parametrize(
    ("other", "verdict", "says"),
    [
        (0.2, Verdict.SHOWN, "in part through edges of their own"),
        (0.9, Verdict.SHOWN_ABSENT, "shown to come through the circuit of the right ones"),
        (1.5, Verdict.SHOWN_ABSENT, "shown to come through the circuit of the right ones"),
    ],
)
def test_the_answer_follows_the_verdicts(other, verdict, says):
    numbers = crossed(other)
    [row] = numbers["differences"]
    assert (row["outcome"], row["circuit"]) == ("wrong", "right")
    section = circuits_section(numbers)
    assert [finding.verdict for finding in section.findings] == [verdict]
    assert any(says in sentence for sentence in section.reading)
    assert section.tables[0].rows[0][0] == "Wrong, 12 runs"


def test_one_size_alone_does_not_show_that_nothing_is_their_own():
    small = tried("wrong", "wrong", [0.9] * 12) + tried("wrong", "right", [0.9] * 12)
    other = np.linspace(-0.5, 1.5, 12).tolist()
    large = tried("wrong", "wrong", [0.9] * 12, n_edges=8)
    large += tried("wrong", "right", other, n_edges=8)
    runs = found_runs("right", [1]) + found_runs("wrong", [1])
    numbers = numbers_of(runs, small + large)
    absent, undecided = Verdict.SHOWN_ABSENT, Verdict.UNDECIDED
    assert [row["verdict"] for row in numbers["differences"]] == [absent, undecided]
    section = circuits_section(numbers)
    [finding] = section.findings
    assert (finding.verdict, "8 edges" in finding.number) == (undecided, True)
    assert any("not decided at every size" in sentence for sentence in section.reading)


def test_few_runs_decide_nothing():
    section = circuits_section(crossed(0.5, n=3))
    assert any("not decided at every size" in sentence for sentence in section.reading)


def test_correlations_are_within_runs():
    cuts = crossed(0.9)["cuts"]
    assert cuts["n_edges"] == 10
    assert cuts["pearson"]["estimate"] == cuts["spearman"]["estimate"] == 1.0
    assert cuts["pearson"]["n"] == 2


def test_paths_of_the_name_are_held_against_those_of_other_tokens():
    rng = np.random.default_rng(0)
    paths = [
        {
            **{"example_id": f"e{i}", "program_id": f"p{i}", "outcome": "wrong"},
            **{"start": start, "block": 2, "head": head},
            "effect": 0.4 * (start == "name" and head == 1) + rng.normal(0, 0.01),
        }
        for i in range(12)
        for start in ("name", "others")
        for head in range(3)
    ]
    numbers = numbers_of(found_runs("wrong", [1]), tried("wrong", "wrong", [1.0] * 3), (), paths)
    verdicts = [(row["block"], row["head"], row["verdict"]) for row in numbers["paths"]]
    absent = Verdict.SHOWN_ABSENT
    assert verdicts == [(2, 0, absent), (2, 1, Verdict.SHOWN), (2, 2, absent)]
    said = circuits_section(numbers).reading[-1]
    assert (
        "that through head 2.1 has the largest effect (1 is the whole difference): 0.40 (" in said
    )
    assert "in 12 programs, shown (wrong 0.40 (" in said
    assert "differ from the others' in 1, shown not to, to within the margin, in 2, and 0" in said


def test_runs_of_all_outcomes_show_together_what_those_of_one_are_too_few_for():
    rng = np.random.default_rng(0)
    outcomes = ("right", "wrong", "broken")
    paths = [
        {
            **{"example_id": f"{outcome}{i}", "program_id": f"{outcome}{i}", "outcome": outcome},
            **{"start": start, "block": 2, "head": head},
            "effect": 0.4 * (start == "name" and head == 1) + rng.normal(0, 0.01),
        }
        for outcome in outcomes
        for i in range(10)
        for start in ("name", "others")
        for head in range(24)
    ]
    found = numbers_of([], [], (), paths)["paths"]
    assert [row["head"] for row in found if row["verdict"] is Verdict.SHOWN] == [1]
    assert found[1]["n_programs"] == 30
    assert [own["outcome"] for own in found[1]["by_outcome"]] == [*outcomes]
    assert say_too_small("Paths", {"paths": found}) == ""
    alone = numbers_of([], [], (), [row for row in paths if row["outcome"] == "wrong"])["paths"]
    assert all(row["verdict"] is not Verdict.SHOWN for row in alone)
    assert "all 24 comparisons of “Paths” cannot" in say_too_small("Paths", {"paths": alone})


def test_paths_start_from_what_changed_of_the_name_and_as_much_else():
    own = {"token_ids": [1, 2, 3, 4, 5, 6, 7], "regions": []}
    own["regions"] = [
        {"kind": kind, "start": start, "end": start + 1}
        for start, kind in enumerate(["rest", "declaration", *["rest"] * 3, "use", "rest"])
    ]
    other = {"token_ids": [1, 12, 13, 14, 5, 6, 17]}
    name, others = starts_of({"example_id": "e"}, own, other, seed=0)
    assert (name.start, name.tokens) == ("name", [1])
    assert others.start == "others"
    assert len(others.tokens) == 1 and set(others.tokens) < {2, 3, 6}
    assert starts_of({"example_id": "e"}, own, {"token_ids": [1, 12, 3, 4, 5, 6, 7]}, 0) == []


def test_middle_blocks_are_those_between_two_depths():
    assert middle_blocks(24, [0.33, 0.67]) == list(range(8, 16))
    assert middle_blocks(3, [0.5, 0.5]) == [2]
    assert middle_blocks(3, [1, 1]) == [2]


def test_a_section_where_there_is_nothing():
    section = circuits_section(numbers_of([], []))
    assert section.reading == ["No circuit was tried: too few aligned prompts have two answers."]
    assert section.tables == []


def aligned_study(folder):
    """Originals and variants for the random model, every other token of the variant's another's."""
    generator = random.Random(1)
    originals, variants = [], []
    for i in range(24):
        tokens = [generator.randrange(1, VOCAB) for _ in range(4 + i % 5)]
        changed = [t if j % 2 else 1 + (t + 7) % (VOCAB - 1) for j, t in enumerate(tokens)]
        regions = {"regions": [{"kind": "use", "start": 0, "end": 1}]}
        originals.append(answered(f"e{i}", "original", tokens, 3 + i % 3, i % 2 == 0, **regions))
        variants.append(answered(f"e{i}", "rename_aligned", changed, 40 + i, **regions))
    for edit, rows in (("original", originals), ("rename_aligned", variants)):
        for name, table in (("prompts", PROMPTS), ("predictions", PREDICTIONS)):
            filled = [{name: row.get(name) for name in table.schema.names} for row in rows]
            write_table(folder / name / f"{edit}.parquet", table, filled, {})
    groups = [
        {
            **dict.fromkeys(EXAMPLES.schema.names),
            **{"example_id": f"e{i}", "group": "test" if i < 12 else "fit"},
        }
        for i in range(24)
    ]
    write_table(folder / "examples.parquet", EXAMPLES, groups, {})


def step_options(folder, model):
    """The command lines of the three steps, on the aligned study in a folder."""
    aligned_study(folder)
    out, edits = folder / "circuits", ("original", "rename_aligned")
    shared = ["--model", model, *RUN, "--threads", 1, "--batch-tokens", 20, "--seed", 5]
    shared += ["--cache", folder / "cache"]
    shared += ["--prompts", *(folder / f"prompts/{edit}.parquet" for edit in edits)]
    answers = ["--predictions", *(folder / f"predictions/{edit}.parquet" for edit in edits)]
    attribution = [*shared, *answers, "--n-steps", 2, "--examples", folder / "examples.parquet"]
    attribution += ["--max-find", 2, "--max-test", 2, "--out", out / "runs.parquet"]
    attribution += ["--out-edges", out / "edges.parquet", "--out-rejected", folder / "r.parquet"]
    trying = [*shared, "--n-steps", 2, "--runs", out / "runs.parquet"]
    trying += ["--edges", out / "edges.parquet"]
    trying += ["--shares", 0.05, 0.5, "--min-gap", 0.0, "--n-checked", 6, "--max-checked", 1]
    trying += ["--out", out / "faithfulness.parquet", "--out-cuts", out / "cuts.parquet"]
    paths = [*shared, "--runs", out / "runs.parquet", "--depths", 0.3, 1, "--min-gap", 0.0]
    paths += ["--out", out / "paths.parquet"]
    return attribution, trying, paths


@pytest.mark.model
def test_a_model_without_edges_has_paths_and_a_section_that_says_so(tmp_path, monkeypatch):
    make_random_study(tmp_path, "olmo2")
    attribution, trying, paths = step_options(tmp_path, tmp_path / "model")
    run(attribute_edges, monkeypatch, *attribution)
    run(run_circuits, monkeypatch, *trying)
    assert run(patch_paths, monkeypatch, *paths) > 0
    tables = {
        name: read_table(tmp_path / f"circuits/{name}.parquet", table).to_pylist()
        for name, table in {
            "runs": CIRCUIT_RUNS,
            "edges": CIRCUIT_EDGES,
            "faithfulness": CIRCUIT_FAITHFULNESS,
            "cuts": CIRCUIT_CUTS,
            "paths": CIRCUIT_PATHS,
        }.items()
    }
    n_rows = {name: len(rows) for name, rows in tables.items()}
    assert n_rows["edges"] == n_rows["faithfulness"] == n_rows["cuts"] == 0
    assert n_rows["paths"] == len(tables["runs"]) * 2 * 8  # name and others; two blocks, four heads
    section = circuits_section(circuit_numbers(*tables.values(), 0.1, LABELS))
    why, of_paths = section.reading
    assert why.startswith("No circuit was tried: this model's blocks do not add")
    assert "hole's name" in of_paths
    assert section.tables == []


@pytest.mark.model
def test_steps_give_what_plain_runs_give_and_the_same_bytes_again(
    random_study, tmp_path, monkeypatch
):
    attribution, trying, paths = step_options(tmp_path, random_study / "model")
    out = tmp_path / "circuits"
    assert run(attribute_edges, monkeypatch, *attribution) > 0
    assert run(run_circuits, monkeypatch, *trying) > 0
    assert run(patch_paths, monkeypatch, *paths) > 0
    first = digests(out)
    assert run(attribute_edges, monkeypatch, *attribution) == 0
    assert run(run_circuits, monkeypatch, *trying) == 0
    assert run(patch_paths, monkeypatch, *paths) == 0
    assert digests(out) == first

    runs = read_table(out / "runs.parquet", CIRCUIT_RUNS).to_pylist()
    edges = read_table(out / "edges.parquet", CIRCUIT_EDGES).to_pylist()
    model = random_model("gpt_bigcode")
    graph = residual_graph(model)
    assert len(edges) == graph.n_edges
    assert (edges[0]["writer"], edges[-1]["reader"]) == ("embedding", "logits")
    texts = {
        (row["example_id"], row["edit"]): row["token_ids"]
        for path in (tmp_path / "prompts").iterdir()
        for row in read_table(path, PROMPTS).to_pylist()
    }

    def sides(row):
        pair = (row["target_token_id"], row["foil_token_id"])
        both = (texts[row["example_id"], row[edit]] for edit in ("edit", "corrupted_edit"))
        return *([tokens] for tokens in both), [pair]

    [found, *_] = (row for row in runs if row["part"] == "find")
    alone = attribute(model, graph, *sides(found), 2)
    effects = torch.tensor(found["effects"])
    torch.testing.assert_close(effects, alone.effects[0][graph.is_edge], atol=1e-4, rtol=1e-4)
    assert found["logit_diff"] == pytest.approx(alone.difference.item(), abs=1e-4)

    faithful = read_table(out / "faithfulness.parquet", CIRCUIT_FAITHFULNESS).to_pylist()
    gaps = {row["example_id"]: row["effect"] for row in faithful if row["circuit"] == "all"}
    assert all(effect in (1.0, None) for effect in gaps.values())
    starts = read_table(out / "paths.parquet", CIRCUIT_PATHS).to_pylist()
    assert Counter((row["example_id"], row["start"]) for row in starts) == {
        (name, start): 8 for name in gaps for start in ("name", "others")
    }  # two blocks of four heads
    kinds = Counter((row["circuit"], row["way"]) for row in faithful)
    n_tests = len(gaps)
    assert kinds["all", "kept"] == n_tests
    assert kinds["random", "kept"] == kinds["right", "kept"] == 2 * n_tests
    cuts = read_table(out / "cuts.parquet", CIRCUIT_CUTS).to_pylist()
    assert sum(row["exact"] != row["estimated"] for row in cuts) > len(cuts) / 2
    assert Counter(row["rank"] for row in cuts)[0] == len({row["example_id"] for row in cuts})
