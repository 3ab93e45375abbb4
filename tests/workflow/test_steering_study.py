"""Steering and probes on real programs and a model of 24 blocks, from source to section."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from fimscope.experiments.registry import all_tables
from fimscope.experiments.steer.numbers import VERDICTS
from fimscope.experiments.steer.vectors import load_vectors
from fimscope.files.activation_cache import ActivationCache
from fimscope.files.tables import read_table
from fimscope.report.sections import read_section
from projects import snakemake

MODEL = Path("results/tiny")
STEERING = MODEL / "steering"


@pytest.fixture(scope="module")
def steered(small_study, warm) -> Path:
    targets = ("steering", "probes", "replication")
    snakemake(small_study, "--configfile", "small.yaml", "--", *targets, variables=warm)
    return small_study


@pytest.fixture(scope="module")
def tables(steered):
    def read(path: Path | str, name: str) -> list[dict]:
        return read_table(steered / path, all_tables()[name]).to_pylist()

    return read


@pytest.fixture(scope="module")
def results(tables) -> list[dict]:
    return tables(STEERING / "results.parquet", "steering_results")


def test_what_is_fitted_chosen_and_reported_shares_no_program_cluster_or_package(tables, results):
    programs = {
        row["program_id"]: row for row in tables("results/tiny/source/programs.parquet", "programs")
    }
    groups = {
        row["example_id"]: row["group"]
        for row in tables("results/tiny/source/examples.parquet", "examples")
    }
    found: dict[str, set] = {"fit": set(), "select": set(), "test": set()}
    for row in tables("results/tiny/source/examples.parquet", "examples"):
        program = programs[row["program_id"]]
        for key in ("program_id", "cluster", "package"):
            found[row["group"]].add((key, program[key]))
    assert all(found.values())
    assert sum(map(len, found.values())) == len(set.union(*found.values()))
    for row in results:
        assert row["group"] == groups[row["example_id"]]
    assert {row["group"] for row in results} == {"select", "test"}


@pytest.mark.parametrize("edit", ["rename_vars", "rename_vars@0.5+rename_types+delete_annotations"])
def test_the_replication_steers_what_the_edit_broke(tables, edit):
    groups = {
        row["example_id"]: row["group"]
        for row in tables("results/tiny/source/examples.parquet", "examples")
    }
    split = tables(MODEL / f"split/{edit}.parquet", "split")
    broken = {r["example_id"] for r in split if r["broken"] and groups[r["example_id"]] != "fit"}
    rows = tables(MODEL / f"replication/{edit}.parquet", "steering_results")
    assert {row["example_id"] for row in rows} <= broken
    if edit == "rename_vars":
        assert {row["example_id"] for row in rows} == broken
        widths = {len(r["points"]) for r in rows if r["group"] == "test"}
        assert widths == {0, 1, 3, 5}
        assert not any(row["to_gold"] for row in rows if row["kind"] == "none")


def test_without_steering_the_answer_is_the_prediction_and_zero_changes_nothing(tables, results):
    own = {
        r["example_id"]: r for r in tables(MODEL / "predictions/rename_vars.parquet", "predictions")
    }
    plain = [row for row in results if row["kind"] == "none"]
    assert plain
    for row in [*plain, *(row for row in results if row["kind"] == "zero")]:
        prediction = own[row["example_id"]]
        assert row["predicted_token_id"] == prediction["predicted_token_id"]
        assert row["gold_logprob"] == pytest.approx(prediction["gold_logprob"], abs=1e-3)


def test_a_steered_answer_is_that_of_a_forward_hook_that_adds(steered, tables, results):
    rows = tables(STEERING / "vectors.parquet", "steering_vectors")
    vectors = load_vectors(steered / STEERING / "vectors.safetensors", rows)
    prompts = {r["example_id"]: r for r in tables(MODEL / "prompts/rename_vars.parquet", "prompts")}
    gold = {
        r["example_id"]: r["gold_token_id"]
        for r in tables(MODEL / "predictions/rename_vars.parquet", "predictions")
    }
    model = AutoModelForCausalLM.from_pretrained(steered / MODEL / "model")

    def logprobs(row):
        added = torch.from_numpy(vectors.scaled(row["vector"], row["strength"]))

        def adds(point):
            def hook(_, arguments):
                hidden = arguments[0].clone()
                hidden[:, -1] += added[point]
                return (hidden, *arguments[1:])

            return hook

        # The last point is behind the last block: its hook is on the final norm.
        places = [*model.transformer.h, model.transformer.ln_f]
        handles = [places[p].register_forward_pre_hook(adds(p)) for p in row["points"]]
        try:
            with torch.inference_mode():
                ids = torch.tensor([prompts[row["example_id"]]["token_ids"]])
                return model(ids).logits[0, -1].log_softmax(-1)
        finally:
            for handle in handles:
                handle.remove()

    chosen = [row for row in results if row["kind"] not in ("none", "zero")]
    assert {len(row["points"]) for row in chosen} >= {1, 4}
    for row in chosen[:: max(1, len(chosen) // 40)]:
        expected = logprobs(row)
        assert row["predicted_token_id"] == int(expected.argmax())
        found = row["gold_logprob"]
        assert found == pytest.approx(float(expected[gold[row["example_id"]]]), abs=1e-3)


def test_the_mean_difference_is_that_of_the_cached_pairs_of_fit(steered, tables):
    rows = tables(STEERING / "vectors.parquet", "steering_vectors")
    vectors = load_vectors(steered / STEERING / "vectors.safetensors", rows)
    fit = {
        row["example_id"]
        for row in tables("results/tiny/source/examples.parquet", "examples")
        if row["group"] == "fit"
    }
    broken = [
        row["example_id"]
        for row in tables(MODEL / "split/rename_vars.parquet", "split")
        if row["broken"] and row["example_id"] in fit
    ]
    before = ActivationCache(steered / MODEL / "activations/original")
    after = ActivationCache(steered / MODEL / "activations/rename_vars")
    point = 12
    own = vectors.by_name["mean_difference"]
    assert own.n_pairs == len(broken) > 0
    right = before.read(point, "last")[[before.rows[e, "original"] for e in broken]]
    wrong = after.read(point, "last")[[after.rows[e, "rename_vars"] for e in broken]]
    expected = (right - wrong).mean(dim=0)
    torch.testing.assert_close(torch.from_numpy(own.values[point]), expected, atol=1e-5, rtol=1e-4)


def test_every_steered_type_has_a_verdict_and_both_sections_are_whole(steered, tables):
    completions = tables(STEERING / "completions.parquet", "steering_completions")
    types = tables(STEERING / "types.parquet", "steering_types")
    assert len(types) == len(completions) > 0
    for row in types:
        assert row["verdict"] in VERDICTS
        if row["completed_type"] == row["gold"]:
            assert row["verdict"] == "exact"
    for name in ("steering", "probes"):
        section = read_section(steered / MODEL / f"sections/{name}.json")
        assert section.reading
        for figure, _ in section.figures:
            assert (steered / MODEL / "figures" / figure).stat().st_size > 1000
        for source in section.sources:
            assert (steered / MODEL / source).is_file()


def test_probes_are_tested_on_the_examples_of_test_alone(tables):
    groups = {
        row["example_id"]: row["group"]
        for row in tables("results/tiny/source/examples.parquet", "examples")
    }
    rows = tables(MODEL / "probes.parquet", "probes")
    assert {groups[row["example_id"]] for row in rows} == {"test"}
    for row in rows:
        assert row["correct"] == (row["label"] == row["probed"])
        if row["task"] == "gold":
            assert row["label"] == row["gold"]
