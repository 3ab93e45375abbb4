"""Lens, attention, samples and subspaces of the small study, against plain forwards."""

from collections import Counter
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from fimscope.experiments.attention.shares import REGION_KINDS
from fimscope.report.sections import read_section
from projects import snakemake

EDITS = ["original", "rename_vars"]
LOOKS = ("lens", "attention", "samples", "subspace")
SOURCE = Path("results/tiny/source")
MODEL = Path("results/tiny")


@pytest.fixture(scope="module")
def looked_inside(small_study, warm):
    """What is made only where it is asked for."""
    snakemake(small_study, "--configfile", "small.yaml", "--", *LOOKS, variables=warm)


def test_sections_hold_their_figures(looked_inside, small_study):
    for name in LOOKS:
        section = read_section(small_study / MODEL / f"sections/{name}.json")
        assert all(section.reading)
        for figure, _ in section.figures:
            assert (small_study / MODEL / "figures" / figure).stat().st_size > 2000
        for source in section.sources:
            assert (small_study / MODEL / source).is_file()


def test_the_lens_follows_the_wrong_answer_in_both_of_a_broken_pair(looked_inside, tables):
    answers = {
        row["example_id"]: row
        for row in tables(MODEL / "predictions/rename_vars.parquet", "predictions")
    }
    broken = {
        row["example_id"]
        for row in tables(MODEL / "split/rename_vars.parquet", "split")
        if row["broken"]
    }
    n_followed = 0
    for edit in ("original", "rename_vars"):
        for row in tables(MODEL / f"lens/{edit}.parquet", "lens"):
            answer = answers.get(row["example_id"])
            if row["example_id"] not in broken or row["foil_token_id"] is None:
                continue
            assert row["foil_token_id"] == answer["predicted_token_id"]
            n_followed += 1
            if edit == "rename_vars" and row["position"] == "last" and row["point"] == 24:
                assert row["foil_rank"] == row["final_rank"] == 0
                best = answer["top10"][0]["logprob"]
                assert row["foil_logprob"] == pytest.approx(best, abs=1e-5)
    assert n_followed > 100


def test_the_lens_at_the_last_point_is_the_models_own_answer(looked_inside, tables):
    own = {
        r["example_id"]: r for r in tables(MODEL / "predictions/original.parquet", "predictions")
    }
    rows = tables(MODEL / "lens/original.parquet", "lens")
    assert {row["point"] for row in rows} == set(range(25))
    n_compared = 0
    for row in rows:
        if row["position"] == "last" and row["point"] == 24:
            answer = own[row["example_id"]]
            assert row["gold_logprob"] == pytest.approx(answer["gold_logprob"], abs=1e-5)
            assert row["gold_rank"] == answer["gold_rank"]
            assert row["top10"][0]["text"] == answer["top10"][0]["text"]
            assert row["divergence"] == pytest.approx(0, abs=1e-5)
            n_compared += 1
    assert n_compared == len(own)


def test_what_the_blocks_bring_adds_up_to_the_models_own_difference(looked_inside, tables):
    for edit in EDITS:
        together = Counter()
        for row in tables(MODEL / f"direct_logits/{edit}.parquet", "direct_logits"):
            together[row["example_id"]] += row["share"]
        own = {
            row["example_id"]: row["gold_logprob"] - row["foil_logprob"]
            for row in tables(MODEL / f"lens/{edit}.parquet", "lens")
            if (row["position"], row["point"]) == ("last", 24) and row["foil_token_id"] is not None
        }
        assert own and dict(together) == pytest.approx(own, abs=1e-4)


def test_what_heads_and_mlp_bring_adds_up_to_their_block(looked_inside, tables):
    for edit in EDITS:
        together = Counter()
        for row in tables(MODEL / f"direct_heads/{edit}.parquet", "direct_heads"):
            together[row["example_id"], row["block"]] += row["share"]
        own = {
            (row["example_id"], row["block"]): row["share"]
            for row in tables(MODEL / f"direct_logits/{edit}.parquet", "direct_logits")
            if row["part"] == "block"
        }
        assert own and dict(together) == pytest.approx(own, abs=1e-4)


def test_the_linear_lens_is_read_on_test_and_ends_at_the_models_own_answer(looked_inside, tables):
    examples = tables(SOURCE / "examples.parquet", "examples")
    tested = {row["example_id"] for row in examples if row["group"] == "test"}
    rows = [r for r in tables(MODEL / "linear_lens.parquet", "linear_lens") if r["map"] == "fitted"]
    own = {
        (row["example_id"], row["edit"]): row
        for edit in EDITS
        for row in tables(MODEL / f"lens/{edit}.parquet", "lens")
        if (row["position"], row["point"]) == ("last", 24) and row["example_id"] in tested
    }
    last = [row for row in rows if row["point"] == 24]
    assert len(rows) == 25 * len(last) == 25 * len(own) > 0
    for row in last:
        lens = own[row["example_id"], row["edit"]]
        assert row["top10"][0]["text"] == lens["top10"][0]["text"]
        assert row["gold_logprob"] == pytest.approx(lens["gold_logprob"], abs=1e-5)
        assert row["foil_token_id"] == lens["foil_token_id"]


def test_the_whole_stream_is_the_patch_of_the_sweep(looked_inside, tables):
    """Nothing of `fit` is patched, where the directions come from."""
    swept = {
        (row["pair_id"], row["point"]): row
        for condition in ("restore", "break", "same_type")
        for row in tables(MODEL / f"patches/{condition}.parquet", "patches")
        if row["donor_kind"] == "paired"
    }
    rows = tables(MODEL / "subspace/patches.parquet", "subspace_patches")
    assert {row["group"] for row in rows} == {"select", "test"}
    whole = [row for row in rows if row["donor_kind"] == "whole"]
    assert whole
    for row in whole:
        own = swept[row["pair_id"], row["point"]]
        assert row["logit_diff"] == pytest.approx(own["logit_diff"], abs=1e-3)
        assert row["predicted_token_id"] == own["predicted_token_id"]
        assert row["donor_logit_diff"] == own["donor_logit_diff"]


def test_attention_is_that_of_a_plain_forward(looked_inside, small_study, tables):
    model = AutoModelForCausalLM.from_pretrained(
        small_study / MODEL / "model", attn_implementation="eager"
    )
    prompts = tables(MODEL / "prompts/original.parquet", "prompts")
    rows = tables(MODEL / "attention/original.parquet", "attention_shares")
    assert len(rows) == len(prompts) * 24 * 4 * len(REGION_KINDS)
    with torch.inference_mode():
        patterns = model(torch.tensor([prompts[0]["token_ids"]]), output_attentions=True).attentions
    for row in rows[: 24 * 4 * len(REGION_KINDS)]:
        weights = patterns[row["block"]][0, row["head"], -1]
        expected = sum(
            float(weights[region["start"] : region["end"]].sum())
            for region in prompts[0]["regions"]
            if region["kind"] == row["region"]
        )
        assert row["share"] == pytest.approx(expected, abs=1e-5)


def test_the_heads_on_the_text_are_whole_prompts(looked_inside, tables):
    prompts = {
        (row["example_id"], row["edit"]): row
        for edit in EDITS
        for row in tables(MODEL / f"prompts/{edit}.parquet", "prompts")
    }
    rows = tables(MODEL / "attention_heads.parquet", "attention_heads")
    assert [row["edit"] for row in rows] == EDITS * 2
    for row in rows:
        n_tokens = len(prompts[row["example_id"], row["edit"]]["token_ids"])
        assert len(row["tokens"]) == len(row["weights"]) == n_tokens
        assert sum(row["weights"]) == pytest.approx(1, abs=1e-4)


def test_samples_are_counted(looked_inside, tables):
    rows = tables(MODEL / "samples/original.parquet", "samples")
    assert rows
    for row in rows:
        assert row["n"] == 10
        assert row["n_same"] + row["n_equivalent"] + row["n_checks"] + row["n_fails"] == 10
        assert row["n_right"] == row["n_same"] + row["n_equivalent"]
        assert row["pass_at_1"] == pytest.approx(row["n_right"] / 10)
        assert row["pass_at_10"] >= row["pass_at_1"]
        assert row["pass_at_100"] is None
        assert 0 <= row["distinct"] <= 10
    counts = Counter()
    for row in tables(MODEL / "sampled_types/original.parquet", "sampled_types"):
        counts[row["example_id"]] += row["count"]
    assert counts == {row["example_id"]: 10 for row in rows}
    completed = tables(MODEL / "completions/original.parquet", "completions")
    golds = {row["example_id"]: row["n_gold_tokens"] for row in completed}
    assert {row["example_id"]: row["n_gold_tokens"] for row in rows}.items() <= golds.items()
    assert any(row["n_gold_tokens"] > 1 for row in rows)
