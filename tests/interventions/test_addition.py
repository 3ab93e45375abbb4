"""Additions packed in one row against a plain forward hook that adds."""

import pytest
import torch

from fimscope.interventions import packed
from fimscope.interventions.addition import divergence_added, sweep_added, sweep_added_ragged
from models import EVERY_TYPE, LENGTHS, alone_logits, random_model, random_prompts

pytestmark = pytest.mark.model


IDS = torch.tensor([[4, 9]] * len(LENGTHS))
WINDOWS = [[0], [1], [0, 1, 2], [2]]


def hooked_logits(model, prompt, points, vectors):
    """Logits of one prompt by the bare network, with a vector added in front of each block."""
    blocks = model.network.get_submodule(model.family.blocks)

    def adds(vector):
        def hook(_, arguments):
            hidden = arguments[0].clone()
            hidden[:, -1] += vector
            return (hidden, *arguments[1:])

        return hook

    handles = [blocks[p].register_forward_pre_hook(adds(vectors[p])) for p in points]
    try:
        return alone_logits(model.network, prompt)[-1]
    finally:
        for handle in handles:
            handle.remove()


def random_vectors(model, n):
    generator = torch.Generator().manual_seed(3)
    shape = (3, len(LENGTHS), n, model.d_model)
    return torch.randn(shape, generator=generator) * torch.tensor([0.0, 0.5, 4.0])[:n, None]


def one_by_one(vectors):
    """[prompt][copy]: the same additions, each copy with its own points."""
    return [
        [
            {point: vectors[point, row, v] for point in window}
            for window in WINDOWS
            for v in (0, 1, 2)
        ]
        for row in range(len(LENGTHS))
    ]


@pytest.mark.parametrize("name", EVERY_TYPE)
def test_packed_additions_equal_a_forward_hook_that_adds(name):
    model, prompts = random_model(name), random_prompts()
    vectors = random_vectors(model, 3)
    sweep = sweep_added(model, prompts, WINDOWS, vectors, IDS)
    ragged = sweep_added_ragged(model, prompts, one_by_one(vectors), IDS)
    moved = divergence_added(model, prompts, one_by_one(vectors))
    assert sweep.patched.top_ids.shape == (len(WINDOWS), len(LENGTHS), 3)
    for row, prompt in enumerate(prompts):
        own = alone_logits(model.network, prompt)[-1]
        for w, window in enumerate(WINDOWS):
            for v in range(3):
                copy = (row * len(WINDOWS) + w) * 3 + v
                # The first vector is nothing.
                plain = hooked_logits(model, prompt, window, vectors[:, row, v]) if v else own
                assert sweep.patched.top_ids[w, row, v] == plain.argmax()
                found = sweep.patched.logits[w, row, v]
                torch.testing.assert_close(found, plain[[4, 9]], atol=1e-3, rtol=0)
                found = ragged.patched.logits[copy]
                torch.testing.assert_close(found, plain[[4, 9]], atol=1e-3, rtol=0)
                expected = torch.nn.functional.kl_div(
                    plain.log_softmax(-1), own.log_softmax(-1), reduction="sum", log_target=True
                )
                torch.testing.assert_close(moved.divergence[copy], expected, atol=1e-3, rtol=1e-3)
                assert moved.first[copy] == (plain.argmax() != own.argmax())
        for of_sweep in (sweep, ragged):
            found = of_sweep.baseline.logits[row]
            torch.testing.assert_close(found, own[[4, 9]], atol=1e-4, rtol=0)
    assert moved.divergence[::3].max() < 1e-5  # nothing added, nothing changed
    assert moved.first[2::3].any()


def test_several_passes_give_what_one_gives(monkeypatch):
    model, prompts = random_model("gpt_bigcode"), random_prompts()
    vectors = random_vectors(model, 3)
    one = sweep_added(model, prompts, WINDOWS, vectors, IDS)
    monkeypatch.setattr(packed, "PASS_BYTES", 1)
    several = sweep_added(model, prompts, WINDOWS, vectors, IDS)
    torch.testing.assert_close(several.patched.logits, one.patched.logits, atol=1e-4, rtol=0)
    torch.testing.assert_close(several.baseline.logits, one.baseline.logits, atol=1e-4, rtol=0)
