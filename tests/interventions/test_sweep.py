"""Packed sweeps against one forward for each patch, and the laws that patching keeps."""

import pytest
import torch

from fimscope.errors import MisalignedError
from fimscope.inference.kv_cache import past_of
from fimscope.inference.residuals import collect
from fimscope.interventions import packed
from fimscope.interventions.packed import suffix_of
from fimscope.interventions.sweep import sweep, sweep_last, sweep_plain
from models import (
    ARCHITECTURES,
    EVERY_TYPE,
    LENGTHS,
    VOCAB,
    alone_logits,
    random_model,
    random_prompts,
)

pytestmark = pytest.mark.model


LAST = [[-1]] * len(LENGTHS)
IDS = torch.tensor([[4, 9]] * len(LENGTHS))
ALL_IDS = torch.arange(VOCAB).expand(len(LENGTHS), -1)
architectures = pytest.mark.parametrize("name", ARCHITECTURES)
every_type = pytest.mark.parametrize("name", EVERY_TYPE)
TOLERANCE = {"atol": 1e-4, "rtol": 0}


def last_residuals(model, seed):
    """[point, example, d_model] at the last tokens of random prompts."""
    return collect(model, random_prompts(seed=seed), LAST)[:, :, 0]


def donors_for(model):
    """[point, example, donor, d_model]: the recipient itself, another prompt, and noise."""
    own, other = last_residuals(model, 0), last_residuals(model, 1)
    noise = torch.randn(own.shape, generator=torch.Generator().manual_seed(5)) * own.std()
    return torch.stack([own, other, noise.to(own.dtype)], dim=2)


def every_point(model):
    return [[point] for point in range(model.n_points)]


@every_type
def test_packed_sweep_equals_one_forward_for_each_patch(name):
    model, prompts = random_model(name), random_prompts()
    donors = donors_for(model)
    plain = sweep_plain(model, prompts, LAST, every_point(model), donors[:, :, :, None])
    whole = sweep_last(model, prompts, donors, ALL_IDS)
    torch.testing.assert_close(whole.patched.logits, plain, **TOLERANCE)

    swept = sweep_last(model, prompts, donors, IDS)
    assert torch.equal(swept.patched.top_ids, plain.argmax(-1))
    torch.testing.assert_close(swept.patched.logsumexp, plain.logsumexp(-1), **TOLERANCE)
    assert torch.equal(swept.patched.logits, whole.patched.logits[..., [4, 9]])
    assert torch.equal(swept.baseline.logits, whole.baseline.logits[:, [4, 9]])
    # The test would mean little if the patches moved nothing.
    changed = swept.patched.top_ids[:, :, 1] != swept.baseline.top_ids
    assert changed.float().mean() > 0.5


@architectures
def test_own_residual_changes_nothing_and_the_donors_last_point_gives_its_answer(name):
    model, prompts = random_model(name), random_prompts()
    swept = sweep_last(model, prompts, donors_for(model), ALL_IDS)
    fast, baseline = swept.patched.logits, swept.baseline.logits
    donor_prompts = random_prompts(seed=1)
    for row, prompt in enumerate(prompts):
        own = alone_logits(model.network, prompt)[-1]
        torch.testing.assert_close(baseline[row], own, **TOLERANCE)
        torch.testing.assert_close(fast[:, row, 0], own.expand(model.n_points, -1), **TOLERANCE)
        donor = alone_logits(model.network, donor_prompts[row])[-1]
        torch.testing.assert_close(fast[-1, row, 1], donor, **TOLERANCE)


@architectures
def test_sweep_at_any_position_equals_one_forward_for_each_patch(name):
    model, prompts = random_model(name), random_prompts()
    donors = donors_for(model)[[0, 2], :, 1:, None]
    for tokens in ([[length // 2] for length in LENGTHS], [[0]] * len(LENGTHS), LAST):
        plain = sweep_plain(model, prompts, tokens, [[0], [2]], donors)
        swept = sweep(model, prompts, tokens, [[0], [2]], donors, IDS)
        assert torch.equal(swept.patched.top_ids, plain.argmax(-1))
        torch.testing.assert_close(swept.patched.logits, plain[..., [4, 9]], **TOLERANCE)
        for row, prompt in enumerate(prompts):
            own = alone_logits(model.network, prompt)[-1, [4, 9]]
            torch.testing.assert_close(swept.baseline.logits[row], own, **TOLERANCE)


def test_deep_model_at_every_point():
    model, prompts = random_model("gpt_bigcode_24"), random_prompts()
    donors = donors_for(model)[:, :, 1:2]
    fast = sweep_last(model, prompts, donors, ALL_IDS).patched.logits
    plain = sweep_plain(model, prompts, LAST, every_point(model), donors[:, :, :, None])
    torch.testing.assert_close(fast, plain, atol=1e-3, rtol=0)
    assert torch.equal(fast.argmax(-1), plain.argmax(-1))
    assert fast.shape[0] == 25


@architectures
def test_eager_attention_gives_the_same(name):
    model, prompts = random_model(name), random_prompts()
    donors = donors_for(model)
    before = sweep_last(model, prompts, donors, IDS)
    kernel = model.attention
    model.network.set_attn_implementation("eager")
    try:
        eager = sweep_last(model, prompts, donors, IDS)
    finally:
        model.network.set_attn_implementation(kernel)
    torch.testing.assert_close(eager.patched.logits, before.patched.logits, **TOLERANCE)


@architectures
def test_many_small_passes_give_what_one_gives(name, monkeypatch):
    """Several passes leave out the blocks before their first points; one pass leaves out none."""
    model, prompts = random_model(name), random_prompts()
    donors = donors_for(model)[:, :, 1:2, None]
    for tokens in ([[length // 2] for length in LENGTHS], LAST):

        def run(tokens=tokens):
            return sweep(model, prompts, tokens, every_point(model), donors, IDS).patched

        whole = run()
        for row, whole_pass in ((1, 1), (36, 1), (1, 60)):
            with monkeypatch.context() as patch:
                patch.setattr(packed, "LEAST_TOKENS_OF_A_ROW", row)
                patch.setattr(packed, "LEAST_TOKENS_OF_A_PASS", whole_pass)
                several = run()
            torch.testing.assert_close(several.logits, whole.logits, **TOLERANCE)
            assert torch.equal(several.top_ids, whole.top_ids)
        with monkeypatch.context() as patch:
            patch.setattr(packed, "PASS_BYTES", 1)
            torch.testing.assert_close(run().logits, whole.logits, **TOLERANCE)


@pytest.mark.parametrize("name", ["gpt_bigcode", "gemma3_text"])
def test_windows_in_any_order_come_back_in_it(name, monkeypatch):
    """Passes take the copies by their first point."""
    model, prompts = random_model(name), random_prompts()
    windows, tokens = [[2], [0, 1], [3], [1], [0]], [[length // 2] for length in LENGTHS]
    donors = donors_for(model)[:4, :, 1:, None]
    plain = sweep_plain(model, prompts, tokens, windows, donors)
    for row in (64, 20, 1):
        monkeypatch.setattr(packed, "LEAST_TOKENS_OF_A_ROW", row)
        monkeypatch.setattr(packed, "LEAST_TOKENS_OF_A_PASS", 1)
        swept = sweep(model, prompts, tokens, windows, donors, IDS)
        torch.testing.assert_close(swept.patched.logits, plain[..., [4, 9]], **TOLERANCE)
        for number, prompt in enumerate(prompts):
            own = alone_logits(model.network, prompt)[-1, [4, 9]]
            torch.testing.assert_close(swept.baseline.logits[number], own, **TOLERANCE)


def test_a_long_row_is_made_for_few_examples_only():
    """Every copy of a row is scored against the others; a batch has tokens enough without it."""
    model = random_model("gpt2")
    found = {}
    for n in (1, 16):
        prompts = random_prompts((9,) * n)
        past = past_of(model, [prompt[:-1] for prompt in prompts])
        found[n] = packed.copies_per_pass(model, past, suffix_of(model, prompts, [8] * n), 1000)
    assert found == {1: 500, 16: 63}  # two passes of at most 512, sixteen of at most 64


def test_a_recipient_does_not_depend_on_its_batch():
    model, prompts = random_model("gpt2"), random_prompts()
    donors = donors_for(model)
    together = sweep_last(model, prompts, donors, IDS)
    for row in range(len(prompts)):
        alone = sweep_last(model, [prompts[row]], donors[:, [row]], IDS[[row]])
        torch.testing.assert_close(
            alone.patched.logits[:, 0], together.patched.logits[:, row], **TOLERANCE
        )


@architectures
def test_two_runs_give_the_same_bytes(name):
    model, prompts = random_model(name), random_prompts()
    first, second = (sweep_last(model, prompts, donors_for(model), IDS) for _ in range(2))
    assert torch.equal(first.patched.logits, second.patched.logits)
    assert torch.equal(first.patched.logsumexp, second.patched.logsumexp)


def test_bfloat16_sweep_is_near_the_plain_one():
    model, prompts = random_model("gpt_bigcode", torch.bfloat16), random_prompts()
    donors = donors_for(model)
    fast = sweep_last(model, prompts, donors, ALL_IDS).patched.logits
    plain = sweep_plain(model, prompts, LAST, every_point(model), donors[:, :, :, None])
    assert (fast - plain).abs().max() < 0.25
    assert fast.std() > 1


def test_misaligned_donors_are_refused():
    model, prompts = random_model("gpt2"), random_prompts()
    donors = donors_for(model)
    with pytest.raises(MisalignedError, match="donors of shape"):
        sweep_last(model, prompts[:4], donors, IDS[:4])
    with pytest.raises(MisalignedError, match="donors of shape"):
        sweep_last(model, prompts, donors[:2], IDS)
    with pytest.raises(MisalignedError, match="token ids for 4 of 5"):
        sweep_last(model, prompts, donors, IDS[:4])
