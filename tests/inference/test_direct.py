"""Direct logit attribution, against the bare transformers model and its norms' own formulas."""

import pytest
import torch

from fimscope.inference.direct import direct_heads, direct_logits
from fimscope.inference.prefill import prefill
from fimscope.inference.residuals import collect
from fimscope.models.families import FAMILIES
from fimscope.models.load import wrap_network
from models import EVERY_TYPE, alone_logits, random_model, random_network, random_prompts

pytestmark = pytest.mark.model

PAIRS = torch.tensor([[5, 6], [6, 7], [7, 5], [8, 9], [9, 9]])


def last_residuals(model):
    prompts = random_prompts()
    return prompts, collect(model, prompts, [[-1]] * len(prompts))[:, :, 0]


def uncapped(model, logits):
    cap = getattr(model.config, "final_logit_softcapping", None)
    return logits if cap is None else cap * torch.atanh(logits.double() / cap).float()


@pytest.mark.parametrize("name", EVERY_TYPE)
def test_all_parts_together_are_the_models_own_difference(name):
    model = random_model(name)
    prompts, residuals = last_residuals(model)
    found = direct_logits(model, residuals, PAIRS)
    assert found.shape == (model.n_points + 1, len(prompts))
    for row, (prompt, pair) in enumerate(zip(prompts, PAIRS, strict=True)):
        one, other = uncapped(model, alone_logits(model.network, prompt)[-1])[pair]
        assert found[:, row].sum().item() == pytest.approx((one - other).item(), abs=2e-3)
    assert torch.equal(found[:, 4], torch.zeros(len(found)))  # a token less itself


@pytest.mark.parametrize(("name", "is_layer_norm"), [("gpt_bigcode", True), ("qwen2", False)])
def test_a_part_is_what_the_norms_formula_makes_of_it_at_the_last_points_scale(name, is_layer_norm):
    model = random_model(name)
    _, residuals = last_residuals(model)
    norm = model.network.get_submodule(model.family.final_norm)
    weight = norm.weight.detach().double().cpu()
    eps = norm.eps if is_layer_norm else norm.variance_epsilon
    unembedding = model.network.get_output_embeddings().weight.detach().double().cpu()
    toward = unembedding[PAIRS[:, 0]] - unembedding[PAIRS[:, 1]]
    last = residuals[-1].double()
    spread = last.var(-1, correction=0) if is_layer_norm else last.square().mean(-1)
    found = direct_logits(model, residuals, PAIRS)
    for point in range(model.n_points):
        part = residuals[point].double()
        if point:
            part = part - residuals[point - 1].double()
        if is_layer_norm:
            part = part - part.mean(-1, keepdim=True)
        wanted = (part * weight * toward).sum(-1) / (spread + eps).sqrt()
        torch.testing.assert_close(found[point].double(), wanted, atol=1e-4, rtol=1e-4)
    bias = (toward @ norm.bias.detach().double().cpu()) if is_layer_norm else torch.zeros(5)
    torch.testing.assert_close(found[-1].double(), bias.double(), atol=1e-5, rtol=1e-4)


def test_in_half_precision_the_sum_is_the_difference_as_far_as_it_goes():
    model = random_model("qwen2", torch.bfloat16)
    prompts, residuals = last_residuals(model)
    found = direct_logits(model, residuals, PAIRS).sum(0)
    for row, (prompt, pair) in enumerate(zip(prompts, PAIRS, strict=True)):
        one, other = alone_logits(model.network, prompt)[-1][pair]
        assert found[row].item() == pytest.approx((one - other).item(), abs=0.1)


def test_a_final_norm_of_another_form_has_no_parts():
    class Squash(torch.nn.Module):
        def forward(self, x):
            return torch.tanh(3 * x)

    network = random_network("llama")
    network.model.norm = Squash()
    model = wrap_network(network, FAMILIES["llama"])
    _, residuals = last_residuals(model)
    assert direct_logits(model, residuals, PAIRS).isnan()[:-1].all()


def added_by_attention(model, prompt):
    """What each block's attention adds at the last token, by hooks on the bare network alone."""
    found, family = [], model.family

    def keep(module, inputs, given):
        found.append((given[0] if isinstance(given, tuple) else given)[0, -1].double())

    blocks = model.network.get_submodule(family.blocks)
    hooks = [
        block.get_submodule(family.attention_output).register_forward_hook(keep) for block in blocks
    ]
    alone_logits(model.network, prompt)
    for hook in hooks:
        hook.remove()
    return torch.stack(found)


@pytest.mark.parametrize("name", EVERY_TYPE)
def test_the_heads_and_their_biases_are_together_what_attention_adds(name):
    """Whose own share is found as that of an embedding: a part written into the last residual."""
    model = random_model(name)
    prompts, residuals = last_residuals(model)
    heads = prefill(model, prompts, heads=True).heads
    assert heads.shape == (model.n_blocks, len(prompts), model.n_heads, model.d_head)
    found = direct_heads(model, heads, residuals[-1], PAIRS)
    assert found.shape == (model.n_blocks, model.n_heads + 1, len(prompts))
    for row, prompt in enumerate(prompts):
        added = added_by_attention(model, prompt).to(residuals)
        last = residuals[-1, row]
        # Points of a stream that begins with the attention's parts and ends where it does.
        stream = torch.stack([*added.cumsum(0), last])[:, None]
        whole = direct_logits(model, stream, PAIRS[[row]])[: model.n_blocks, 0]
        torch.testing.assert_close(found[:, :, row].sum(1), whole, atol=2e-4, rtol=1e-3)


def test_a_head_is_its_own_columns_of_the_projection():
    """By what is missing of the attention's share where the head's columns are zero."""
    model = random_model("qwen2")
    prompts, residuals = last_residuals(model)
    heads = prefill(model, prompts, heads=True).heads
    found = direct_heads(model, heads, residuals[-1], PAIRS)
    mixer = model.network.model.layers[1].self_attn.o_proj
    kept = mixer.weight.detach().clone()
    with torch.no_grad():
        mixer.weight[:, 2 * model.d_head : 3 * model.d_head] = 0
    without = direct_heads(model, heads, residuals[-1], PAIRS)
    with torch.no_grad():
        mixer.weight.copy_(kept)
    assert found[1, 2, :4].abs().min() > 0
    assert torch.equal(without[1, 2], torch.zeros(len(prompts)))
    others = [0, 1, 3, 4]
    assert torch.equal(without[1, others], found[1, others])


def test_heads_that_do_not_add_up_to_their_attention_are_not_told():
    network = random_network("llama")
    attention = network.model.layers[1].self_attn
    plain = attention.forward
    attention.forward = lambda *args, **how: (2 * (given := plain(*args, **how))[0], *given[1:])
    heads = prefill(wrap_network(network, FAMILIES["llama"]), random_prompts(), heads=True).heads
    assert heads.isnan().flatten(1).all(1).tolist() == [False, True, False]
