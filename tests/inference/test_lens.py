"""The logit lens, attention patterns and samples, against the bare transformers model."""

from collections import Counter

import pytest
import torch
from torch.nn.functional import kl_div

from fimscope.errors import UserError
from fimscope.inference.attention import attention_patterns, watch_attention
from fimscope.inference.batch import pad_batch
from fimscope.inference.forward import run_plain
from fimscope.inference.lens import lens_of, logit_lens, logit_lens_generated
from fimscope.inference.prefill import prefill
from fimscope.inference.residuals import collect
from fimscope.inference.sampling import choose_tokens, sample
from fimscope.models.families import FAMILIES
from fimscope.models.load import wrap_network
from fimscope.statistics.pass_at_k import pass_at_k
from models import (
    ARCHITECTURES,
    EVERY_TYPE,
    LENGTHS,
    WINDOW,
    alone_logits,
    random_model,
    random_network,
    random_prompts,
)

pytestmark = pytest.mark.model


architectures = pytest.mark.parametrize("name", ARCHITECTURES)
every_type = pytest.mark.parametrize("name", EVERY_TYPE)
TOLERANCE = {"atol": 1e-4, "rtol": 0}


def lens_by_hidden_states(model, prompt):
    """Log-probabilities [point, token, vocab] from transformers' own hidden states.

    Their last entry is after the final norm already.
    """
    with torch.inference_mode():
        ids = torch.tensor([prompt], device=model.device)
        states = model.network(ids, output_hidden_states=True).hidden_states
        norm = model.network.get_submodule(model.family.final_norm)
        normed = torch.cat([norm(torch.cat(states[:-1])), states[-1]])
        logits = model.network.get_output_embeddings()(normed).float()
    logits = logits * getattr(model.config, "logit_scale", 1)
    cap = getattr(model.config, "final_logit_softcapping", None)
    logits = logits if cap is None else torch.tanh(logits / cap) * cap
    return logits.log_softmax(-1).cpu()


@architectures
def test_lens_equals_hidden_states_through_norm_and_unembedding(name):
    model, prompts = random_model(name), random_prompts()
    positions = [[length // 2, -1] for length in LENGTHS]
    wanted = [[5, 6], [6, 7], [7, 8], [8, 9], [9, 9]]
    lens = logit_lens(model, prompts, positions, wanted)
    for row, prompt in enumerate(prompts):
        own = lens_by_hidden_states(model, prompt)
        for column, index in enumerate(positions[row]):
            at = own[:, index]
            torch.testing.assert_close(
                lens.top_logprobs[:, row, column], at.topk(10).values, **TOLERANCE
            )
            torch.testing.assert_close(
                lens.logprob[:, row, column], at[:, wanted[row]], **TOLERANCE
            )
            for asked, token in enumerate(wanted[row]):
                ranks = (at > at[:, [token]]).sum(-1)
                assert torch.equal(lens.rank[:, row, column, asked], ranks)
            ranks = (at > at[:, [int(at[-1].argmax())]]).sum(-1)
            assert torch.equal(lens.final_rank[:, row, column], ranks)
            entropy = torch.distributions.Categorical(logits=at).entropy()
            torch.testing.assert_close(lens.entropy[:, row, column], entropy, **TOLERANCE)
            divergence = kl_div(at, at[-1].expand_as(at), reduction="none", log_target=True).sum(-1)
            torch.testing.assert_close(lens.divergence[:, row, column], divergence, **TOLERANCE)
    assert lens.divergence[0].min() > 0.1
    assert lens.divergence[-1].abs().max() < 1e-6


def test_lens_at_some_points_is_that_part_of_the_whole():
    model, prompts = random_model("gemma2"), random_prompts()
    positions = [[-1]] * len(prompts)
    whole = logit_lens(model, prompts, positions, [[0]] * 5)
    part = logit_lens(model, prompts, positions, [[0]] * 5, points=[1, 2])
    assert torch.equal(part.top_ids, whole.top_ids[1:3])
    assert torch.equal(part.divergence, whole.divergence[1:3])


@pytest.mark.parametrize("name", ["gpt2", "starcoder2", "gemma3_text"])
def test_generated_lens_equals_the_lens_of_each_longer_prompt(name):
    model, prompts = random_model(name), random_prompts((9, 4))
    lens, completions = logit_lens_generated(model, prompts, 4, ())
    for row, prompt in enumerate(prompts):
        made = completions[row].token_ids
        assert len(made) == 4
        for n in range(4):
            own = lens_by_hidden_states(model, prompt + made[:n])[:, -1]
            torch.testing.assert_close(lens.logprob[:, row, n, 0], own[:, made[n]], **TOLERANCE)
            assert lens.rank[-1, row, n] == 0


@pytest.mark.parametrize("kernel", ["sdpa", "eager"])
@every_type
def test_attention_rows_equal_the_networks_own_patterns(name, kernel):
    """In a ragged batch, and where sdpa needs no mask: one prompt, shorter than any window."""
    model = random_model(name)
    if name == "gemma2" and kernel == "sdpa":
        pytest.skip("sdpa has no cap of the scores")
    heads = [(2, 1), (0, 3), (1, 0)]
    loaded = model.attention
    try:
        for lengths in (LENGTHS, (WINDOW - 1,), (20,)):
            prompts = random_prompts(lengths)
            queries = [[-1, length // 2] for length in lengths]
            model.network.set_attn_implementation(kernel)
            patterns = attention_patterns(model, prompts, queries, heads)
            model.network.set_attn_implementation("eager")
            for row, prompt in enumerate(prompts):
                with torch.inference_mode():
                    ids = torch.tensor([prompt], device=model.device)
                    own = model.network(ids, output_attentions=True).attentions
                for index, (block, head) in enumerate(heads):
                    expected = own[block][0, head][queries[row]].cpu()
                    torch.testing.assert_close(patterns[row][index], expected, **TOLERANCE)
    finally:
        model.network.set_attn_implementation(loaded)


@architectures
def test_watching_the_attention_changes_no_bit_of_the_forward(name):
    model, inputs = random_model(name), pad_batch(random_model(name), random_prompts())
    arguments = inputs.forward_arguments()
    with torch.inference_mode():
        plain = run_plain(model, arguments)
        with watch_attention(model, torch.full((len(LENGTHS), 1), max(LENGTHS) - 1)) as found:
            watched = run_plain(model, arguments)
        assert torch.equal(run_plain(model, arguments), plain)
    assert torch.equal(watched, plain)
    shape = (len(LENGTHS), model.n_heads, 1, max(LENGTHS))
    assert [tuple(block.shape) for block in found] == [shape] * model.n_blocks


def test_attention_that_goes_its_own_way_is_refused():
    model = wrap_network(random_network("gpt2"), FAMILIES["gpt2"])
    model.network.set_attn_implementation("eager")
    for block in model.network.transformer.h:
        block.attn.reorder_and_upcast_attn = True
    with pytest.raises(UserError, match="0 of 3 blocks tell their queries and keys"):
        attention_patterns(model, [[1, 2]], [[-1]], [(0, 0)])


def test_sliding_window_hides_what_is_behind_it():
    model = random_model("gemma2")
    (pattern,) = attention_patterns(model, random_prompts((20,)), [[-1]], [(0, 0), (1, 0)])
    sliding, full = pattern[:, 0]
    assert model.config.layer_types[:2] == ["sliding_attention", "full_attention"]
    assert sliding[: 20 - WINDOW].eq(0).all() and sliding[-WINDOW:].gt(0).all()
    assert full.gt(0).all()


@architectures
def test_each_sample_follows_the_networks_own_distribution(name):
    """Every sampled token is the one that its uniform number picks from the bare network."""
    model, prompts = random_model(name), random_prompts((9, 1, 14))
    n_samples, n_new = 3, 5
    samples = sample(model, prompts, [7, 8, 9], n_samples, n_new, (), 0.8)
    for row, prompt in enumerate(prompts):
        generator = torch.Generator().manual_seed(7 + row)
        uniform = torch.stack([torch.rand(n_samples, generator=generator) for _ in range(n_new)])
        for copy in range(n_samples):
            made = samples[row][copy].token_ids
            logits = alone_logits(model.network, prompt + made)[len(prompt) - 1 : -1]
            cumulative = (logits / 0.8).softmax(-1).cumsum(-1)
            for step, token in enumerate(made):
                upper = cumulative[step, token]
                lower = cumulative[step, token - 1] if token else 0.0
                assert lower - 1e-4 <= uniform[step, copy] <= upper + 1e-4
    assert len({tuple(c.token_ids) for copies in samples for c in copies}) > n_samples


def test_samples_do_not_depend_on_the_batch_and_stop():
    model, prompts = random_model("qwen2"), random_prompts()
    together = sample(model, prompts, range(5), 4, 6, {3}, 1.0, 0.9)
    for row, prompt in enumerate(prompts):
        assert sample(model, [prompt], [row], 4, 6, {3}, 1.0, 0.9) == [together[row]]
    cut = [c for copies in together for c in copies if c.stopped]
    assert all(3 not in c.token_ids for copies in together for c in copies)
    assert all(len(c.token_ids) < 6 for c in cut)


def test_a_sample_ends_where_it_is_over_and_what_begins_alike_is_asked_once():
    """As a free sample that is cut where the rule, looked at token by token, holds first."""
    model, prompts = random_model("llama"), random_prompts((9, 14, 5))
    n_samples, n_new = 6, 7
    free = sample(model, prompts, range(3), n_samples, n_new, {3}, top_p=0.9)
    asked = []

    def is_over(number, tokens):
        return (sum(tokens) + number) % 4 == 0

    def has_ended(beginnings):
        asked.extend((number, tuple(tokens)) for number, tokens in beginnings)
        return [is_over(*beginning) for beginning in beginnings]

    made = sample(model, prompts, range(3), n_samples, n_new, {3}, top_p=0.9, has_ended=has_ended)
    n_cut = 0
    for number, (own, whole) in enumerate(zip(made, free, strict=True)):
        for one, free_one in zip(own, whole, strict=True):
            tokens = free_one.token_ids
            ends = [n for n in range(1, len(tokens) + 1) if is_over(number, tokens[:n])]
            expected = tokens[: ends[0]] if ends else tokens
            assert (one.token_ids, one.stopped) == (expected, bool(ends) or free_one.stopped)
            n_cut += len(expected) < len(tokens)
    assert n_cut > 3
    assert len(asked) == len(set(asked))
    for number, prompt in enumerate(prompts):

        def alone(beginnings, number=number):
            return [is_over(number, tokens) for _, tokens in beginnings]

        own = sample(model, [prompt], [number], n_samples, n_new, {3}, top_p=0.9, has_ended=alone)
        assert own == [made[number]]


def choose(probabilities, uniform, top_p) -> list[int]:
    """A token of [vocab] for each uniform number."""
    rows = torch.zeros(1, len(uniform), dtype=torch.long)
    return choose_tokens(probabilities[None, None], rows, uniform[None], top_p)[0].tolist()


def test_tokens_have_the_frequencies_of_the_distribution():
    probabilities = torch.tensor([0.5, 0.1, 0.3, 0.1])
    n = 20_000
    uniform = torch.rand(n, generator=torch.Generator().manual_seed(1))
    drawn = Counter(choose(probabilities, uniform, 1.0))
    for token, probability in enumerate(probabilities.tolist()):
        # Four standard errors.
        assert (
            abs(drawn[token] / n - probability) < 4 * (probability * (1 - probability) / n) ** 0.5
        )


def test_nucleus_is_the_smallest_likeliest_set():
    probabilities = torch.tensor([0.1, 0.4, 0.05, 0.45])
    uniform = torch.linspace(0, 0.999, 1000)
    drawn = choose(probabilities, uniform, 0.8)
    assert set(drawn) == {1, 3}
    # 0.45 of 0.85 go to token 3.
    assert abs(drawn.count(3) / 1000 - 0.45 / 0.85) < 0.01
    assert set(choose(probabilities, uniform, 0.86)) == {0, 1, 3}


def test_wide_nucleus_is_found_beyond_the_first_candidates():
    flat = torch.full((5000,), 1 / 5000)
    drawn = choose(flat, torch.linspace(0, 0.9999, 2000), 0.9)
    assert len(set(drawn)) > 1900


def test_rows_of_unlike_nuclei_are_drawn_from_as_alone():
    generator = torch.Generator().manual_seed(0)
    sharpness = torch.tensor([[0.1, 3.0], [9.0, 0.5]])
    logits = torch.randn(2, 2, 3000, generator=generator) * sharpness[..., None]
    probabilities = logits.softmax(-1)
    rows = torch.randint(2, (2, 500), generator=generator)
    uniform = torch.rand(2, 500, generator=generator)
    drawn = choose_tokens(probabilities, rows, uniform, 0.95)
    for example in range(2):
        for row in range(2):
            own = rows[example] == row
            alone = choose(probabilities[example, row], uniform[example, own], 0.95)
            assert drawn[example, own].tolist() == alone
            # By a plain sort: the likeliest tokens until they have so much.
            order = probabilities[example, row].argsort(descending=True)
            ranked = probabilities[example, row, order].double().cumsum(0)
            nucleus = order[: int((ranked < 0.95).sum()) + 1].tolist()
            assert set(alone) <= set(nucleus)


def test_sampling_settings_are_checked():
    model = random_model("gpt2")
    with pytest.raises(UserError, match="temperature 0 "):
        sample(model, [[1]], [0], 2, 2, (), 0)
    with pytest.raises(UserError, match="2 seeds for 1 prompts"):
        sample(model, [[1]], [0, 1], 2, 2, ())


def test_pass_at_k_by_hand():
    # Of 4 samples 2 are right: of the 6 pairs, one holds no right one.
    assert pass_at_k(4, 2, 2) == pytest.approx(5 / 6)
    assert pass_at_k(10, 3, 1) == pytest.approx(0.3)
    assert pass_at_k(100, 0, 10) == 0.0
    assert pass_at_k(5, 4, 2) == 1.0
    with pytest.raises(UserError, match="pass@3"):
        pass_at_k(2, 1, 3)


def test_padding_side_does_not_matter_while_mask_and_positions_are_passed():
    """Our batches are padded on the left; this is what makes either side the same."""
    for name in ARCHITECTURES:
        model, (long, short) = random_model(name), random_prompts((9, 5))
        left = pad_batch(model, [long, short]).forward_arguments()
        right = {
            "input_ids": torch.tensor([long, short + [0] * 4]),
            "attention_mask": torch.tensor([[1] * 9, [1] * 5 + [0] * 4]),
            "position_ids": torch.arange(9).expand(2, -1),
        }
        with torch.inference_mode():
            own = alone_logits(model.network, short)[-1]
            torch.testing.assert_close(model.network(**left).logits[1, -1], own, **TOLERANCE)
            torch.testing.assert_close(model.network(**right).logits[1, 4], own, **TOLERANCE)


def test_learned_positions_without_position_ids_are_silently_wrong():
    """Why positions are always passed; when this fails, transformers derives them from the mask."""
    for name in ("gpt2", "gpt_bigcode"):
        model, (long, short) = random_model(name), random_prompts((9, 5))
        inputs = pad_batch(model, [long, short]).forward_arguments()
        del inputs["position_ids"]
        with torch.inference_mode():
            wrong = model.network(**inputs).logits[1, -1]
        assert (wrong - alone_logits(model.network, short)[-1]).abs().max() > 0.1


@architectures
def test_one_forward_gives_what_each_way_to_read_gives_alone(name):
    """In a ragged batch: residuals, attention, and what leaves the final norm, bit by bit."""
    model, prompts = random_model(name), random_prompts()
    positions = [[length // 2, -1] for length in LENGTHS]
    plain, whole = prefill(model, prompts), prefill(model, prompts, positions, True, True)
    assert torch.equal(whole.hidden, plain.hidden)
    assert torch.equal(prefill(model, prompts, positions).residuals, whole.residuals)
    torch.testing.assert_close(whole.residuals, collect(model, prompts, positions), **TOLERANCE)
    heads = [(block, index) for block in range(model.n_blocks) for index in range(model.n_heads)]
    alone = attention_patterns(model, prompts, [[-1]] * len(prompts), heads)
    for own, expected in zip(whole.patterns, alone, strict=True):
        torch.testing.assert_close(own, expected[:, 0].float(), **TOLERANCE)
    assert torch.equal(prefill(model, prompts, heads=True).heads, whole.heads)
    assert plain.residuals is None and plain.patterns == [] and plain.heads is None


@architectures
def test_lens_of_activations_equals_the_lens_of_a_forward(name):
    model, prompts = random_model(name), random_prompts()
    positions = [[length // 2, -1] for length in LENGTHS]
    wanted = torch.tensor([[5, 6], [6, 7], [7, 8], [8, 9], [9, 9]])
    residuals = prefill(model, prompts, positions).residuals
    each = wanted[:, None].expand(-1, 2, -1)
    found, expected = (
        lens_of(model, residuals, residuals[-1], each),
        logit_lens(model, prompts, positions, wanted.tolist()),
    )
    for field, value in vars(expected).items():
        torch.testing.assert_close(getattr(found, field), value, **TOLERANCE)
