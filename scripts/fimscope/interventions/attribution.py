"""Attribution patching: a first-order estimate of every patch of a prompt at once.

The effect of putting a donor's activation into the recipient is estimated by the gradient of the
recipient's metric there, times the difference of the activations (Nanda, "Attribution Patching",
2023). Two forwards and one backward give the whole grid of points and positions. An estimate: how
far it can be trusted is for `agreement` with exact patches to say, point by point.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fimscope.errors import MisalignedError
from fimscope.inference.batch import TokenIds, pad_batch
from fimscope.inference.positions import token_indices
from fimscope.inference.readout import unembed
from fimscope.inference.residuals import at_columns, collect, token_columns
from fimscope.models.load import Model


@dataclass(frozen=True)
class Attribution:
    """Estimated effects on the logit difference; on the CPU, float32.

    effects     [point, example, position], to be added to the recipient's own difference
    difference  [example], the recipient's own, target minus foil
    """

    effects: Tensor
    difference: Tensor


def attribute_patches(
    model: Model,
    prompts: Sequence[TokenIds],
    positions: Sequence[Sequence[int]],
    donor_prompts: Sequence[TokenIds],
    donor_positions: Sequence[Sequence[int]],
    token_ids: Sequence[tuple[int, int]],
) -> Attribution:
    """Estimates for each pair of a donor's and a recipient's position, at every point 0..L.

    positions        [example, position], token index in the recipient; -1 is the last
    donor_positions  [example, position], in the donor
    token_ids        [example], target and foil: the metric is the difference of their logits
    raises           MisalignedError where numbers differ or a prompt lacks a position
    """
    if not len(prompts) == len(donor_prompts) == len(token_ids):
        raise MisalignedError(
            f"{len(prompts)} recipients, {len(donor_prompts)} donors and {len(token_ids)} pairs of "
            "token ids; expected as many of each"
        )
    donors = collect(model, donor_prompts, donor_positions).to(model.device)
    inputs = pad_batch(model, prompts)
    columns = token_columns(inputs, token_indices(prompts, positions))
    pair = torch.tensor(token_ids, device=model.device)
    with torch.enable_grad():
        with model.nnsight.trace(**inputs.forward_arguments(), use_cache=False) as tracer:
            # The weights are frozen: the graph of the backward begins with what enters block 0.
            model.residual(0).requires_grad_()
            stream = [model.residual(point) for point in range(model.n_points)].save()
            tracer.stop()
        logits = unembed(model, stream[-1][:, -1]).gather(-1, pair)
        difference = logits[:, 0] - logits[:, 1]
        gradients = torch.autograd.grad(difference.sum(), stream)
    own = torch.stack([at_columns(hidden.detach(), columns) for hidden in stream])
    slope = torch.stack([at_columns(gradient, columns) for gradient in gradients])
    effects = ((donors - own).float() * slope.float()).sum(-1)
    return Attribution(effects.cpu(), difference.detach().cpu())


def agreement(estimated: Tensor, exact: Tensor) -> Tensor:
    """Pearson correlation of estimated with exact effects over the examples, for each cell.

    estimated, exact  [point, example, position]
    returns           [point, position] float64; not a number where either does not vary

    Never pooled over points or positions: that mixes cells of unlike size, and what remains is
    that large effects are where large effects are.
    """
    if estimated.shape != exact.shape:
        raise MisalignedError(
            f"estimated effects {tuple(estimated.shape)} and exact ones {tuple(exact.shape)}"
        )
    first, second = (
        effects.double() - effects.double().mean(1, keepdim=True) for effects in (estimated, exact)
    )
    return (first * second).sum(1) / (first.square().sum(1) * second.square().sum(1)).sqrt()
