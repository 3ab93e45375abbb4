"""The one forward of whole prompts, and all that is read of it."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from fimscope.inference.attention import watch_attention
from fimscope.inference.batch import TokenIds, pad_batch
from fimscope.inference.forward import Arguments, run_plain, run_traced
from fimscope.inference.heads import watch_heads
from fimscope.inference.kv_cache import Past, fill_past
from fimscope.inference.positions import token_indices
from fimscope.inference.residuals import at_columns, token_columns
from fimscope.models.load import Model


@dataclass(frozen=True)
class Prefill:
    """What one forward of some prompts gave; all on the model's device.

    past, hidden   the keys and values, and what leaves the final norm at each last token
                   [example, d_model], from which the prompts can be continued
    residuals      [point, example, position, d_model], at the tokens that were asked for, if any
    patterns       of each prompt the attention of its last token, [head, token] float32, every head
                   block by block; none where they were not asked for
    heads          [block, example, head, d_head], what each head gives at the last token, in front
                   of the projection, if asked for; NaN where that is not what attention adds up
    """

    past: Past
    hidden: Tensor
    residuals: Tensor | None
    patterns: list[Tensor]
    heads: Tensor | None


@torch.inference_mode()
def prefill(
    model: Model,
    prompts: Sequence[TokenIds],
    positions: Sequence[Sequence[int]] | None = None,
    patterns: bool = False,
    heads: bool = False,
) -> Prefill:
    """Run prompts once, and read of it what is asked for; the forward is the same, bit by bit.

    positions  [example, position], token index in the prompt, -1 is the last; where the residual
               stream is read, at all points
    patterns   whether the last token's attention is read
    heads      whether what each head gives there is read
    raises     MisalignedError where a prompt lacks a position, or their numbers differ
    """
    inputs = pad_batch(model, prompts)
    residuals: list[Tensor] = []

    def forward(model: Model, arguments: Arguments) -> Tensor:
        if positions is None:
            return run_plain(model, arguments)
        columns = token_columns(inputs, token_indices(prompts, positions))

        def keep() -> None:
            points = range(model.n_points)
            residuals.extend(at_columns(model.residual(point), columns) for point in points)

        return run_traced(model, arguments, keep)

    last = token_columns(inputs, [[len(prompt) - 1] for prompt in prompts])
    with (
        watch_attention(model, last) if patterns else nullcontext([]) as weights,
        watch_heads(model, last) if heads else nullcontext() as watched,
    ):
        past, hidden = fill_past(model, inputs, forward)
    rows = torch.cat([block[:, :, 0] for block in weights], dim=1).float() if patterns else []
    paddings = inputs.n_padding.tolist()
    return Prefill(
        past,
        hidden,
        torch.stack(residuals) if residuals else None,
        [own[:, n_padding:] for own, n_padding in zip(rows, paddings, strict=patterns)],
        watched.heads(model) if watched else None,
    )
