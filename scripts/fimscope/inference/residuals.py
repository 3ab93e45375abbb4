"""Read the residual stream of prompts at chosen points and tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fimscope.inference.batch import Inputs, TokenIds, pad_batch
from fimscope.inference.positions import check_points, token_indices
from fimscope.inference.readout import unembed
from fimscope.models.load import Model


@torch.inference_mode()
def collect(
    model: Model,
    prompts: Sequence[TokenIds],
    positions: Sequence[Sequence[int]],
    points: Sequence[int] | None = None,
) -> Tensor:
    """The residual stream at some tokens of each prompt.

    positions  [example, position], token index in the prompt; -1 is the last
    points     ascending; default: all, 0..L
    returns    [point, example, position, d_model], the model's dtype, on the CPU
    raises     MisalignedError where a prompt lacks a position, or their numbers differ

    The forward stops behind the last point that is asked for.
    """
    points = check_points(model.n_blocks, points)
    inputs = pad_batch(model, prompts)
    columns = token_columns(inputs, token_indices(prompts, positions))
    with model.nnsight.trace(**inputs.forward_arguments(), use_cache=False) as tracer:
        found = torch.stack([at_columns(model.residual(point), columns) for point in points]).save()
        tracer.stop()
    return found.cpu()


@dataclass(frozen=True)
class Collected:
    """Activations of a batch and logits of the token behind each prompt, on the CPU.

    values   [point, example, position, d_model], the model's dtype
    logits   [example, token_id] float32, at the token ids that were asked for
    """

    values: Tensor
    logits: Tensor


@torch.inference_mode()
def collect_with_logits(
    model: Model,
    prompts: Sequence[TokenIds],
    positions: Sequence[Sequence[int]],
    token_ids: Sequence[Sequence[int]],
) -> Collected:
    """As `collect`, at all points, and logits that follow each prompt, of the same forward.

    token_ids  [example, token_id], of the logits
    """
    inputs = pad_batch(model, prompts)
    columns = token_columns(inputs, token_indices(prompts, positions))
    points = range(model.n_points)
    with model.nnsight.trace(**inputs.forward_arguments(), use_cache=False) as tracer:
        found = torch.stack([at_columns(model.residual(point), columns) for point in points]).save()
        last = model.residual(model.n_blocks)[:, -1].save()
        tracer.stop()
    wanted = torch.tensor(token_ids, dtype=torch.long, device=model.device)
    return Collected(found.cpu(), unembed(model, last).gather(1, wanted).cpu())


def token_columns(inputs: Inputs, indices: Sequence[Sequence[int]]) -> Tensor:
    """Columns in the padded batch of token indices in the prompts; both [example, position]."""
    device = inputs.n_padding.device
    columns = torch.tensor(indices, dtype=torch.long, device=device)
    return columns + inputs.n_padding[:, None]


def at_columns(hidden: Tensor, columns: Tensor) -> Tensor:
    """[example, token, d_model] at columns [example, position] -> [example, position, d_model].

    It comes on the columns' device: of a model that is spread over several devices, each block has
    its own, and all that is read off the blocks is put together.
    """
    rows = torch.arange(len(hidden), device=hidden.device)[:, None]
    return hidden[rows, columns.to(hidden.device)].to(columns.device)


def put_at_columns(hidden: Tensor, columns: Tensor, values: Tensor) -> None:
    """Write [example, position, d_model] at columns [example, position]; from whatever device."""
    rows = torch.arange(len(hidden), device=hidden.device)[:, None]
    hidden[rows, columns.to(hidden.device)] = values.to(hidden.device)
