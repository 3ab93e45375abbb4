"""Answers and collected activations, against the bare transformers model, one prompt at a time."""

import pytest
import torch
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from fimscope.errors import MisalignedError, UserError
from fimscope.inference.generate import _Ends, answer, complete
from fimscope.inference.readout import first_best, rank_of, top_of, unembed
from fimscope.inference.residuals import collect, collect_with_logits
from fimscope.inference.sampling import sample
from fimscope.models.load import wrap_network
from fimscope.models.options import stop_ids
from models import (
    ARCHITECTURES,
    EVERY_TYPE,
    LENGTHS,
    VOCAB,
    alone_logits,
    random_model,
    random_network,
    random_prompts,
)

pytestmark = pytest.mark.model


STOP = 3
N_NEW = 8
architectures = pytest.mark.parametrize("name", ARCHITECTURES)
every_type = pytest.mark.parametrize("name", EVERY_TYPE)


def bare_completion(network, prompt):
    """Greedy tokens by transformers' own generate, cut at the stop token."""
    ids = torch.tensor([prompt], device=network.device)
    made = network.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=N_NEW,
        eos_token_id=STOP,
        pad_token_id=0,
    )[0, len(prompt) :].tolist()
    return made[: made.index(STOP)] if STOP in made else made


def hooked_residuals(model, prompt):
    """[point, token, d_model] of one prompt, by forward hooks on the bare network."""
    blocks = model.network.get_submodule(model.family.blocks)
    seen = []
    handles = [
        blocks[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][0].clone())),
        *(
            block.register_forward_hook(lambda _, __, output: seen.append(output[0].clone()))
            for block in blocks
        ),
    ]
    alone_logits(model.network, prompt)
    for handle in handles:
        handle.remove()
    return torch.stack(seen)


@every_type
def test_batched_answers_equal_each_prompt_alone(name):
    model, prompts = random_model(name), random_prompts()
    gold = [5, 50, 7, 80, 0]
    answers = answer(model, prompts, gold, N_NEW, {STOP})
    for row, prompt in enumerate(prompts):
        logprobs = alone_logits(model.network, prompt)[-1].log_softmax(-1)
        best = logprobs.sort(descending=True)
        torch.testing.assert_close(answers.top_logprobs[row], best.values[:10], atol=1e-4, rtol=0)
        assert answers.top_ids[row].tolist() == best.indices[:10].tolist()
        assert answers.gold_rank[row] == best.indices.tolist().index(gold[row])
        assert abs(answers.gold_logprob[row] - logprobs[gold[row]]) < 1e-4


@every_type
def test_greedy_completions_equal_generate(name):
    model, prompts = random_model(name), random_prompts(seed=2)
    answers = answer(model, prompts, [0] * len(prompts), N_NEW, {STOP})
    expected = [bare_completion(model.network, prompt) for prompt in prompts]
    assert [completion.token_ids for completion in answers.completions] == expected
    assert len({tuple(tokens) for tokens in expected}) > 1


def test_completion_stops_at_any_stop_token_and_at_the_end_of_the_window():
    model, prompts = random_model("gpt2"), random_prompts((60, 3))
    free = answer(model, prompts, [0, 0], 20, ())
    assert [len(completion.token_ids) for completion in free.completions] == [4, 20]
    assert not any(completion.stopped for completion in free.completions)
    second = free.completions[1].token_ids[1]
    stopped = answer(model, prompts, [0, 0], 20, {second, 0}).completions[1]
    assert stopped.stopped and stopped.token_ids == free.completions[1].token_ids[:1]
    assert answer(model, prompts, [0, 0], 0, ()).completions[0].token_ids == []


def test_any_control_token_stops_a_completion_and_added_text_does_not():
    """Beside the end that generation_config names, as Qwen2.5-Coder's `<|fim_pad|>`."""
    network, [prompt] = random_network("llama"), random_prompts((9,))
    free = answer(random_model("llama"), [prompt], [0], 6, ()).completions[0].token_ids
    text, control = free[1], free[3]
    assert control not in free[:3]
    words = Tokenizer(WordLevel({str(i): i for i in range(VOCAB)}, unk_token="0"))
    words.add_tokens([AddedToken(str(text), special=False)])
    words.add_special_tokens([str(control)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words)
    network.generation_config.eos_token_id = [99, 100]
    model = wrap_network(network, random_model("llama").family, tokenizer)
    assert stop_ids(model) == {control, 99, 100}
    completion = answer(model, [prompt], [0], 6, stop_ids(model)).completions[0]
    assert completion.stopped and completion.token_ids == free[:3]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_answers_are_near_and_repeat(dtype):
    model, prompts = random_model("gpt_bigcode", dtype), random_prompts()
    answers = answer(model, prompts, [0] * 5, 4, ())
    again = answer(model, prompts, [0] * 5, 4, ())
    assert torch.equal(answers.top_logprobs, again.top_logprobs)
    for row, prompt in enumerate(prompts):
        logprobs = alone_logits(model.network, prompt)[-1].log_softmax(-1)
        assert abs(answers.top_logprobs[row, 0] - logprobs.max()) < 0.1


@every_type
def test_collected_activations_equal_forward_hooks(name):
    model, prompts = random_model(name), random_prompts()
    positions = [[-1, 0, length // 2] for length in LENGTHS]
    token_ids = [[i, 5] for i in range(len(prompts))]
    both = collect_with_logits(model, prompts, positions, token_ids)
    collected, logits = both.values, both.logits
    assert collected.shape == (model.n_points, len(prompts), 3, model.d_model)
    for row, prompt in enumerate(prompts):
        # The last digits of a large residual are the processor's own.
        expected = hooked_residuals(model, prompt)[:, positions[row]]
        torch.testing.assert_close(collected[:, row], expected, atol=1e-4, rtol=3e-5)
        torch.testing.assert_close(
            logits[row], alone_logits(model.network, prompt)[-1, token_ids[row]], atol=1e-4, rtol=0
        )
    some = collect(model, prompts, positions, points=[0, model.n_blocks - 1])
    assert torch.equal(some, collected[[0, model.n_blocks - 1]])


@every_type
def test_last_point_unembeds_to_the_models_own_logits(name):
    model, (prompt,) = random_model(name), random_prompts((14,))
    last = collect(model, [prompt], [range(14)], points=[model.n_blocks])[0, 0]
    own = alone_logits(model.network, prompt)
    with torch.inference_mode():
        torch.testing.assert_close(unembed(model, last), own, atol=1e-5, rtol=0)
    assert own.std() > 0.5


def test_missing_positions_and_points_are_named():
    model, prompts = random_model("gpt2"), random_prompts((4, 6))
    with pytest.raises(MisalignedError, match="prompt 0 of the batch has 4 tokens and no token 5"):
        collect(model, prompts, [[5], [5]])
    with pytest.raises(MisalignedError, match="as many positions"):
        collect(model, prompts, [[1], [1, 2]])
    with pytest.raises(UserError, match=r"points: \[4\] found; expected one or more of 0\.\.3"):
        collect(model, prompts, [[1], [1]], points=[4])


def test_equal_logits_are_ordered_by_id():
    logits = torch.tensor([[1.0, 3.0, 2.0, 3.0, 2.0, 3.0]])
    assert first_best(logits).tolist() == [1]
    assert [rank_of(logits, torch.tensor([i])).item() for i in range(6)] == [5, 0, 3, 1, 4, 2]
    assert top_of(logits, 6)[0].tolist() == [[1, 3, 5, 2, 4, 0]]


@pytest.mark.parametrize("name", ["gpt2", "llama", "starcoder2"])
def test_near_the_window_a_completion_is_as_long_as_alone(name):
    """Padding takes no room, and a neighbour that fills the window stops no other."""
    model = random_model(name)
    prompts = random_prompts((5, model.max_tokens - 3, model.max_tokens))
    batched = answer(model, prompts, [1, 1, 1], 12, ()).completions
    alone = [answer(model, [prompt], [1], 12, ()).completions[0] for prompt in prompts]
    assert batched == alone
    assert [len(completion.token_ids) for completion in batched] == [12, 3, 0]
    drawn = sample(model, prompts, [1, 2, 3], 2, 12, ())
    drawn_alone = [
        sample(model, [prompt], [seed], 2, 12, ())[0]
        for seed, prompt in enumerate(prompts, start=1)
    ]
    assert drawn == drawn_alone
    assert [len(completion.token_ids) for completion, _ in drawn] == [12, 3, 0]


@every_type
def test_a_completion_ends_where_it_is_said_to_whatever_its_batch_does(name):
    """Against the free completion of each prompt alone, cut by hand."""
    model, prompts = random_model(name), random_prompts(seed=2)
    ends = {0: 3, 1: 1, 3: N_NEW}  # prompt -> tokens; the others never end
    free = [bare_completion(model.network, prompt) for prompt in prompts]

    def has_ended(beginnings):
        return [len(own) >= ends.get(row, N_NEW + 1) for row, own in beginnings]

    made = complete(model, prompts, N_NEW, {STOP}, has_ended)
    for row, own in enumerate(made):
        end = ends.get(row, N_NEW + 1)
        assert own.token_ids == free[row][:end], row
        assert own.stopped == (len(free[row]) < N_NEW or end <= N_NEW), row


def test_an_end_is_found_at_the_same_token_however_seldom_it_is_looked_for():
    """On a GPU several tokens are looked at together."""
    tokens = torch.tensor([[[5, 6, 7, 8]], [[5, STOP, 7, 8]], [[9, 9, 9, 9]]])

    def has_ended(beginnings):
        assert all(STOP not in own for _, own in beginnings)
        return [7 in own for _, own in beginnings]

    often, once = _Ends(has_ended, {STOP}), _Ends(has_ended, {STOP})
    for n_seen in range(1, 5):
        often.look(tokens[:, :, :n_seen])
    assert once.look(tokens).tolist() == [[True], [False], [False]]
    assert often.lengths == once.lengths == {0: 3}
