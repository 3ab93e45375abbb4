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
from fimscope.inference.readout import readout_of
from fimscope.interventions.packed import Write, unpack_copies
from fimscope.interventions.sweep import run_sweep
from fimscope.models.load import Model


@dataclass(frozen=True)
class WholeAnswers:
    """Summed log-probabilities, natural logarithm, float32 on the CPU; divided by `n_tokens` each
    is a mean over the answer's tokens.

    patched    [window, example, donor, answer]
    baseline   [example, answer], of the recipients without a patch, from the same packed rows
    n_tokens   [example, answer] int64
    """

    patched: Tensor
    baseline: Tensor
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
    n_tokens = torch.tensor([list(map(len, answer)) for answer in answers]).T
    # The reads of an answer begin behind those of the answers before it; the first is the last
    # token of the prompt, which all answers share.
    firsts = (n_tokens - 1).cumsum(1) - (n_tokens - 1)
    rows = torch.arange(len(prompts))
    sums = torch.zeros(*hidden.shape[:2], len(answers))
    for number, answer in enumerate(answers):
        for place in range(int(n_tokens[:, number].max())):
            has = place < n_tokens[:, number]
            reads = (firsts[:, number] + place).where(has & (place > 0), torch.tensor(0))
            wanted = torch.tensor([[own[min(place, len(own) - 1)]] for own in answer])
            read = readout_of(model, hidden[rows, :, reads], wanted)
            sums[:, :, number] += (read.logits[..., 0] - read.logsumexp) * has[:, None]
    return WholeAnswers(
        patched=unpack_copies(sums, len(windows), donors.shape[2]),
        baseline=sums[:, 0],
        n_tokens=n_tokens,
    )


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
