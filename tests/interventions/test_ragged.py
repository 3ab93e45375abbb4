"""Patches that are not alike, in passes of like ones, against one forward for each of them."""

import pytest
import torch

from fimscope.errors import MisalignedError, UserError
from fimscope.inference.places import residual
from fimscope.interventions import ragged
from fimscope.interventions.ragged import Patch, sweep_ragged
from hooks import hooked_logits
from models import ARCHITECTURES, alone_logits, random_model, random_prompts

pytestmark = pytest.mark.model

LENGTHS = (9, 12, 5)
WANTED = [4, 9]
IDS = torch.tensor([WANTED] * len(LENGTHS))
TOLERANCE = {"atol": 1e-4, "rtol": 0}


def patches_of(model):
    """Of every prompt but one, at one or more tokens and points, the first and the last among them.

    They stand in no order of prompts or points.
    """
    last = model.n_blocks
    places = [
        (1, [2, 7], [1, 2]),
        (0, [8], [0]),
        (1, [0], [0]),
        (1, [2], [1]),
        (0, [3], [last]),
        (1, [11], [last]),
        (0, [0, 8], [0, 1]),
        (0, [8], [2]),
        (1, [5, 3], [1]),
    ]
    generator = torch.Generator().manual_seed(3)
    return [
        Patch(
            prompt,
            tokens,
            {p: torch.randn(len(tokens), model.d_model, generator=generator) for p in points},
        )
        for prompt, tokens, points in places
    ]


def expected_logits(model, prompt, patch):
    writes = [
        (residual(point), token, values[t])
        for point, values in patch.values.items()
        for t, token in enumerate(patch.tokens)
    ]
    return hooked_logits(model, prompt, writes)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_each_patch_equals_hooks_on_the_bare_network(name, monkeypatch):
    model, prompts = random_model(name), random_prompts(LENGTHS)
    patches = patches_of(model)
    swept = sweep_ragged(model, prompts, patches, IDS)
    for number, patch in enumerate(patches):
        expected = expected_logits(model, prompts[patch.prompt], patch)
        torch.testing.assert_close(swept.patched.logits[number], expected[WANTED], **TOLERANCE)
        torch.testing.assert_close(
            swept.patched.logsumexp[number], expected.logsumexp(-1), **TOLERANCE
        )
        assert swept.patched.top_ids[number] == expected.argmax()
    for row, prompt in enumerate(prompts):
        plain = alone_logits(model.network, prompt)[-1]
        torch.testing.assert_close(swept.baseline.logits[row], plain[WANTED], **TOLERANCE)
        assert swept.baseline.top_ids[row] == plain.argmax()
    # Each in a pass of its own, and each in a row of its own.
    for name, value in {"TOKENS_OF_A_PASS": 1, "LEAST_TOKENS_OF_A_ROW": 1}.items():
        monkeypatch.setattr(ragged, name, value)
        alone = sweep_ragged(model, prompts, patches, IDS)
        torch.testing.assert_close(alone.patched.logits, swept.patched.logits, **TOLERANCE)


def test_without_a_patch_the_prompts_answer_alone():
    model, prompts = random_model("gpt2"), random_prompts(LENGTHS)
    swept = sweep_ragged(model, prompts, [], IDS)
    assert swept.patched.logits.shape == (0, len(WANTED))
    for row, prompt in enumerate(prompts):
        plain = alone_logits(model.network, prompt)[-1, WANTED]
        torch.testing.assert_close(swept.baseline.logits[row], plain, **TOLERANCE)


def test_patches_that_do_not_fit_are_refused():
    model, prompts = random_model("gpt2"), random_prompts(LENGTHS)
    value = torch.zeros(1, model.d_model)
    fits = Patch(1, [0], {0: value})
    for tokens in ([], [9], [-1], [2, 2]):
        with pytest.raises(MisalignedError, match=r"patch 1: tokens .* one or more of 0..8"):
            sweep_ragged(model, prompts, [fits, Patch(0, tokens, {0: value})], IDS)
    with pytest.raises(MisalignedError, match=r"patch 0, point 1: values of shape \(1, 32\)"):
        sweep_ragged(model, prompts, [Patch(1, [0, 1], {1: value})], IDS)
    with pytest.raises(UserError, match="points"):
        sweep_ragged(model, prompts, [Patch(1, [0], {model.n_points: value})], IDS)
