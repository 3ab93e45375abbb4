"""Vectors added to the residual stream at a prompt's last token, many at a time, exactly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fimscope.inference.batch import TokenIds
from fimscope.inference.readout import unembed_normed
from fimscope.interventions.packed import Addition
from fimscope.interventions.ragged import Patch, run_ragged, sweep_ragged
from fimscope.interventions.sweep import SweepReadout, sweep
from fimscope.models.load import Model

AtPoints = Mapping[int, Tensor]  # of each point, a vector [d_model] that is added there


def sweep_added(
    model: Model,
    prompts: Sequence[TokenIds],
    windows: Sequence[Sequence[int]],
    vectors: Tensor,
    token_ids: Tensor,
) -> SweepReadout:
    """What each prompt says when vectors are added to its last token's residual.

    windows    [window], the points of each; one copy is added to at all of them
    vectors    [point, example, vector, d_model], on any device, taken in the model's dtype; the
               points are all those that are in some window, ascending
    token_ids  [example, token_id] int64, the tokens whose logits are wanted
    returns    patched [window, example, vector], baseline [example]
    raises     MisalignedError where the shapes do not match

    Activation addition (Turner et al. 2308.10248). Exact, as a patch at the last token is: earlier
    keys and values stay. Tested against a plain forward hook.
    """
    last = [[-1]] * len(prompts)
    return sweep(model, prompts, last, windows, vectors[:, :, :, None], token_ids, Addition)


def sweep_added_ragged(
    model: Model,
    prompts: Sequence[TokenIds],
    added: Sequence[Sequence[AtPoints]],
    token_ids: Tensor,
) -> SweepReadout:
    """As `sweep_added`, where each prompt has vectors and points of its own.

    added     [prompt][copy], the vectors of each point that a copy is added to at
    returns   patched [copy], prompt by prompt, baseline [prompt]
    """
    return sweep_ragged(model, prompts, _at_last(prompts, added), token_ids, Addition)


@dataclass(frozen=True)
class Moved:
    """How far an addition moves the whole next-token distribution; all on the CPU.

    divergence  [copy] float32, Kullback-Leibler divergence of the steered from the plain
                distribution, in nats
    first       [copy] bool: is the first token another?
    """

    divergence: Tensor
    first: Tensor


@torch.inference_mode()
def divergence_added(
    model: Model, prompts: Sequence[TokenIds], added: Sequence[Sequence[AtPoints]]
) -> Moved:
    """How far additions move the whole next-token distribution of each prompt.

    added     [prompt][copy], as in `sweep_added_ragged`
    returns   [copy], prompt by prompt

    Holds all logits of a batch at once: for few vectors.
    """
    patches = _at_last(prompts, added)
    hidden, plain_hidden = run_ragged(model, prompts, patches, Addition)
    logits, plain_logits = unembed_normed(model, hidden), unembed_normed(model, plain_hidden)
    of_prompt = torch.tensor([patch.prompt for patch in patches], dtype=torch.long)
    logprobs, plain = logits.log_softmax(-1), plain_logits.log_softmax(-1)[of_prompt]
    divergence = (plain.exp() * (plain - logprobs)).sum(-1).clamp(min=0)
    moved = logits.argmax(-1) != plain_logits.argmax(-1)[of_prompt]
    return Moved(divergence.cpu(), moved.cpu())


def _at_last(prompts: Sequence[TokenIds], added: Sequence[Sequence[AtPoints]]) -> list[Patch]:
    return [
        Patch(number, [len(prompt) - 1], {p: vector[None] for p, vector in vectors.items()})
        for number, (prompt, copies) in enumerate(zip(prompts, added, strict=True))
        for vectors in copies
    ]
