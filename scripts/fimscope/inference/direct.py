"""Direct logit attribution: what each block writes, straight through to a difference of logits.

The last point's residual is a sum: the embeddings and what every block wrote. The final norm is
linear but for its scale; with that frozen at the last point's, and through the unembedding, each
part has its share of the difference, and the shares add up to the model's own (Elhage et al., "A
Mathematical Framework for Transformer Circuits", 2021). What a block does by way of later blocks
is not in its share.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fimscope.inference.heads import mixing_of
from fimscope.models.load import Model


@torch.inference_mode()
def direct_logits(model: Model, residuals: Tensor, token_ids: Tensor) -> Tensor:
    """What each part of the last residual brings of the logit of one token less that of another.

    residuals  [point, example, d_model], at every point of the last token, the model's dtype
    token_ids  [example, 2] int64, the one and the other
    returns    [point + 1, example] float32, on the CPU: row 0 the embeddings', row k that of block
               k - 1, the last row that of the biases behind all blocks. Their sum is the model's
               own difference, before it caps logits, if it does. NaN where the final norm is
               neither a LayerNorm nor an RMSNorm
    """
    readout = _LogitDifference.of(model, residuals[-1], token_ids)
    points = residuals.double().cpu()
    written = torch.cat([points[:1], points.diff(dim=0)])
    return torch.cat([readout.shares(written), readout.bias[None]]).float()


@torch.inference_mode()
def direct_heads(model: Model, heads: Tensor, residuals: Tensor, token_ids: Tensor) -> Tensor:
    """What each head brings of the logit of one token less that of another, as `direct_logits`.

    heads      [block, example, head, d_head], of `prefill`, at the last token
    residuals  [example, d_model], at the last point of the last token
    token_ids  [example, 2] int64, the one and the other
    returns    [block, head + 1, example] float32, on the CPU: the last is what the biases behind a
               block's heads bring; together they are what its attention does. Where a norm stands
               between attention and the stream, its scale too is frozen. NaN as `heads`, and as
               `direct_logits`
    """
    readout = _LogitDifference.of(model, residuals, token_ids)
    found = []
    for block, own in enumerate(heads):
        mixing = mixing_of(model, block)
        if mixing is None:
            found.append(torch.full((model.n_heads + 1, len(residuals)), torch.nan))
            continue
        weights = mixing.weights.double().cpu()
        each = torch.einsum("ehk,dhk->hed", own.double().cpu(), weights)
        bias = torch.zeros(len(weights)) if mixing.bias is None else mixing.bias
        parts = torch.cat([each, bias.double().cpu().expand(1, len(own), -1)])
        if mixing.norm is not None:
            behind = _as_line(mixing.norm, parts.sum(0).to(residuals.dtype))
            parts = behind.through(parts)
            parts[-1] += behind.bias
        found.append(readout.shares(parts).float())
    return torch.stack(found)


@dataclass(frozen=True)
class _LogitDifference:
    """From the stream to a difference of logits: the final norm, and the unembedding behind it.

    norm     with its scales frozen
    toward   [example, d_model] float64, the one token's row of the unembedding less the other's
    bias     [example] float64, what the biases of both bring
    """

    norm: "_Line"
    toward: Tensor
    bias: Tensor

    @classmethod
    def of(cls, model: Model, residuals: Tensor, token_ids: Tensor) -> "_LogitDifference":
        """residuals [example, d_model], at which the norm is frozen; token_ids [example, 2]"""
        norm = _as_line(model.network.get_submodule(model.family.final_norm), residuals)
        unembedding = model.network.get_submodule(model.family.unembedding)
        scale = getattr(model.config, "logit_scale", None) or 1
        toward = scale * _difference(unembedding.weight, token_ids)
        bias = toward @ norm.bias
        if getattr(unembedding, "bias", None) is not None:
            bias = bias + scale * _difference(unembedding.bias, token_ids)
        return cls(norm, toward, bias)

    def shares(self, written: Tensor) -> Tensor:
        """[..., example] float64 of what is written into the stream, [..., example, d_model]."""
        return (self.norm.through(written) * self.toward).sum(-1)


@dataclass(frozen=True)
class _Line:
    """A norm at some residuals, its scales frozen there: `through(residual) + bias`. All float64.

    weight   [example, d_model], NaN where the norm is not of this form
    bias     [d_model]
    """

    weight: Tensor
    bias: Tensor
    is_centred: bool

    def through(self, residuals: Tensor) -> Tensor:
        """[..., example, d_model], without the bias."""
        return self.weight * _centred(residuals, self.is_centred)


def _as_line(norm: nn.Module, residuals: Tensor) -> _Line:
    """Found by what the norm makes of some inputs, as families write its parameters differently.

    residuals   [example, d_model]
    """
    device = next(norm.parameters(), residuals).device

    def ask(inputs: Tensor) -> Tensor:
        return norm(inputs.to(device)).double().cpu()

    ones = torch.ones_like(residuals[:1])
    signs = ones.clone()
    signs[:, 1::2] = -1
    bias = ask(torch.zeros_like(ones))[0]
    is_centred = torch.equal(ask(ones)[0], bias)  # a LayerNorm takes the mean out
    probe = _centred(signs.double().cpu(), is_centred)
    weight = (ask(signs) - bias) * probe.square().mean().sqrt() / probe
    normed = ask(residuals) - bias
    unscaled = weight * _centred(residuals.double().cpu(), is_centred)
    scale = (normed * unscaled).sum(-1, keepdim=True) / unscaled.square().sum(-1, keepdim=True)
    missed = (scale * unscaled - normed).norm(dim=-1, keepdim=True)
    fits = missed <= 0.02 * normed.norm(dim=-1, keepdim=True)  # half precision rounds to 0.4%
    return _Line(torch.where(fits, scale * weight, torch.nan), bias, is_centred)


def _centred(residuals: Tensor, is_centred: bool) -> Tensor:
    return residuals - residuals.mean(-1, keepdim=True) if is_centred else residuals


def _difference(rows: Tensor, token_ids: Tensor) -> Tensor:
    one, other = rows[token_ids.to(rows.device)].double().cpu().unbind(1)
    return one - other
