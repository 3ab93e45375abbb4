"""Attention patterns: from which tokens chosen tokens read, in chosen heads."""

from collections.abc import Sequence

import torch
from torch import Tensor

from fimscope.errors import UserError
from fimscope.inference.batch import TokenIds, pad_batch
from fimscope.inference.places import check_places, head
from fimscope.inference.positions import token_indices
from fimscope.inference.residuals import at_columns, token_columns
from fimscope.models.load import Model


@torch.inference_mode()
def attention_patterns(
    model: Model,
    prompts: Sequence[TokenIds],
    queries: Sequence[Sequence[int]],
    heads: Sequence[tuple[int, int]],
) -> list[Tensor]:
    """The attention of some tokens to all tokens of their prompt, in some heads.

    queries  [example, query], token index in the prompt; -1 is the last
    heads    pairs of block and head
    returns  for each prompt [head, query, token], the model's dtype, on the CPU; a row sums to 1
             and is 0 behind its query, and behind the window of a block that has one
    raises   UserError unless the model was loaded with eager attention, the only kernel that makes
             the patterns; MisalignedError where a prompt lacks a token
    """
    if model.attention != "eager":
        raise UserError(
            f"model.attention: {model.attention!r} never makes the attention patterns; "
            "load the model with 'eager' to read them"
        )
    check_places(model, [head(*pair) for pair in heads])
    inputs = pad_batch(model, prompts)
    columns = token_columns(inputs, token_indices(prompts, queries))
    found: dict[tuple[int, int], Tensor] = {}
    with model.nnsight.trace(**inputs.forward_arguments(), use_cache=False) as tracer:
        for block in sorted({block for block, _ in heads}):
            weights = model.in_block(block, model.family.attention).output[1]
            for pair in heads:
                if pair[0] == block:
                    found[pair] = at_columns(weights[:, pair[1]], columns)
        tracer.stop()
    patterns = torch.stack([found[pair] for pair in heads], dim=1).cpu()
    return [
        pattern[..., n_padding:]
        for pattern, n_padding in zip(patterns, inputs.n_padding.tolist(), strict=True)
    ]


def last_patterns(
    model: Model, prompts: Sequence[TokenIds], heads: Sequence[tuple[int, int]]
) -> list[Tensor]:
    """Of each prompt the attention of its last token: [head, token], float32.

    Of each pattern only the last token's row is kept, never the whole n x n.
    """
    patterns = attention_patterns(model, prompts, [[-1]] * len(prompts), heads)
    return [pattern[:, 0].float() for pattern in patterns]
