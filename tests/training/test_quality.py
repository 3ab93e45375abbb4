"""What the card of a trained model says: averages over packages, broken answers, blocks at work."""

import numpy as np
import pytest
import torch

from fimscope.errors import UserError
from fimscope.statistics.bootstrap import Bootstrap
from fimscope.training.quality import commonest_share, package_mean, removal_effects
from measure_quality import measure_accuracy
from models import alone_logits, random_model, random_network, random_prompts


def test_a_mean_over_packages_weighs_every_package_alike():
    # a: 1, 1, 1, 0 in two programs; b: 0 in one
    values = np.array([1, 1, 1, 0, 0])
    found = package_mean(values, ["a"] * 4 + ["b"], ["p", "p", "q", "q", "r"], Bootstrap(2000))
    assert found["estimate"] == pytest.approx((3 / 4 + 0) / 2)
    # a draw holds p alone, q alone, r alone, or several: the mean is in 0..1
    assert 0 <= found["lower"] < found["estimate"] < found["upper"] <= 1


def test_the_commonest_gold_is_that_of_all_packages():
    golds, packages = ["string", "string", "number", "number", "string"], list("aabbb")
    assert commonest_share(golds, packages) == pytest.approx((1 + 1 / 3) / 2)


def prediction(example, program, gold, right, first=True):
    return {
        "example_id": example,
        "program_id": program,
        "gold": gold,
        "correct": right,
        "gold_rank": 0 if first else 20,
        "completion": gold if right else f"{gold} | x",
        "completed_type": gold,
    }


def test_broken_answers_of_one_token_are_counted_apart():
    n_tokens = {"e1": 1, "e2": 1, "e3": 2, "e4": 1}
    programs = {"e1": "p", "e2": "p", "e3": "q", "e4": "r"}
    right_before = {"e1": True, "e2": True, "e3": True, "e4": False}
    prompts = [{"example_id": e, "gold_token_ids": [5] * n} for e, n in n_tokens.items()]
    original = [prediction(e, programs[e], "T", right) for e, right in right_before.items()]
    edited = [prediction(e, programs[e], "T", e == "e4") for e in n_tokens]
    found = measure_accuracy(
        dict.fromkeys(n_tokens, "a"), prompts, original, edited, Bootstrap(100)
    )
    assert (found["n_single_token"], found["n_several_tokens"]) == (3, 1)
    assert found["broken"] == 3
    assert (found["broken_single_token"], found["broken_single_token_programs"]) == (2, 1)
    assert found["top1"]["estimate"] == found["top1_over_examples"] == pytest.approx(2 / 3)
    assert found["drop"]["estimate"] == pytest.approx(2 / 3 - 1 / 3)
    assert found["ends_after_type"] == pytest.approx(3 / 4)


@pytest.mark.parametrize(("n_tokens", "named"), [(1, "several tokens"), (2, "one token")])
def test_a_study_of_one_kind_of_golds_is_refused(n_tokens, named):
    prompts = [{"example_id": "e1", "gold_token_ids": [5] * n_tokens}]
    answers = [prediction("e1", "p", "T", right=True)]
    with pytest.raises(UserError, match=f"no gold of {named} is answered.*config/quality.yaml"):
        measure_accuracy({"e1": "a"}, prompts, answers, answers, Bootstrap(100))


@pytest.mark.model
def test_a_removed_block_is_a_network_without_it():
    model, bare = random_model("gpt_bigcode"), random_network("gpt_bigcode")
    prompts = random_prompts()
    blocks = bare.transformer.h
    whole = [int(alone_logits(bare, prompt)[-1].argmax()) for prompt in prompts]
    rows = [
        {"token_ids": prompt, "gold_token_ids": [gold]}
        for prompt, gold in zip(prompts, whole, strict=True)
    ]
    expected = []
    for removed in range(len(blocks)):
        bare.transformer.h = torch.nn.ModuleList(
            block for i, block in enumerate(blocks) if i != removed
        )
        left = [int(alone_logits(bare, prompt)[-1].argmax()) for prompt in prompts]
        expected.append(1 - np.mean([a == b for a, b in zip(left, whole, strict=True)]))
    assert removal_effects(model, rows, 1.0, 4096) == pytest.approx(expected)
    assert max(expected) > 0  # so that a removal that does nothing would be seen
