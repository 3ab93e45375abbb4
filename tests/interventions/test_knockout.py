"""Attention knockout against weights set to zero by hand, for every family."""

import pytest
import torch
from transformers import AutoModelForCausalLM, GPTBigCodeConfig

from fimscope.errors import MisalignedError
from fimscope.inference.generate import answer
from fimscope.interventions.knockout import answer_without
from fimscope.models.families import FAMILIES
from fimscope.models.load import wrap_network
from models import ARCHITECTURES, VOCAB, random_model, random_network, random_prompts

pytestmark = pytest.mark.model


HIDDEN = [[2, 3], [0, 1, 5, 6, 7], [], [4], [3]]
GOLDS = [7, 8, 9, 10, 11]


@pytest.mark.parametrize("readers", ["last", "later"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_nothing_hidden_is_the_plain_answer(architecture, readers):
    model, prompts = random_model(architecture), random_prompts()
    found = answer_without(model, prompts, [[]] * 5, readers, GOLDS, 4, {0})
    plain = answer(model, prompts, GOLDS, 4, {0})
    torch.testing.assert_close(found.gold_logprob, plain.gold_logprob, atol=1e-4, rtol=1e-4)
    assert torch.equal(found.top_ids[:, 0], plain.top_ids[:, 0])
    assert found.completions == plain.completions


@pytest.mark.parametrize("readers", ["last", "later"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_padding_changes_nothing(architecture, readers):
    model, prompts = random_model(architecture), random_prompts()
    together = answer_without(model, prompts, HIDDEN, readers, GOLDS, 3, {0})
    for row in range(5):
        one = slice(row, row + 1)
        alone = answer_without(model, prompts[one], HIDDEN[one], readers, GOLDS[one], 3, {0})
        torch.testing.assert_close(
            alone.gold_logprob[0], together.gold_logprob[row], atol=1e-4, rtol=1e-4
        )
        assert alone.completions[0] == together.completions[row]


@pytest.mark.parametrize("readers", ["last", "later"])
@pytest.mark.parametrize("architecture", ["gpt_bigcode", "llama", "qwen2", "gpt2"])
def test_it_is_the_patterns_zeroed_and_scaled_to_one_again(architecture, readers):
    """Eager attention with a softmax whose rows are zeroed by hand and divided by their new sum."""
    model = random_model(architecture)
    prompts = random_prompts()
    found = answer_without(model, prompts, HIDDEN, readers, GOLDS, 0, set(), VOCAB)
    network = random_network(architecture)
    network.set_attn_implementation("eager")
    for row, prompt in enumerate(prompts):
        expected = _by_hand(network, prompt, HIDDEN[row], readers)
        got = torch.zeros(VOCAB).scatter(0, found.top_ids[row], found.top_logprobs[row])
        torch.testing.assert_close(got, expected, atol=2e-4, rtol=2e-4)


def _by_hand(network, prompt, hidden, readers):
    """Log-probabilities of the next token, [vocab]."""
    plain_softmax = torch.nn.functional.softmax

    def softmax(scores, *args, **kwargs):
        weights = plain_softmax(scores, *args, **kwargs).clone()
        if scores.shape[-2:] != (len(prompt), len(prompt)):
            raise AssertionError(f"not an attention pattern: {scores.shape}")
        for query in range(len(prompt)):
            if query not in hidden and (readers == "later" or query == len(prompt) - 1):
                weights[..., query, list(hidden)] = 0
        return weights / weights.sum(-1, keepdim=True)

    with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
        patch.setattr(torch.nn.functional, "softmax", softmax)
        ids = torch.tensor([prompt], device=network.device)
        logits = network(input_ids=ids).logits[0, -1]
    return logits.float().log_softmax(-1).cpu()


def test_in_one_block_the_last_token_is_as_if_the_hidden_ones_were_never_there():
    """One block: a token that is not read is a token that is left out, positions kept."""
    config = GPTBigCodeConfig(
        vocab_size=VOCAB,
        n_positions=64,
        n_embd=32,
        n_head=4,
        n_layer=1,
        attn_implementation="eager",
    )
    torch.manual_seed(3)
    network = AutoModelForCausalLM.from_config(config).eval()
    model = wrap_network(network, FAMILIES["gpt_bigcode"])
    [prompt] = random_prompts([14])
    hidden = [1, 4, 5, 12]
    kept = [index for index in range(14) if index not in hidden]
    with torch.inference_mode():
        logits = network(
            input_ids=torch.tensor([[prompt[index] for index in kept]]),
            position_ids=torch.tensor([kept]),
        ).logits[0, -1]
    for readers in ("last", "later"):
        found = answer_without(model, [prompt], [hidden], readers, [5], 0, set())
        assert float(found.gold_logprob[0]) == pytest.approx(
            float(logits.log_softmax(-1)[5]), abs=1e-5
        )


def test_hidden_from_all_later_ones_a_token_has_no_effect_at_all():
    model, [prompt] = random_model("qwen2"), random_prompts([12])
    other = [*prompt[:4], 77, 78, *prompt[6:]]
    for readers, same in (("later", True), ("last", False)):
        first, second = (
            answer_without(model, [ids], [[4, 5]], readers, [9], 0, set())
            for ids in (prompt, other)
        )
        assert torch.allclose(first.top_logprobs, second.top_logprobs, atol=1e-5) == same


@pytest.mark.parametrize("hidden", [[[8]], [[-1]], [[9]], []])
def test_tokens_that_cannot_be_hidden_are_refused(hidden):
    with pytest.raises(MisalignedError):
        answer_without(random_model("gpt2"), random_prompts([9]), hidden, "last", [1], 0, set())
