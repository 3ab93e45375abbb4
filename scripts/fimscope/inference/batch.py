"""Prompts padded to one length, as a forward takes them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fimscope.errors import UserError
from fimscope.models.load import Model

TokenIds = Sequence[int]


@dataclass(frozen=True)
class Inputs:
    """Prompts padded on the left, so that every last token is in the last column.

    token_ids  [example, token] int64
    mask       [example, token] int64, 1 where there is a token
    positions  [example, token] int64, counted from each prompt's first token. They are always
               passed: GPT-2 and GPTBigCode would count from the left edge, padding included
    n_padding  [example] int64, the column of each prompt's first token
    """

    token_ids: Tensor
    mask: Tensor
    positions: Tensor
    n_padding: Tensor

    def forward_arguments(self) -> dict[str, Tensor]:
        return {
            "input_ids": self.token_ids,
            "attention_mask": self.mask,
            "position_ids": self.positions,
        }


def pad_batch(model: Model, prompts: Sequence[TokenIds]) -> Inputs:
    """The padded inputs of a batch, on the model's device.

    raises UserError where there is no prompt, or one is empty or longer than the model reads, or
    has a token that the model lacks
    """
    if not prompts:
        raise UserError("a batch of no prompts; expected at least one")
    for row, prompt in enumerate(prompts):
        if not 0 < len(prompt) <= model.max_tokens:
            raise UserError(
                f"prompt {row} of the batch has {len(prompt)} tokens; "
                f"expected 1 to {model.max_tokens}, the model's window"
            )
        if not 0 <= min(prompt) <= max(prompt) < model.vocab_size:
            wrong = next(token for token in prompt if not 0 <= token < model.vocab_size)
            raise UserError(
                f"prompt {row} of the batch has token {wrong}; "
                f"expected 0 to {model.vocab_size - 1}, the model's vocabulary"
            )
    width = max(map(len, prompts))
    token_ids = torch.tensor(
        [[model.pad_id] * (width - len(prompt)) + list(prompt) for prompt in prompts]
    )
    n_padding = torch.tensor([width - len(prompt) for prompt in prompts])
    positions = torch.arange(width) - n_padding[:, None]
    inputs = (token_ids, (positions >= 0).long(), positions.clamp(min=0), n_padding)
    return Inputs(*(tensor.to(model.device) for tensor in inputs))
