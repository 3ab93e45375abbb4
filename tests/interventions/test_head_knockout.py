"""Knockout in chosen heads against weights set to zero by hand, for every family."""

import pytest
import torch

from fimscope.errors import MisalignedError, UserError
from fimscope.interventions.head_knockout import Hiding, sweep_hidden
from fimscope.interventions.knockout import answer_without
from models import ARCHITECTURES, VOCAB, random_model, random_network, random_prompts

pytestmark = pytest.mark.model

WAYS = [
    [Hiding([(0, 0), (0, 3), (2, 1)], [2, 3]), Hiding([(1, 2)], [0, 1, 5]), Hiding([(1, 0)])],
    [Hiding([(0, 1)], range(16)), Hiding(), Hiding([(2, 3), (1, 3)], [9, 14])],
    [Hiding(), Hiding([(1, 1)]), Hiding()],
    [Hiding([(2, 0)], [4]), Hiding([(0, 2)], [0]), Hiding([(1, 1), (2, 2)], [3, 10])],
    [Hiding([(1, 0)], [3]), Hiding([(1, 1)], [3]), Hiding([(1, 2)], [3])],
]
ALL_TOKENS = torch.arange(VOCAB).expand(5, -1)


def logprobs(readout):
    return readout.logits - readout.logsumexp[..., None]


@pytest.mark.parametrize("architecture", ["gpt_bigcode", "llama", "qwen2_window", "gpt2"])
def test_it_is_the_weights_of_these_heads_zeroed_and_scaled_to_one_again(architecture):
    """Eager attention with a softmax whose rows are zeroed by hand and divided by their new sum."""
    model, prompts = random_model(architecture), random_prompts()
    found = sweep_hidden(model, prompts, WAYS, ALL_TOKENS)
    network = random_network(architecture)
    network.set_attn_implementation("eager")
    for row, prompt in enumerate(prompts):
        for way, hiding in enumerate(WAYS[row]):
            expected = _by_hand(network, prompt, hiding)
            got = logprobs(found.patched)[row, way]
            torch.testing.assert_close(got, expected, atol=2e-4, rtol=2e-4)
        expected = _by_hand(network, prompt, Hiding())
        torch.testing.assert_close(logprobs(found.baseline)[row], expected, atol=2e-4, rtol=2e-4)


def _by_hand(network, prompt, hiding):
    """Log-probabilities of the next token, [vocab]."""
    plain_softmax, block = torch.nn.functional.softmax, -1

    def softmax(scores, *args, **kwargs):
        nonlocal block
        block += 1
        weights = plain_softmax(scores, *args, **kwargs).clone()
        for of_block, index in hiding.heads:
            if of_block == block:
                weights[:, index, -1, list(hiding.tokens)] = 0
        return weights / weights.sum(-1, keepdim=True)

    with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
        patch.setattr(torch.nn.functional, "softmax", softmax)
        logits = network(input_ids=torch.tensor([prompt], device=network.device)).logits[0, -1]
    assert block + 1 == network.config.num_hidden_layers
    return logits.float().log_softmax(-1).cpu()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_hidden_in_every_head_it_is_the_knockout_of_the_last_token(architecture):
    model, prompts = random_model(architecture), random_prompts()
    heads = [(block, index) for block in range(model.n_blocks) for index in range(model.n_heads)]
    hidden = [[2, 3], [0, 1, 5, 6, 7], [], [4], [3]]
    found = sweep_hidden(model, prompts, [[Hiding(heads, own)] for own in hidden], ALL_TOKENS)
    whole = answer_without(model, prompts, hidden, "last", [7] * 5, 0, set(), VOCAB)
    expected = torch.zeros(5, VOCAB).scatter(1, whole.top_ids, whole.top_logprobs)
    torch.testing.assert_close(logprobs(found.patched)[:, 0], expected, atol=2e-4, rtol=2e-4)


def test_what_cannot_be_hidden_is_refused():
    model, [prompt] = random_model("gpt2"), random_prompts([9])
    token_ids = torch.tensor([[1]])
    for token in (8, -1, 9):
        with pytest.raises(MisalignedError):
            sweep_hidden(model, [prompt], [[Hiding([(0, 0)], [token])]], token_ids)
    with pytest.raises(MisalignedError):
        sweep_hidden(model, [prompt], [], token_ids)
    with pytest.raises(UserError):
        sweep_hidden(model, [prompt], [[Hiding([(0, 99)], [1])]], token_ids)
