"""Edits and collections in one forward: the laws they keep, on every family."""

import pytest
import torch

from fimscope.errors import MisalignedError, UserError
from fimscope.inference.places import attention_output, head, mlp_output, residual
from fimscope.inference.residuals import collect
from fimscope.interventions.attribution import agreement, attribute_patches
from fimscope.interventions.session import Batch, NamedPrompt
from fimscope.interventions.sweep import sweep, sweep_plain
from models import ARCHITECTURES, alone_logits, random_model, random_prompts

pytestmark = pytest.mark.model


architectures = pytest.mark.parametrize("name", ARCHITECTURES)
TOLERANCE = {"atol": 1e-4, "rtol": 0}
LENGTHS = (9, 12, 5)
ALL_KINDS = [residual(0), residual(2), attention_output(1), mlp_output(0), head(1, 2)]


def named_prompts(seed=0, lengths=LENGTHS):
    return [
        NamedPrompt(f"p{row}", ids, [("middle", len(ids) // 2), ("use", 0), ("use", 1)])
        for row, ids in enumerate(random_prompts(lengths, seed))
    ]


def batch_of(name, seed=0, lengths=LENGTHS):
    return Batch(random_model(name), named_prompts(seed, lengths))


def plain_logits(batch):
    with batch.run() as run:
        pass
    return run.logits


@architectures
def test_run_without_edits_gives_the_bare_networks_logits(name):
    batch = batch_of(name)
    logits = plain_logits(batch)
    for row, prompt in enumerate(batch.prompts):
        own = alone_logits(batch.model.network, prompt.token_ids)[-1]
        torch.testing.assert_close(logits[row], own, **TOLERANCE)


@architectures
def test_what_changes_nothing_changes_no_bit(name):
    batch = batch_of(name)
    logits = plain_logits(batch)
    with batch.run() as run:
        found = run.collect(ALL_KINDS, ["middle", -1])
    assert torch.equal(run.logits, logits)
    with batch.run() as run:
        run.replace(found, [("middle", "middle"), (-1, "last")])
        again = run.collect(ALL_KINDS, ["middle", -1])
    assert torch.equal(run.logits, logits)
    assert all(torch.equal(again[place], found[place]) for place in ALL_KINDS)
    with batch.run() as run:
        run.add(torch.randn(batch.model.d_model), [residual(1)], ["middle"], strength=0.0)
    assert torch.equal(run.logits, logits)


@architectures
def test_all_positions_at_a_point_give_the_donors_output(name):
    donors, recipients = batch_of(name, 1), batch_of(name)
    for point in (0, 1, donors.model.n_blocks):
        logits = []
        for row, length in enumerate(LENGTHS):
            donor = Batch(donors.model, [donors.prompts[row]])
            recipient = Batch(donors.model, [recipients.prompts[row]])
            with donor.run() as run:
                found = run.collect([residual(point)], list(range(length)))
            with recipient.run() as run:
                run.replace(found, [(index, index) for index in range(length)])
            logits.append(run.logits)
        torch.testing.assert_close(torch.cat(logits), plain_logits(donors), **TOLERANCE)


@architectures
def test_each_kind_of_place_equals_hooks_on_the_bare_network(name):
    """Zeroed at one token, by hand: the modules of the family's paths, found here again."""
    batch = batch_of(name)
    network, family, d_head = batch.model.network, batch.model.family, batch.model.d_head
    for place in ALL_KINDS:
        with batch.run() as run:
            run.zero([place], ["middle"])
        for row, prompt in enumerate(batch.prompts):
            index = len(prompt.token_ids) // 2

            def erase(tensor, index=index, place=place):
                first = (place.head or 0) * d_head
                changed = tensor.clone()
                changed[:, index, first : first + d_head if place.head is not None else None] = 0
                return changed

            def after(_, __, output, erase=erase):
                if isinstance(output, tuple):
                    return (erase(output[0]), *output[1:])
                return erase(output)

            def before(_, inputs, erase=erase):
                return (erase(inputs[0]), *inputs[1:])

            blocks = network.get_submodule(family.blocks)
            if place == residual(0):
                handle = blocks[0].register_forward_pre_hook(before)
            elif place.kind == "residual":
                handle = blocks[place.index - 1].register_forward_hook(after)
            elif place.kind == "head":
                mixer = blocks[place.index].get_submodule(family.head_mixer)
                handle = mixer.register_forward_pre_hook(before)
            else:
                module = blocks[place.index].get_submodule(getattr(family, place.kind))
                handle = module.register_forward_hook(after)
            expected = alone_logits(network, prompt.token_ids)[-1]
            handle.remove()
            torch.testing.assert_close(run.logits[row], expected, **TOLERANCE)
        assert (run.logits - plain_logits(batch)).abs().max() > 1e-3


@architectures
def test_parts_of_a_block_add_up_to_its_output(name):
    """What is called a part's output is what is added to the residual stream, norms included."""
    batch = batch_of(name)
    with batch.run() as run:
        found = run.collect([residual(1), attention_output(1), mlp_output(1), residual(2)], [-1])
    parts = found[residual(1)] + found[attention_output(1)] + found[mlp_output(1)]
    torch.testing.assert_close(parts, found[residual(2)], **TOLERANCE)


@architectures
def test_a_patch_in_one_row_leaves_the_others_alone(name):
    batch = batch_of(name)
    push = torch.zeros(len(LENGTHS), 1, batch.model.d_model)
    push[1] = 3.0
    with batch.run() as run:
        run.add(push, [residual(1)], ["last"])
    same = (run.logits == plain_logits(batch)).all(-1)
    assert same.tolist() == [True, False, True]


@architectures
@pytest.mark.parametrize("edit_new_tokens", [False, True])
def test_generation_with_a_patch_is_the_patch_step_by_step(name, edit_new_tokens):
    batch = batch_of(name)
    model, n_new = batch.model, 4
    direction = 2 * torch.randn(model.d_model, generator=torch.Generator().manual_seed(3))
    places = [residual(1), mlp_output(2)]
    with batch.generate(n_new, edit_new_tokens=edit_new_tokens) as run:
        run.add(direction, places, ["last"], strength=1.5)
    for row, prompt in enumerate(batch.prompts):
        made, last = run.completions[row].token_ids, len(prompt.token_ids) - 1
        assert len(made) == n_new
        for n in range(n_new):
            longer = Batch(model, [NamedPrompt("longer", [*prompt.token_ids, *made[:n]])])
            edited = range(last, last + n + 1) if edit_new_tokens else [last]
            with longer.run() as step:
                step.add(direction, places, list(edited), strength=1.5)
            assert step.top(1)[0].item() == made[n]
    with batch.generate(n_new) as plain:
        pass
    assert plain.completions != run.completions


def test_edits_differ_from_prompt_only_to_every_new_token():
    batch = batch_of("gpt_bigcode")
    direction = 3 * torch.randn(32, generator=torch.Generator().manual_seed(3))
    made = []
    for edit_new_tokens in (False, True):
        with batch.generate(6, edit_new_tokens=edit_new_tokens) as run:
            run.add(direction, [residual(2)], ["last"])
        made.append([completion.token_ids for completion in run.completions])
    assert made[0] != made[1]


def test_replacing_equals_the_sweep_and_its_reference():
    donors, recipients = batch_of("gemma2", 1), batch_of("gemma2")
    model = donors.model
    with donors.run() as run:
        found = run.collect([residual(2)], ["middle"])
    with recipients.run() as run:
        run.replace(found, [("middle", "last")])
    plain = sweep_plain(
        model,
        [prompt.token_ids for prompt in recipients.prompts],
        [[-1]] * 3,
        [[2]],
        found[residual(2)][None, :, None],
    )
    torch.testing.assert_close(run.logits, plain[0, :, 0], **TOLERANCE)


def test_mean_of_donors_takes_any_number_of_them():
    donors, recipients = batch_of("llama", 1, (6, 8, 7, 9)), batch_of("llama")
    with donors.run() as run:
        found = run.collect([residual(1)], ["last"])
    with recipients.run() as run:
        run.replace_mean(found, [("last", "middle")])
        kept = run.collect([residual(1)], ["middle"])
    mean = found[residual(1)].mean(0)
    torch.testing.assert_close(kept[residual(1)], mean.expand(3, -1, -1))


def test_noise_of_gemma_is_of_what_enters_block_0():
    for name in ("gemma", "gemma2", "gemma3"):
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
    runs = []
    for _ in range(2):
        with batch.run() as run:
            before = run.collect([residual(0)], positions)
        with batch.run() as run:
            run.add_noise([residual(0)], positions, spread=3.0, seed=4)
            after = run.collect([residual(0)], positions)
        runs.append(run.logits)
    noise = after[residual(0)] - before[residual(0)]
    embedding = batch.model.network.get_input_embeddings().weight
    assert noise.std() == pytest.approx(3 * embedding.std().item(), rel=0.05)
    assert torch.equal(runs[0], runs[1])


def test_positions_may_differ_from_prompt_to_prompt():
    batch = batch_of("qwen2")
    with batch.run() as run:
        found = run.collect([residual(1)], [[1, "middle", -1], "last"])
    alone = [
        collect(batch.model, [prompt.token_ids], [[index]], [1])[0, 0, 0]
        for prompt, index in zip(batch.prompts, [1, LENGTHS[1] // 2, -1], strict=True)
    ]
    torch.testing.assert_close(found[residual(1)][:, 0], torch.stack(alone), **TOLERANCE)


def test_misaligned_requests_name_the_prompt_and_the_token():
    batch = batch_of("gpt2")
    with batch.run() as run:
        found = run.collect([residual(1)], ["middle"])
    with pytest.raises(MisalignedError, match=r"prompt p0: 'fim_suffix' is none of .*middle, use"):
        batch.columns(["fim_suffix"])
    with pytest.raises(MisalignedError, match=r"prompt p0: 'use' stands at tokens \[0, 1\]"):
        batch.columns(["use"])
    with pytest.raises(MisalignedError, match=r"prompt p2: no token 7; it has 5 tokens"):
        batch.columns([7])
    with pytest.raises(MisalignedError, match="positions of 2 prompts for 3"):
        batch.columns([[1, 2]])
    run = batch.run()
    with pytest.raises(MisalignedError, match="point 2 was not collected; point 1 was"):
        run.replace(found, [("middle", "last")], [residual(2)])
    with pytest.raises(MisalignedError, match="position 'last' was not collected"):
        run.replace(found, [("last", "last")])
    with pytest.raises(MisalignedError, match=r"3 donors, the first p0, for 2 recipients"):
        batch_of("gpt2", 0, (4, 5)).run().replace(found, [("middle", "last")])
    with pytest.raises(MisalignedError, match="a vector of 5 numbers found, 32 expected"):
        run.add(torch.ones(5), [residual(1)], ["last"])
    with pytest.raises(UserError, match="head 9 of block 0: no such place"):
        run.zero([head(0, 9)], ["last"])
    with pytest.raises(UserError, match="the block has not ended"):
        _ = run.logits
    with pytest.raises(MisalignedError, match="2 positions; an edit that is made again"):
        batch.generate(2, edit_new_tokens=True).zero([residual(1)], ["middle", "last"])


def test_block_that_fails_runs_nothing():
    batch = batch_of("gpt2")
    with pytest.raises(ZeroDivisionError), batch.run() as run:
        _ = 1 / 0
    with pytest.raises(UserError):
        _ = run.logits


def test_texts_are_tokenized_with_the_models_own_tokenizer():
    batch = Batch.from_texts(random_model("gpt2"), ["12", "7"])
    assert [prompt.token_ids for prompt in batch.prompts] == [[12], [7]]


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
        places = [residual(point) for point in window]
        with donors.run() as run:
            found = run.collect(places, ["middle"])
        with recipients.run() as run:
            run.replace(found, [("middle", "middle")])
        torch.testing.assert_close(swept[index, :, 0], run.logits, **TOLERANCE)
    assert (swept[0] - swept[2]).abs().max() > 1e-3


@architectures
def test_attribution_is_the_slope_of_the_exact_effect(name):
    """A thousandth of the way to the donor, the exact effect is a thousandth of the estimate."""
    model, prompts, donors = random_model(name), random_prompts(LENGTHS), random_prompts(LENGTHS, 1)
    positions, donor_positions = [[-1, 1]] * 3, [[-1, 2]] * 3
    pairs = [(4, 9), (50, 2), (7, 8)]
    estimate = attribute_patches(model, prompts, positions, donors, donor_positions, pairs)
    own, other = collect(model, prompts, positions), collect(model, donors, donor_positions)
    step = 1e-3
    near = (own.double() + step * (other.double() - own.double())).float()
    points = [[point] for point in range(model.n_points)]
    columns = []
    for column in range(2):
        tokens = [row[column : column + 1] for row in positions]
        donor = near[:, :, None, column : column + 1]
        logits = sweep(model, prompts, tokens, points, donor, torch.tensor(pairs)).patched.logits
        columns.append(logits[:, :, 0, 0] - logits[:, :, 0, 1])
    effect = torch.stack(columns, dim=2)
    effect = (effect - estimate.difference[:, None]) / step
    torch.testing.assert_close(effect, estimate.effects, atol=0.15, rtol=0.02)
    assert estimate.effects.abs().mean() > 0.3
    for row, prompt in enumerate(prompts):
        logits = alone_logits(model.network, prompt)[-1]
        difference = logits[pairs[row][0]] - logits[pairs[row][1]]
        torch.testing.assert_close(estimate.difference[row], difference, **TOLERANCE)


def test_agreement_is_the_correlation_of_each_cell():
    estimated = torch.tensor([[[1.0, 1.0], [2.0, 5.0], [3.0, 3.0]]])
    exact = torch.tensor([[[2.0, 3.0], [4.0, -5.0], [6.0, -1.0]]])
    torch.testing.assert_close(
        agreement(estimated, exact), torch.tensor([[1.0, -1.0]], dtype=torch.float64)
    )
