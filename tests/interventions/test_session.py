"""Edits and readings of batches: the laws they keep, on every family."""

import numpy as np
import pytest
import torch

from fimscope.errors import MisalignedError, UserError
from fimscope.inference.lens import logit_lens
from fimscope.inference.places import (
    attention_output,
    head,
    key,
    mlp_output,
    neurons,
    query,
    residual,
    value,
)
from fimscope.inference.residuals import collect
from fimscope.inference.sampling import sample
from fimscope.interventions.named_prompt import NamedPrompt
from fimscope.interventions.session import Batch
from fimscope.interventions.sweep import sweep, sweep_plain
from hooks import hooked_logits
from models import ARCHITECTURES, EVERY_TYPE, alone_logits, random_model, random_prompts

pytestmark = pytest.mark.model


architectures = pytest.mark.parametrize("name", ARCHITECTURES)
every_type = pytest.mark.parametrize("name", EVERY_TYPE)
TOLERANCE = {"atol": 1e-4, "rtol": 0}
LENGTHS = (9, 12, 5)
ALL_KINDS = [
    residual(0),
    residual(2),
    attention_output(1),
    mlp_output(0),
    head(1, 2),
    query(0, 3),
    key(1, 0),
    value(2, 0),
    neurons(1),
]


def named_prompts(seed=0, lengths=LENGTHS):
    return [
        NamedPrompt(f"p{row}", ids, [("middle", len(ids) // 2), ("use", 0), ("use", 1)])
        for row, ids in enumerate(random_prompts(lengths, seed))
    ]


def batch_of(name, seed=0, lengths=LENGTHS):
    return Batch(random_model(name), named_prompts(seed, lengths))


def a_direction(width=32, seed=3):
    return 2 * torch.randn(width, generator=torch.Generator().manual_seed(seed))


@architectures
def test_logits_without_edits_are_the_bare_networks(name):
    batch = batch_of(name)
    for row, prompt in enumerate(batch.prompts):
        own = alone_logits(batch.model.network, prompt.token_ids)[-1]
        torch.testing.assert_close(batch.logits[row], own, **TOLERANCE)


@architectures
def test_what_changes_nothing_changes_no_bit(name):
    batch = batch_of(name)
    found = batch.collect(["middle", -1], ALL_KINDS)
    assert torch.equal(found.logits, batch.logits)
    patched = batch.patch(found, [("middle", "middle"), (-1, "last")])
    again = patched.collect(["middle", -1], ALL_KINDS)
    assert torch.equal(patched.logits, batch.logits)
    assert all(torch.equal(again[place], found[place]) for place in ALL_KINDS)
    moved = batch.add(a_direction(), "middle", residual(1), strength=0.0)
    assert torch.equal(moved.logits, batch.logits)


@architectures
def test_every_token_at_a_point_gives_the_donors_output(name):
    donors, recipients = batch_of(name, 1), batch_of(name)
    for point in (0, 1, donors.model.n_blocks):
        patched = recipients.patch(donors.collect(places=residual(point)))
        torch.testing.assert_close(patched.logits, donors.logits, **TOLERANCE)
    assert (recipients.logits - donors.logits).abs().max() > 1e-3


def test_every_token_is_what_each_prompt_has_alone_and_nothing_behind_it():
    batch = batch_of("gemma2")
    found = batch.collect()
    assert list(found.values) == [residual(point) for point in range(batch.model.n_points)]
    for row, prompt in enumerate(batch.prompts):
        n = len(prompt.token_ids)
        own = collect(batch.model, [prompt.token_ids], [list(range(n))])[:, 0]
        for point in range(batch.model.n_points):
            values = found[residual(point)][row]
            torch.testing.assert_close(values[:n], own[point], **TOLERANCE)
            assert values[n:].isnan().all()
        assert torch.equal(found.at(residual(1), "middle")[row], found[residual(1)][row, n // 2])


@every_type
def test_parts_of_a_block_add_up_to_its_output(name):
    """What is called a part's output is what is added to the residual stream, norms included."""
    found = batch_of(name).collect(
        "last", [residual(1), attention_output(1), mlp_output(1), residual(2)]
    )
    parts = found[residual(1)] + found[attention_output(1)] + found[mlp_output(1)]
    torch.testing.assert_close(parts, found[residual(2)], **TOLERANCE)


@architectures
def test_a_patch_in_one_row_leaves_the_others_alone(name):
    batch = batch_of(name)
    push = torch.zeros(len(LENGTHS), 1, batch.model.d_model)
    push[1] = 3.0
    moved = batch.add(push, "last", residual(1))
    same = (moved.logits == batch.logits).all(-1)
    assert same.tolist() == [True, False, True]


def test_an_edit_gives_another_batch_and_leaves_this_one():
    batch = batch_of("llama")
    before = batch.logits.clone()
    moved = batch.add(a_direction(), "last", residual(1))
    both = moved.zero("middle", mlp_output(1))
    assert (moved.logits - before).abs().max() > 1e-3
    assert (both.logits - moved.logits).abs().max() > 1e-3
    assert torch.equal(batch.logits, before)
    assert [len(b.edits) for b in (batch, moved, both)] == [0, 1, 2]


@architectures
@pytest.mark.parametrize("edit_new_tokens", [False, True])
def test_generation_with_an_edit_is_the_edit_step_by_step(name, edit_new_tokens):
    batch = batch_of(name)
    model, n_new = batch.model, 4
    places = [residual(1), mlp_output(2)]
    edited = batch.add(a_direction(), "last", places, strength=1.5)
    completions = edited.generate(n_new, edit_new_tokens=edit_new_tokens)
    for row, prompt in enumerate(batch.prompts):
        made, last = completions[row].token_ids, len(prompt.token_ids) - 1
        assert len(made) == n_new
        for n in range(n_new):
            longer = Batch(model, [[*prompt.token_ids, *made[:n]]])
            at = range(last, last + n + 1) if edit_new_tokens else [last]
            step = longer.add(a_direction(), at, places, strength=1.5)
            assert step.top(1)[0].item() == made[n]
    assert batch.generate(n_new) != completions


@architectures
@pytest.mark.parametrize("edit_new_tokens", [False, True])
def test_samples_of_the_likeliest_token_are_the_edited_completion(name, edit_new_tokens):
    edited = batch_of(name).add(a_direction(), "last", residual(1))
    greedy = edited.generate(5, edit_new_tokens=edit_new_tokens)
    drawn = edited.sample(3, 5, top_p=1e-6, edit_new_tokens=edit_new_tokens)
    assert drawn == [[completion] * 3 for completion in greedy]


def test_samples_without_edits_are_those_of_the_function():
    batch = batch_of("qwen2")
    ids = [prompt.token_ids for prompt in batch.prompts]
    assert batch.sample(5, 4, seeds=[7, 8, 9]) == sample(batch.model, ids, [7, 8, 9], 5, 4, ())
    assert batch.sample(5, 4, seeds=7)[0] == batch.sample(5, 4, seeds=[7, 8, 9])[0]


def test_edits_differ_from_prompt_only_to_every_new_token():
    edited = batch_of("gpt_bigcode").add(a_direction() * 1.5, "last", residual(2))
    assert edited.generate(6) != edited.generate(6, edit_new_tokens=True)


@architectures
def test_the_lens_behind_edits(name):
    """At the last point the edited model's own answer; before the edit, the plain lens."""
    batch = batch_of(name)
    edited = batch.add(a_direction(), "middle", residual(2))
    lens = edited.lens(["middle", "last"], [4, 9])
    ids = [prompt.token_ids for prompt in batch.prompts]
    at = [[len(own) // 2, -1] for own in ids]
    plain = logit_lens(batch.model, ids, at, [[4, 9]] * 3)
    torch.testing.assert_close(lens.logprob[:2], plain.logprob[:2], **TOLERANCE)
    own = edited.logits.log_softmax(-1)[:, [4, 9]]
    torch.testing.assert_close(lens.logprob[-1, :, 1], own, **TOLERANCE)
    assert torch.equal(lens.top_ids[-1, :, 1, :1], edited.top(1)[0])
    assert (lens.logprob[-1] - plain.logprob[-1]).abs().max() > 1e-3
    answer = edited.lens("last", points=[0, batch.model.n_blocks])
    assert answer.rank[-1].flatten().tolist() == [0, 0, 0]
    every = edited.lens(tokens=[4, 9]).logprob[:, 1]
    longest = Batch(batch.model, [ids[1]]).add(a_direction(), 6, residual(2))
    torch.testing.assert_close(every, longest.lens(tokens=[4, 9]).logprob[:, 0], **TOLERANCE)
    torch.testing.assert_close(every[:, [6, -1]], lens.logprob[:, 1], **TOLERANCE)


@architectures
@pytest.mark.parametrize("position", [1, "middle", "last"])
def test_a_sweep_of_places_equals_one_hooked_forward_each(name, position):
    recipients, donors = batch_of(name), batch_of(name, 1)
    found = donors.collect([position], ALL_KINDS)
    other = found.map(lambda values: values.flip(-1))
    swept = recipients.sweep([found, other], [(position, position)], [4, 9])
    for row, prompt in enumerate(recipients.prompts):
        token, ids = prompt.index_of(position), prompt.token_ids
        plain = alone_logits(recipients.model.network, ids)[-1, [4, 9]]
        torch.testing.assert_close(swept.baseline.logits[row], plain, **TOLERANCE)
        for number, place in enumerate(ALL_KINDS):
            for d, donor in enumerate((found, other)):
                write = (place, token, donor[place][row, 0])
                own = hooked_logits(recipients.model, ids, [write])[[4, 9]]
                torch.testing.assert_close(swept.patched.logits[number, row, d], own, **TOLERANCE)


@architectures
def test_a_sweep_of_an_edited_batch_is_one_patch_after_the_other(name):
    recipients, found = batch_of(name), batch_of(name, 1).collect("last", [residual(1), head(2, 1)])
    edited = recipients.add(a_direction(), "middle", residual(2))
    swept = edited.sweep(found, tokens=[4, 9])
    torch.testing.assert_close(swept.baseline.logits, edited.logits[:, [4, 9]], **TOLERANCE)
    for number, place in enumerate(found.values):
        own = edited.patch(found, places=place).logits[:, [4, 9]]
        torch.testing.assert_close(swept.patched.logits[number, :, 0], own, **TOLERANCE)


def test_packed_and_plain_sweeps_agree():
    recipients, found = batch_of("gemma2"), batch_of("gemma2", 1).collect("middle", ALL_KINDS)
    nothing = recipients.add(torch.zeros(32), "last", residual(0))
    packed, plain = (b.sweep(found, tokens=[4, 9]) for b in (recipients, nothing))
    for one, other in ((packed.patched, plain.patched), (packed.baseline, plain.baseline)):
        torch.testing.assert_close(one.logits, other.logits, **TOLERANCE)
        torch.testing.assert_close(one.logsumexp, other.logsumexp, **TOLERANCE)
        assert torch.equal(one.top_ids, other.top_ids)


def test_a_patch_equals_the_sweep_and_its_reference():
    donors, recipients = batch_of("gemma2", 1), batch_of("gemma2")
    found = donors.collect("middle", residual(2))
    patched = recipients.patch(found, [("middle", "last")])
    plain = sweep_plain(
        donors.model,
        [prompt.token_ids for prompt in recipients.prompts],
        [[-1]] * 3,
        [[2]],
        found[residual(2)][None, :, None],
    )
    torch.testing.assert_close(patched.logits, plain[0, :, 0], **TOLERANCE)


@architectures
def test_another_layer_is_the_hooks_on_that_layer(name):
    donors, recipients = batch_of(name, 1), batch_of(name)
    found = donors.collect("middle", layers=[0])
    patched = recipients.patch(found, [("middle", "last")], layers=0, to=[1])
    assert torch.equal(
        patched.logits,
        recipients.patch(found, [("middle", "last")], residual(1), to=residual(2)).logits,
    )
    for row, prompt in enumerate(recipients.prompts):
        write = (residual(2), -1, found[residual(1)][row, 0])
        expected = hooked_logits(donors.model, prompt.token_ids, [write])
        torch.testing.assert_close(patched.logits[row], expected, **TOLERANCE)


def test_a_layer_is_what_leaves_the_block():
    batch = batch_of("llama")
    found = batch.collect("last", mlp_output(0), layers=[0, 2])
    assert list(found.values) == [mlp_output(0), residual(1), residual(3)]
    assert torch.equal(batch.zero("last", layers=1).logits, batch.zero("last", residual(2)).logits)


def test_the_donors_of_an_open_with_are_those_of_a_patch_that_names_none():
    donors, recipients = batch_of("llama", 1), batch_of("llama")
    pairs = [("middle", "last"), (0, 1)]
    with donors.collect(layers=[1, 2]) as collector:
        with recipients.patch(layers=[1], positions=pairs) as patcher:
            logits = patcher.logits
        both = recipients.patch(positions=pairs)
    assert torch.equal(logits, recipients.patch(collector, pairs, layers=1).logits)
    assert torch.equal(both.logits, recipients.patch(collector, pairs).logits)
    with pytest.raises(UserError, match="a patch without donors"):
        recipients.patch(positions=pairs)


def test_mean_of_donors_takes_any_number_of_them():
    found = batch_of("llama", 1, (6, 8, 7, 9)).collect("last", residual(1))
    patched = batch_of("llama").patch_mean(found, [("last", "middle")])
    kept = patched.collect("middle", residual(1))
    mean = found[residual(1)].mean(0)
    torch.testing.assert_close(kept[residual(1)], mean.expand(3, -1, -1))


def test_noise_is_of_what_enters_block_0():
    for name in set(EVERY_TYPE) - {"gpt2", "gpt_bigcode"}:  # these add learned positions
        model = random_model(name)
        entering = collect(model, [list(range(60))], [list(range(60))], [0])[0, 0]
        rows = model.network.get_submodule(model.family.embedding).weight[:60]
        scale = (entering.norm() / rows.norm()).item()
        expected = scale * rows.new_tensor(
            model.network.get_submodule(model.family.embedding).weight.std().item()
        )
        assert model.embedding_spread == pytest.approx(expected.item(), rel=1e-3)


def test_noise_has_the_stated_spread_and_repeats():
    batch = batch_of("gpt2", 0, (40, 30))
    positions = list(range(25))
    before = batch.collect(positions, residual(0))
    noisy = [batch.add_noise(positions, residual(0), spread=3.0, seed=4) for _ in range(2)]
    noise = noisy[0].collect(positions, residual(0))[residual(0)] - before[residual(0)]
    embedding = batch.model.network.get_input_embeddings().weight
    assert noise.std() == pytest.approx(3 * embedding.std().item(), rel=0.05)
    assert torch.equal(noisy[0].logits, noisy[1].logits)


def test_positions_may_differ_from_prompt_to_prompt():
    batch = batch_of("qwen2")
    found = batch.collect([[1, "middle", -1], "last"], residual(1))
    alone = [
        collect(batch.model, [prompt.token_ids], [[index]], [1])[0, 0, 0]
        for prompt, index in zip(batch.prompts, [1, LENGTHS[1] // 2, -1], strict=True)
    ]
    torch.testing.assert_close(found[residual(1)][:, 0], torch.stack(alone), **TOLERANCE)


def test_numbers_of_numpy_and_torch_are_positions_and_layers():
    batch = batch_of("gpt2")
    expected = batch.collect([1, 2], layers=[0])[residual(1)]
    for one, two, layer in ((np.int64(1), np.int32(2), np.int64(0)), (*torch.tensor([1, 2]), 0)):
        assert torch.equal(batch.collect([one, two], layers=layer)[residual(1)], expected)
    assert torch.equal(batch.collect(np.arange(1, 3), layers=np.arange(1))[residual(1)], expected)
    directions = (a_direction(), a_direction().numpy())
    one, other = (batch.add(own, "last", layers=1).logits for own in directions)
    assert torch.equal(one, other)


def test_answers_are_texts_with_their_probabilities():
    batch = batch_of("gpt2")
    ids, logprobs = batch.top(2)
    for row, own in enumerate(batch.answers(2)):
        assert [text for text, _ in own] == [str(int(token)) for token in ids[row]]
        assert [p for _, p in own] == pytest.approx(logprobs[row].exp().tolist())
    assert batch.ranks(ids[:, 1].tolist()).tolist() == [1, 1, 1]
    assert batch.ranks([str(int(token)) for token in ids[:, 0]]).tolist() == [0, 0, 0]


def test_requests_that_do_not_fit_say_what_was_expected():
    batch = batch_of("gpt2")
    model = batch.model
    found = batch.collect("middle", residual(1))
    with pytest.raises(MisalignedError, match="positions of 2 prompts for 3"):
        batch.columns([[1, 2]])
    with pytest.raises(MisalignedError, match="none found; expected one or more"):
        batch.columns([])
    with pytest.raises(MisalignedError, match="point 2 was not collected; point 1 was"):
        batch.patch(found, [("middle", "last")], residual(2))
    with pytest.raises(MisalignedError, match="position 'last' was not collected"):
        batch.patch(found, "last")
    with pytest.raises(MisalignedError, match=r"expected pairs of the donor's and the recip"):
        batch.patch(found, [("middle", "last", 2)])
    with pytest.raises(MisalignedError, match=r"3 donors, the first p0, for 2 recipients"):
        batch_of("gpt2", 0, (4, 5)).patch(found)
    with pytest.raises(MisalignedError, match="every token: donor p0 has 9 tokens and prompt p0"):
        batch_of("gpt2", 0, (8, 12, 5)).patch(batch.collect(layers=1))
    with pytest.raises(MisalignedError, match="to: 1 places for 2 that are patched"):
        batch.patch(batch.collect("last", layers=[0, 1]), to=2)
    with pytest.raises(MisalignedError, match="point 1 has vectors of 32 numbers, head 0 of bl"):
        batch.patch(found, to=head(0, 0))
    with pytest.raises(UserError, match="head 9 of block 0: no such place"):
        batch.zero("last", head(0, 9))
    with pytest.raises(UserError, match=r"layers: 3 found; expected one of 0..2"):
        batch.collect(layers=3)
    with pytest.raises(UserError, match="an edit without a place"):
        batch.zero("last")
    with pytest.raises(MisalignedError, match="2 positions; an edit that is made again"):
        batch.zero(["middle", "last"], residual(1)).generate(2, edit_new_tokens=True)
    with pytest.raises(MisalignedError, match="a sweep of one place twice"):
        batch.sweep(found, places=[residual(1)] * 2)
    with pytest.raises(MisalignedError, match="a sweep without donors"):
        batch.sweep([])
    with pytest.raises(UserError, match=r"tokens: 101 found; expected 0 to 100"):
        batch.lens("last", [101])
    with pytest.raises(MisalignedError, match=r"tokens for 2 prompts, \[1\] in each"):
        batch.lens("last", [[1], [2]])
    with pytest.raises(MisalignedError, match="values of shape"):
        found.map(lambda values: values[:1])
    with pytest.raises(UserError, match="a batch of no prompts"):
        Batch(model, [])
    with pytest.raises(UserError, match="expected a list of texts"):
        Batch(model, "12")
    with pytest.raises(UserError, match=r"prompt 1 of the batch has token 101; expected 0 to 100"):
        Batch(model, [[1], [5, 101]])


def test_two_donors_for_one_place_and_token_are_refused():
    batch = batch_of("gpt2")
    found = batch.collect(["middle", "last"], [residual(1), residual(2)])
    two = "point 1, prompt p0: two donors for token 8"
    with pytest.raises(MisalignedError, match=two):
        batch.patch(found, [("middle", "last"), ("last", -1)])
    once = batch.patch(found, [("middle", "last")])
    with pytest.raises(MisalignedError, match=two):
        once.patch(found, [("last", -1)], residual(1))
    with pytest.raises(MisalignedError, match="two donors"):
        once.patch(batch.collect(layers=0))
    with pytest.raises(MisalignedError, match="two donors"):
        batch.patch(found, [("last", "last")], [residual(1), residual(2)], to=[residual(1)] * 2)
    once.patch(found, [("last", "middle")], residual(1))


@pytest.mark.parametrize("shape", [(5,), (3, 32), (2, 1, 32), (1, 3, 32)])
def test_a_direction_of_another_shape_is_refused(shape):
    with pytest.raises(MisalignedError, match=r"point 1: a direction of shape .* \[32\] or \[3, 1"):
        batch_of("gpt2").add(torch.ones(shape), ["middle", "last"], residual(1))


@architectures
def test_windows_of_points_equal_edits_at_each_of_them(name):
    recipients, donors = batch_of(name), batch_of(name, 1)
    model = recipients.model
    ids = [prompt.token_ids for prompt in recipients.prompts]
    positions = [[len(tokens) // 2] for tokens in ids]
    donor_ids = [prompt.token_ids for prompt in donors.prompts]
    values = collect(model, donor_ids, positions, [0, 1, 2])[:, :, None]
    wanted = torch.arange(101).expand(3, -1)
    windows = [[0, 1], [2], [0, 1, 2]]
    swept = sweep(model, ids, positions, windows, values, wanted).patched.logits
    for index, window in enumerate(windows):
        found = donors.collect("middle", [residual(point) for point in window])
        patched = recipients.patch(found)
        torch.testing.assert_close(swept[index, :, 0], patched.logits, **TOLERANCE)
    assert (swept[0] - swept[2]).abs().max() > 1e-3
