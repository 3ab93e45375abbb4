"""Whole answers behind a patched prompt, against one plain forward for each patch and token."""

import pytest
import torch

from fimscope.errors import MisalignedError
from fimscope.inference.residuals import collect
from fimscope.interventions import packed
from fimscope.interventions.sweep import sweep, sweep_plain
from fimscope.interventions.whole_answers import answer_logprobs, sweep_whole
from models import ARCHITECTURES, LENGTHS, random_model, random_prompts

pytestmark = pytest.mark.model

LAST = [[-1]] * len(LENGTHS)
MIDDLE = [[length // 2] for length in LENGTHS]
GOLDS = [[5, 6, 7], [8], [9, 10, 11, 12], [13, 14], [15]]
FOILS = [[20], [21, 22], [23, 24], [25, 26, 27], [28]]
TOLERANCE = {"atol": 1e-4, "rtol": 0}


def donors_at(model, points):
    """[point, example, donor, token, d_model]: another prompt's last residual, and noise."""
    other = collect(model, random_prompts(seed=1), LAST)[list(points), :, 0]
    noise = torch.randn(other.shape, generator=torch.Generator().manual_seed(5)) * other.std()
    return torch.stack([other, noise.to(other.dtype)], dim=2)[:, :, :, None]


def plain_logprobs(model, prompts, tokens, windows, donors, answers):
    """[window, example, donor, answer, token]: every token by a forward of its own, and whether
    all of an answer are the likeliest."""
    sizes = len(windows), len(prompts), donors.shape[2], len(answers)
    logprobs = torch.zeros(*sizes, max(len(own) for answer in answers for own in answer))
    greedy = torch.ones(sizes, dtype=torch.bool)
    for row, prompt in enumerate(prompts):
        at = [[token % len(prompt) for token in tokens[row]]]
        own = donors[:, row : row + 1]
        for number, answer in enumerate(answers):
            for place, token_id in enumerate(answer[row]):
                longer = [[*prompt, *answer[row][:place]]]
                logits = sweep_plain(model, longer, at, windows, own)
                logprobs[:, row, :, number, place] = logits.log_softmax(-1)[:, 0, :, token_id]
                greedy[:, row, :, number] &= logits.argmax(-1)[:, 0] == token_id
    return logprobs, greedy


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_whole_answers_equal_one_forward_for_each_patch_and_token(name):
    model, prompts = random_model(name), random_prompts()
    donors, windows = donors_at(model, (0, 2)), [[0, 2]]
    for tokens in (LAST, MIDDLE) if name == "gpt2" else (MIDDLE,):
        swept = sweep_whole(model, prompts, tokens, windows, donors, [GOLDS, FOILS])
        plain, _ = plain_logprobs(model, prompts, tokens, windows, donors, [GOLDS, FOILS])
        torch.testing.assert_close(swept.patched, plain, **TOLERANCE)
        assert swept.n_tokens.tolist() == [[3, 1], [1, 2], [4, 2], [2, 3], [1, 1]]


@pytest.mark.parametrize("name", ["gpt2", "gemma3_text", "qwen2_window"])
def test_a_batch_in_several_passes_gives_what_each_prompt_gives_alone(name, monkeypatch):
    model, prompts = random_model(name), random_prompts()
    points = range(model.n_points)
    donors, windows = donors_at(model, points), [[point] for point in points]
    whole = sweep_whole(model, prompts, MIDDLE, windows, donors, [GOLDS, FOILS])
    for row, prompt in enumerate(prompts):
        own = [[answer[row]] for answer in (GOLDS, FOILS)]
        mine = donors[:, row : row + 1]
        alone = sweep_whole(model, [prompt], [MIDDLE[row]], windows, mine, own)
        longest = alone.n_tokens.max()
        mine = whole.patched[:, [row]], whole.baseline[[row]]
        for found, expected in zip(mine, (alone.patched, alone.baseline), strict=True):
            torch.testing.assert_close(found[..., :longest], expected, **TOLERANCE)
            assert not found[..., longest:].any()
    monkeypatch.setattr(packed, "PASS_BYTES", 1)
    several = sweep_whole(model, prompts, MIDDLE, windows, donors, [GOLDS, FOILS])
    torch.testing.assert_close(several.patched, whole.patched, **TOLERANCE)


def test_answers_of_one_token_are_what_the_sweep_gives():
    model, prompts = random_model("gpt_bigcode"), random_prompts()
    donors, windows = donors_at(model, (0, 1)), [[0], [1], [0, 1]]
    ids = [[row[0] for row in answers] for answers in (GOLDS, FOILS)]
    whole = sweep_whole(
        model, prompts, LAST, windows, donors, [[[token] for token in own] for own in ids]
    )
    swept = sweep(model, prompts, LAST, windows, donors, torch.tensor(ids).T)
    logprobs = swept.patched.logits - swept.patched.logsumexp[..., None]
    torch.testing.assert_close(whole.patched[..., 0], logprobs, atol=1e-6, rtol=0)
    before = swept.baseline.logits - swept.baseline.logsumexp[..., None]
    torch.testing.assert_close(whole.baseline[..., 0], before, atol=1e-6, rtol=0)
    assert torch.equal(
        whole.greedy, swept.patched.top_ids[..., None] == torch.tensor(ids).T[:, None]
    )


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_greedy_answers_are_those_that_decoding_under_the_patch_begins_with(name):
    model, prompts = random_model(name), random_prompts()
    donors, windows = donors_at(model, (1,)), [[1]]
    said = [list(prompt) for prompt in prompts]
    for _ in range(3):  # what the first donor makes the model say, token by token
        logits = [
            sweep_plain(model, [own], [[len(prompt) - 1]], windows, donors[:, [row]])
            for row, (own, prompt) in enumerate(zip(said, prompts, strict=True))
        ]
        said = [[*own, int(of[0, 0, 0].argmax())] for own, of in zip(said, logits, strict=True)]
    answers = [own[len(prompt) :] for own, prompt in zip(said, prompts, strict=True)]
    others = [[*own[:-1], (own[-1] + 1) % 100] for own in answers]
    asked = [answers, others, [own[:1] for own in answers]]
    swept = sweep_whole(model, prompts, LAST, windows, donors, asked)
    assert swept.greedy[0, :, 0].tolist() == [[True, False, True]] * len(prompts)
    _, greedy = plain_logprobs(model, prompts, LAST, windows, donors, asked)
    assert torch.equal(swept.greedy, greedy)


@pytest.mark.parametrize("name", ["gpt2", "gemma3_text", "qwen2_window"])
def test_answers_behind_a_prompt_that_is_not_patched(name):
    model, prompts = random_model(name), random_prompts()
    donors, windows = donors_at(model, (1,)), [[1]]
    swept = sweep_whole(model, prompts, MIDDLE, windows, donors, [GOLDS, FOILS])
    found = answer_logprobs(model, prompts, [GOLDS, FOILS])
    torch.testing.assert_close(found, swept.baseline, **TOLERANCE)
    itself = collect(model, prompts, LAST, [1])[:, :, :, None]
    plain, _ = plain_logprobs(model, prompts, LAST, windows, itself, [GOLDS, FOILS])
    torch.testing.assert_close(found, plain[0, :, 0], **TOLERANCE)


def test_what_cannot_be_asked_is_refused():
    model = random_model("gpt2")
    prompts = random_prompts((5, model.max_tokens))
    donors = collect(model, prompts, [[-1]] * 2)[:1, :, None]

    def ask(*answers):
        return sweep_whole(model, prompts, [[-1]] * 2, [[0]], donors, answers)

    with pytest.raises(MisalignedError, match="1 answers for 2 prompts"):
        ask([[1]])
    with pytest.raises(MisalignedError, match="of one token or more"):
        ask([[1], []])
    with pytest.raises(MisalignedError, match=f"the model has room for {model.max_tokens}"):
        ask([[1], [2, 3]])
    assert ask([[1, 2], [3]]).patched.shape == (1, 2, 1, 1, 2)
