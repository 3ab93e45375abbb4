"""From the residual stream to what is read off it: logits, ranks, the few numbers kept of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fimscope.errors import MisalignedError, UserError
from fimscope.models.load import Model

# Logits of a large vocabulary are made for so many rows at a time that they take about 64 MB.
LOGITS_AT_ONCE = 2**24


@dataclass(frozen=True)
class Readout:
    """What is kept of a row's logits; all on the CPU.

    top_ids    [...] int64, the first of the tokens with the highest logit
    logsumexp  [...] float32; a logit minus this is a log-probability (natural logarithm)
    logits     [..., token_id] float32, at the token ids that were asked for
    """

    top_ids: Tensor
    logsumexp: Tensor
    logits: Tensor

    def reshape(self, function: Callable[[Tensor], Tensor]) -> "Readout":
        """The readout whose leading axes are those that the function makes of each tensor's."""
        return Readout(function(self.top_ids), function(self.logsumexp), function(self.logits))


def join_readouts(
    function: Callable[[list[Tensor]], Tensor], readouts: Sequence[Readout]
) -> Readout:
    """One readout of several, by a function that joins the tensors of each kind."""
    return Readout(
        top_ids=function([readout.top_ids for readout in readouts]),
        logsumexp=function([readout.logsumexp for readout in readouts]),
        logits=function([readout.logits for readout in readouts]),
    )


def unembed(model: Model, residual: Tensor) -> Tensor:
    """Logits, float32 [..., vocab], of the residual stream [..., d_model] as of the last point.

    For any earlier point this is the logit lens (nostalgebraist 2020).
    """
    return unembed_normed(model, model.network.get_submodule(model.family.final_norm)(residual))


def unembed_normed(model: Model, hidden: Tensor) -> Tensor:
    """Logits, float32 [..., vocab], of what leaves the final norm [..., d_model].

    They come on the model's device, wherever the norm and the unembedding stand.
    """
    logits = model.network.get_submodule(model.family.unembedding)(hidden).float().to(model.device)
    # Cohere multiplies, Gemma 2 caps.
    scale = getattr(model.config, "logit_scale", None)
    logits = logits * scale if scale else logits
    cap = getattr(model.config, "final_logit_softcapping", None)
    return logits if cap is None else torch.tanh(logits / cap) * cap


def readout_of(model: Model, hidden: Tensor, token_ids: Tensor) -> Readout:
    """The readout of what leaves the final norm, never all logits at once.

    hidden     [example, row, d_model], the model's dtype
    token_ids  [example, token_id] int64
    returns    a readout of shape [example, row]
    raises     MisalignedError where the examples of the two differ in number
    """
    if len(token_ids) != len(hidden):
        raise MisalignedError(f"token ids for {len(token_ids)} of {len(hidden)} examples")
    n_rows, token_ids = hidden.shape[1], token_ids.to(hidden.device)
    flat = hidden.flatten(0, 1)
    wanted = token_ids.repeat_interleave(n_rows, dim=0)
    step = max(1, LOGITS_AT_ONCE // model.vocab_size)
    chunks = [
        _row_readout(
            unembed_normed(model, flat[start : start + step]), wanted[start : start + step]
        )
        for start in range(0, max(1, len(flat)), step)  # of no row, one empty chunk
    ]
    joined = join_readouts(torch.cat, chunks)
    return joined.reshape(lambda tensor: tensor.cpu().unflatten(0, hidden.shape[:2]))


def _row_readout(logits: Tensor, token_ids: Tensor) -> Readout:
    logsumexp = check_finite(logits.logsumexp(-1))
    return Readout(first_best(logits), logsumexp, logits.gather(-1, token_ids))


def check_finite(logits: Tensor) -> Tensor:
    """The logits, or their logsumexp, as they are.

    raises UserError where one is not finite: of a NaN no rank and no answer can be made
    """
    if not bool(logits.isfinite().all()):
        raise UserError(
            "the model's logits are not finite; its numbers overflow in this dtype: take "
            "model.dtype: bfloat16 or float32"
        )
    return logits


def first_best(logits: Tensor) -> Tensor:
    """The lowest id among the tokens with the highest logit: [..., vocab] -> [...] int64.

    In bfloat16 equal logits are common; of several, argmax is documented to give the first.
    """
    return logits.argmax(-1)


def rank_of(logits: Tensor, token_ids: Tensor) -> Tensor:
    """How many tokens come before each token: [example, vocab], [example] -> [example] int64.

    Of equal logits the lower id comes first, as in `first_best`.
    """
    ids = torch.arange(check_finite(logits).shape[-1], device=logits.device)
    own = logits.gather(-1, token_ids[:, None])
    before = (logits > own) | ((logits == own) & (ids < token_ids[:, None]))
    return before.sum(-1)


def top_of(logprobs: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """The n best ids and their values, best first, equal ones by id: [..., vocab] -> [..., n]."""
    ids = check_finite(logprobs).topk(n, dim=-1).indices.sort(dim=-1).values
    values = logprobs.gather(-1, ids)
    order = values.argsort(dim=-1, descending=True, stable=True)
    return ids.gather(-1, order), values.gather(-1, order)
