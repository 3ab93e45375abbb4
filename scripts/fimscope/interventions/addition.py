"""Vectors added to the residual stream at a prompt's last token, many at a time, exactly."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fimscope.inference.batch import TokenIds
from fimscope.inference.readout import unembed_normed
from fimscope.interventions.packed import Addition, unpack_copies
from fimscope.interventions.sweep import SweepReadout, run_sweep, sweep
from fimscope.models.load import Model


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


@dataclass(frozen=True)
class Moved:
    """How far an addition moves the whole next-token distribution; all on the CPU.

    divergence  [window, example, vector] float32, Kullback-Leibler divergence of the steered from
                the plain distribution, in nats
    first       [window, example, vector] bool: is the first token another?
    """

    divergence: Tensor
    first: Tensor


@torch.inference_mode()
def divergence_added(
    model: Model,
    prompts: Sequence[TokenIds],
    windows: Sequence[Sequence[int]],
    vectors: Tensor,
) -> Moved:
    """How far the addition moves the whole next-token distribution of each prompt.

    The rest as in `sweep_added`. Holds all logits of a batch at once: for few vectors.
    """
    last = [[-1]] * len(prompts)
    hidden = run_sweep(model, prompts, last, windows, vectors[:, :, :, None], Addition)
    logits = unembed_normed(model, hidden[:, :, 0])
    logprobs = logits.log_softmax(-1)
    plain = logprobs[:, :1]
    divergence = (plain.exp() * (plain - logprobs)).sum(-1).clamp(min=0)
    moved = logits.argmax(-1) != logits[:, :1].argmax(-1)
    shape = (len(windows), vectors.shape[2])
    return Moved(*(unpack_copies(own.cpu(), *shape) for own in (divergence, moved)))
