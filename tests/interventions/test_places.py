"""Every kind of place against hooks on the bare network, and patterns against what they mix."""

import pytest
import torch
from transformers import AutoModelForCausalLM, GPTBigCodeConfig

from fimscope.errors import MisalignedError, UserError
from fimscope.inference.places import (
    attention_output,
    check_places,
    head,
    key,
    mlp_output,
    module,
    neurons,
    pattern,
    query,
    residual,
    value,
    width_of,
)
from fimscope.interventions.session import Batch
from fimscope.models.families import FAMILIES
from fimscope.models.load import wrap_network
from hooks import hooked_logits
from models import (
    ARCHITECTURES,
    EVERY_TYPE,
    alone_logits,
    random_model,
    random_network,
    random_prompts,
)

pytestmark = pytest.mark.model

architectures = pytest.mark.parametrize("name", ARCHITECTURES)
every_type = pytest.mark.parametrize("name", EVERY_TYPE)
TOLERANCE = {"atol": 1e-4, "rtol": 0}
LENGTHS = (9, 12, 5)
INDEX = 3
FIRST_OF_MLP = ("up_proj", "c_fc", "dense_h_to_4h", "fc1", "gate_up_proj")
KINDS = [
    residual(0),
    residual(2),
    attention_output(1),
    mlp_output(0),
    head(1, 2),
    query(1, 3),
    key(0, 0),
    value(0, 0),
    neurons(1),
]


def places_of(model):
    """Of every kind one, and modules: within an MLP, and a norm."""
    last_key = getattr(model.config, "num_key_value_heads", model.n_heads) - 1
    if getattr(model.config, "multi_query", False):
        last_key = 0
    blocks = model.network.get_submodule(model.family.blocks)
    ups = [f"mlp.{n}" for n, _ in blocks[1].mlp.named_children() if n in FIRST_OF_MLP]
    norm = next(n for n, _ in blocks[1].named_children() if "norm" in n or n == "ln_1")
    modules = [f"{model.family.blocks}.1.{path}" for path in (*ups[:1], norm)]
    places = [*KINDS, key(1, last_key), value(1, last_key), *map(module, modules)]
    return [place for place in places if place.kind not in lacking(model)]


def lacking(model):
    """The kinds that a model has no place of: experts share no neurons, latents are no heads'."""
    kinds = {"neurons"} if hasattr(model.config, "num_experts_per_tok") else set()
    return kinds | ({"query", "key", "value"} if "deepseek" in model.config.model_type else set())


def eager_model(name):
    network = random_network(name)
    network.set_attn_implementation("eager")
    return wrap_network(network, FAMILIES[network.config.model_type])


def key_head(model, index):
    """The head of keys and values that a head of queries reads."""
    width = model.network.config.get_text_config()
    n_keys = getattr(width, "num_key_value_heads", None) or model.n_heads
    return index * (1 if getattr(width, "multi_query", False) else n_keys) // model.n_heads


@every_type
def test_each_kind_of_place_equals_hooks_on_the_bare_network(name):
    """Another prompt's values are put in at one token of a ragged batch, and of each row alone."""
    model = random_model(name)
    recipients = Batch(model, random_prompts(LENGTHS))
    places = places_of(model)
    found = Batch(model, random_prompts(LENGTHS, 1)).collect(INDEX, places)
    for place in places:
        assert found[place].shape == (3, 1, width_of(model, place))
        patched = recipients.patch(found, places=place).logits
        for row, prompt in enumerate(recipients.prompts):
            write = (place, INDEX, found[place][row, 0])
            expected = hooked_logits(model, prompt.token_ids, [write])
            torch.testing.assert_close(patched[row], expected, **TOLERANCE, msg=str(place))
        assert (patched - recipients.logits).abs().max() > 1e-3, place


@architectures
def test_all_places_at_once_are_the_hooks_at_all_of_them(name):
    """In whatever order they are named: a forward is touched as it passes them."""
    model = random_model(name)
    recipients = Batch(model, random_prompts(LENGTHS))
    places = places_of(model)[::-1]
    found = Batch(model, random_prompts(LENGTHS, 1)).collect(INDEX, places)
    patched = recipients.patch(found)
    again = patched.collect(INDEX, places)
    for row, prompt in enumerate(recipients.prompts):
        writes = [(place, INDEX, found[place][row, 0]) for place in places]
        expected = hooked_logits(model, prompt.token_ids, writes)
        torch.testing.assert_close(patched.logits[row], expected, **TOLERANCE)
    assert all(torch.equal(again[place], found[place]) for place in places)


def test_heads_whose_projections_lie_head_by_head():
    """GPTBigCode without multi-query keeps a head's query, key and value beside each other."""
    config = GPTBigCodeConfig(
        vocab_size=101, n_positions=64, n_embd=32, n_head=4, n_layer=2, multi_query=False
    )
    torch.manual_seed(0)
    model = wrap_network(AutoModelForCausalLM.from_config(config), FAMILIES["gpt_bigcode"])
    recipients, places = (
        Batch(model, random_prompts(LENGTHS)),
        [query(1, 2), key(0, 3), value(0, 1)],
    )
    found = Batch(model, random_prompts(LENGTHS, 1)).collect(INDEX, places)
    for place in places:
        patched = recipients.patch(found, places=place).logits
        for row, prompt in enumerate(recipients.prompts):
            write = (place, INDEX, found[place][row, 0])
            expected = hooked_logits(model, prompt.token_ids, [write])
            torch.testing.assert_close(patched[row], expected, **TOLERANCE)
    assert recipients.collect(INDEX, value(0, 3))[value(0, 3)].shape == (3, 1, 8)


@architectures
def test_patterns_are_those_of_the_network_counted_from_the_first_token(name):
    model = eager_model(name)
    batch = Batch(model, random_prompts(LENGTHS))
    found = batch.collect([INDEX, "last"], [pattern(1, 2), pattern(0, 1)])
    for row, prompt in enumerate(batch.prompts):
        with torch.inference_mode():
            ids = torch.tensor([prompt.token_ids], device=model.device)
            own = model.network(input_ids=ids, output_attentions=True).attentions
        for place in found.values:
            expected = own[place.index][0, place.head][[INDEX, -1]]
            n = expected.shape[-1]
            torch.testing.assert_close(found[place][row, :, :n], expected, **TOLERANCE)
            assert (found[place][row, :, n:] == 0).all()


@architectures
def test_a_token_that_attends_to_one_alone_mixes_its_value(name):
    model = eager_model(name)
    batch, place, mixed = Batch(model, random_prompts(LENGTHS)), pattern(1, 2), head(1, 2)
    own = batch.collect([INDEX], place)
    one_hot = own.map(
        lambda w: torch.nn.functional.one_hot(torch.tensor(1), w.shape[-1]).expand_as(w).to(w.dtype)
    )
    patched = batch.patch(one_hot)
    values = batch.collect(1, value(1, key_head(model, 2)))[value(1, key_head(model, 2))]
    torch.testing.assert_close(patched.collect(INDEX, mixed)[mixed], values, **TOLERANCE)
    by_hand = batch.patch(batch.collect(INDEX, mixed).map(lambda _: values), places=mixed)
    torch.testing.assert_close(patched.logits, by_hand.logits, **TOLERANCE)
    assert torch.equal(patched.collect(INDEX, place)[place], one_hot[place])
    nothing = batch.zero(INDEX, place)
    torch.testing.assert_close(nothing.logits, batch.zero(INDEX, mixed).logits, **TOLERANCE)
    swept = batch.sweep(one_hot, tokens=[4, 9])
    torch.testing.assert_close(
        swept.patched.logits[0, :, 0], patched.logits[:, [4, 9]], **TOLERANCE
    )


def test_patterns_of_prompts_of_other_lengths():
    """Weights are for a prompt's own tokens, whatever the padding of either batch."""
    model = eager_model("llama")
    donors, recipients = (
        Batch(model, random_prompts((5, 9), 1)),
        Batch(model, random_prompts((12, 6))),
    )
    place = pattern(1, 0)
    patched = recipients.patch(donors.collect(INDEX, place), [(INDEX, 5)])
    for row in range(2):
        donor = Batch(model, [donors.prompts[row]]).collect(INDEX, place)
        alone = Batch(model, [recipients.prompts[row]]).patch(donor, [(INDEX, 5)])
        torch.testing.assert_close(patched.logits[row], alone.logits[0], **TOLERANCE)
    with pytest.raises(MisalignedError, match="token 2 cannot attend as token 3 of donor 0 does"):
        recipients.patch(donors.collect(INDEX, place), [(INDEX, 2)])


def test_places_that_are_not_there_are_refused():
    model = random_model("llama")
    batch = Batch(model, random_prompts(LENGTHS))
    with pytest.raises(UserError, match="load it with 'eager'"):
        batch.collect("last", pattern(0, 0))
    with pytest.raises(UserError, match="key of head 2 of block 0: no such place; .* heads 0..1"):
        batch.zero("last", key(0, 2))
    with pytest.raises(UserError, match="module model.layers.0.nothing: no module that a forward"):
        batch.collect("last", module("model.layers.0.nothing"))
    with pytest.raises(UserError, match="neurons of block 9: no such place"):
        check_places(model, [neurons(9)])
    eager = Batch(eager_model("llama"), random_prompts(LENGTHS))
    with pytest.raises(UserError, match="as wide as the prompt is long"):
        eager.add(torch.ones(3), "last", pattern(0, 0))
    with pytest.raises(MisalignedError, match="cannot be put into head 0 of block 0"):
        eager.patch(eager.collect("last", pattern(0, 0)), to=head(0, 0))
    with pytest.raises(UserError, match="cannot be edited at new tokens"):
        eager.zero("last", pattern(0, 0)).generate(2, edit_new_tokens=True)


@every_type
def test_places_that_a_type_lacks_are_refused(name):
    batch, kinds = Batch(random_model(name), random_prompts(LENGTHS)), lacking(random_model(name))
    for place in KINDS:
        if place.kind in kinds:
            with pytest.raises(UserError, match=r"has none of .*name .*with `module\(path\)`"):
                batch.collect("last", place)


def test_projections_that_are_not_known_are_refused():
    model = random_model("llama")
    attention = model.network.get_submodule("model.layers.0.self_attn")
    names = {name: part for name, part in attention._modules.items() if name != "q_proj"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention, "_modules", names)
        with pytest.raises(UserError, match="has none of q_proj"):
            Batch(model, [[1]]).collect("last", query(0, 0))


def test_the_logits_of_an_unpatched_network_are_as_before():
    """Reading patterns and counting calls leave the network as it was."""
    model = eager_model("gpt2")
    [prompt] = random_prompts((7,))
    before = alone_logits(model.network, prompt)
    Batch(model, [prompt]).zero(INDEX, pattern(1, 1)).top(1)
    Batch(model, [prompt]).collect(INDEX, module("transformer.h.1.mlp.c_fc"))
    assert torch.equal(alone_logits(model.network, prompt), before)
