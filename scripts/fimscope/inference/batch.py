"""Batches: which prompts go together, and how they are padded."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from fimscope.errors import UserError
from fimscope.models.load import Model

Result = TypeVar("Result")
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

    raises UserError where a prompt is empty or longer than the model reads
    """
    for row, prompt in enumerate(prompts):
        if not 0 < len(prompt) <= model.max_tokens:
            raise UserError(
                f"prompt {row} of the batch has {len(prompt)} tokens; "
                f"expected 1 to {model.max_tokens}, the model's window"
            )
    width = max(map(len, prompts))
    token_ids = torch.tensor(
        [[model.pad_id] * (width - len(prompt)) + list(prompt) for prompt in prompts]
    )
    n_padding = torch.tensor([width - len(prompt) for prompt in prompts])
    positions = torch.arange(width) - n_padding[:, None]
    inputs = (token_ids, (positions >= 0).long(), positions.clamp(min=0), n_padding)
    return Inputs(*(tensor.to(model.device) for tensor in inputs))


def plan_batches(lengths: Sequence[int], token_budget: int) -> list[list[int]]:
    """Row numbers in batches of like length, longest first, each of at most token_budget tokens.

    lengths       tokens of each prompt
    token_budget  padded tokens of a batch (examples x the longest); a prompt that is longer than
                  the budget makes a batch of its own

    Longest first, so that a budget that does not fit in memory shows at the start.
    """
    if token_budget < 1:
        raise UserError(f"token_budget: {token_budget} found, a positive number expected")
    batches: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda row: (-lengths[row], row)):
        if batches and (len(batches[-1]) + 1) * lengths[batches[-1][0]] <= token_budget:
            batches[-1].append(row)
        else:
            batches.append([row])
    return batches


def run_batches(
    function: Callable[[list[int]], Result], batches: Sequence[list[int]]
) -> Iterator[tuple[list[int], Result]]:
    """Each batch's row numbers and what `function` gives for them.

    A batch that does not fit in memory is halved, and its halves again.
    raises UserError where one row alone does not fit
    """
    waiting = [*reversed(batches)]
    while waiting:
        rows = waiting.pop()
        result = _try_batch(function, rows)
        if result is not None:
            yield rows, result
        elif len(rows) == 1:
            raise UserError(
                f"row {rows[0]} alone does not fit in memory; shorten the prompts, lower the "
                "memory budget or choose a smaller dtype"
            )
        else:
            middle = len(rows) // 2
            waiting += [rows[middle:], rows[:middle]]


def _try_batch(function: Callable[[list[int]], Result], rows: list[int]) -> Result | None:
    """What the function gives, or None when the memory did not suffice.

    A function of its own: the exception, and with it the failed batch's tensors, is gone on return.
    """
    try:
        return function(rows)
    except torch.OutOfMemoryError:
        pass
    except RuntimeError as error:
        # The CPU's allocator has no exception class of its own.
        if "DefaultCPUAllocator" not in str(error):
            raise
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None
