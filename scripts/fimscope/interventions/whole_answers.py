"""How likely whole answers are behind every patched prompt, in the pass that patches them.

An answer of several tokens is teacher-forced: its log-probability is the sum over its tokens, each
behind the patched prompt and the answer's tokens before it. Answers of one prompt are branches of
its end, which is run once for all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fimscope.errors import MisalignedError
from fimscope.inference.batch import TokenIds
from fimscope.inference.kv_cache import past_of
from fimscope.inference.places import residual
from fimscope.inference.readout import readout_of
from fimscope.interventions.packed import Patches, Write, run_patches, suffix_of, unpack_copies
from fimscope.interventions.sweep import run_sweep
from fimscope.models.load import Model


@dataclass(frozen=True)
class WholeAnswers:
    """Log-probabilities of the tokens of answers, natural logarithm, float32 on the CPU.

    patched    [window, example, donor, answer, token], 0 where an answer has no such token: the sum
               over tokens is the answer's
    baseline   [example, answer, token], of the recipients without a patch, from the same packed
               rows
    greedy     [window, example, donor, answer] bool: each of the answer's tokens is the likeliest
               behind the prompt and those before it, so that greedy decoding begins with the answer
    n_tokens   [example, answer] int64
    """

    patched: Tensor
    baseline: Tensor
    greedy: Tensor
    n_tokens: Tensor


@torch.inference_mode()
def sweep_whole(
    model: Model,
    prompts: Sequence[TokenIds],
    tokens: Sequence[Sequence[int]],
    windows: Sequence[Sequence[int]],
    donors: Tensor,
    answers: Sequence[Sequence[TokenIds]],
    write: type[Write] = Write,
) -> WholeAnswers:
    """How likely each recipient is to go on with whole answers when some of its tokens are patched.

    answers   [answer][example] token ids, such as every recipient's gold and its foil; none empty
    raises    MisalignedError where the answers are not one an example, or a prompt and its answer
              do not fit in the model's window

    The rest as in `sweep.sweep`, of which this gives the log-probabilities where all answers are of
    one token. Exact: tested against one plain forward for each patch and token.
    """
    _check_answers(model, prompts, answers)
    hidden = run_sweep(model, prompts, tokens, windows, donors, write, answers)
    n_tokens, logprobs, is_first = _read_answers(model, hidden, answers)
    sizes = len(windows), donors.shape[2]
    return WholeAnswers(
        patched=unpack_copies(logprobs, *sizes),
        baseline=logprobs[:, 0],
        greedy=unpack_copies(is_first.all(-1), *sizes),
        n_tokens=n_tokens,
    )


@torch.inference_mode()
def answer_logprobs(
    model: Model, prompts: Sequence[TokenIds], answers: Sequence[Sequence[TokenIds]]
) -> Tensor:
    """How likely each prompt is to go on with whole answers: the `baseline` of `sweep_whole`.

    answers, raises   as there
    """
    _check_answers(model, prompts, answers)
    starts = [len(prompt) - 1 for prompt in prompts]
    past = past_of(model, [prompt[:-1] for prompt in prompts])
    suffix = suffix_of(model, prompts, starts, answers)
    nothing = torch.empty(len(prompts), 0, 1, model.d_model)
    offsets = torch.zeros(len(prompts), 1, dtype=torch.long)
    hidden = run_patches(model, past, suffix, Patches({residual(0): nothing}, [], offsets))
    return _read_answers(model, hidden, answers)[1][:, 0]


def _read_answers(
    model: Model, hidden: Tensor, answers: Sequence[Sequence[TokenIds]]
) -> tuple[Tensor, Tensor, Tensor]:
    """n_tokens [example, answer]; [example, copy, answer, token] each token's log-probability, and
    whether it is the likeliest; 0 and True where an answer has no such token.

    hidden   [example, copy, read, d_model], as `run_patches` gives it
    """
    n_tokens = torch.tensor([list(map(len, answer)) for answer in answers]).T
    # The reads of an answer begin behind those of the answers before it; the first is the last
    # token of the prompt, which all answers share.
    firsts = (n_tokens - 1).cumsum(1) - (n_tokens - 1)
    rows = torch.arange(len(hidden))
    logprobs = torch.zeros(*hidden.shape[:2], len(answers), int(n_tokens.max()))
    is_first = torch.ones_like(logprobs, dtype=torch.bool)
    for number, answer in enumerate(answers):
        for place in range(int(n_tokens[:, number].max())):
            has = place < n_tokens[:, number]
            reads = (firsts[:, number] + place).where(has & (place > 0), torch.tensor(0))
            wanted = torch.tensor([[own[min(place, len(own) - 1)]] for own in answer])
            read = readout_of(model, hidden[rows, :, reads], wanted)
            logprob = read.logits[..., 0] - read.logsumexp
            logprobs[:, :, number, place] = logprob * has[:, None]
            is_first[:, :, number, place] = (read.top_ids == wanted) | ~has[:, None]
    return n_tokens, logprobs, is_first


def _check_answers(
    model: Model, prompts: Sequence[TokenIds], answers: Sequence[Sequence[TokenIds]]
) -> None:
    for answer in answers:
        if len(answer) != len(prompts) or not all(map(len, answer)):
            raise MisalignedError(
                f"{len(answer)} answers for {len(prompts)} prompts; expected one for each, of one "
                "token or more"
            )
        for row, (prompt, own) in enumerate(zip(prompts, answer, strict=True)):
            if len(prompt) + len(own) - 1 > model.max_tokens:
                raise MisalignedError(
                    f"prompt {row} of the batch has {len(prompt)} tokens and an answer of "
                    f"{len(own)}; the model has room for {model.max_tokens}"
                )
