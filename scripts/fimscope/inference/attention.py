"""Attention patterns: from which tokens chosen tokens read, in chosen heads.

The fast kernels never make a pattern, and the one that does, eager, makes the whole n x n of every
head. Here the network runs on its own kernel, and beside it the rows of the chosen tokens alone are
made, by the formula that the network itself has for eager attention, from the queries and keys that
its kernel is given: behind rotation and norms, with its scale, its cap, its window.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from fimscope.errors import UserError
from fimscope.inference.batch import TokenIds, pad_batch
from fimscope.inference.forward import run_plain
from fimscope.inference.places import check_places, head
from fimscope.inference.positions import token_indices
from fimscope.inference.residuals import token_columns
from fimscope.models.load import Model

Attended = tuple[Tensor, Tensor | None]  # what a kernel gives: the mix of values, the pattern
Kernel = Callable[..., Attended]


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
    raises   MisalignedError where a prompt lacks a token; UserError as `watch_attention` does
    """
    check_places(model, [head(*pair) for pair in heads])
    inputs = pad_batch(model, prompts)
    columns = token_columns(inputs, token_indices(prompts, queries))
    with watch_attention(model, columns) as found:
        run_plain(model, {**inputs.forward_arguments(), "use_cache": False})
    patterns = torch.stack([found[block][:, index] for block, index in heads], dim=1).cpu()
    return [
        pattern[..., n_padding:]
        for pattern, n_padding in zip(patterns, inputs.n_padding.tolist(), strict=True)
    ]


@contextmanager
def watch_attention(model: Model, columns: Tensor) -> Iterator[list[Tensor]]:
    """Gives a list that one forward of whole prompts within it fills, block by block.

    columns  [example, query] int64, of the queries in the padded batch
    gives    of each block [example, head, query, token], the model's dtype, on the columns' device
    raises   UserError as `kernel_wrapped` does
    """
    found = list[Tensor]()

    def attend(
        kernel: Kernel,
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None,
        **how: Any,
    ) -> tuple[Tensor, Tensor | None]:
        own = columns.to(query.device)
        chosen = query.gather(
            2, own[:, None, :, None].expand(-1, query.shape[1], -1, query.shape[3])
        )
        # The rows' weights without their mix of values, which the kernel makes.
        _, weights = eager_attention_of(module)(
            module, chosen, key, value[..., :0], _rows_of(attention_mask, own, key), **how
        )
        found.append(weights.to(columns.device))
        return kernel(module, query, key, value, attention_mask, **how)

    with kernel_wrapped(model, attend):
        yield found


@contextmanager
def kernel_wrapped(model: Model, attend: Callable[..., Attended]) -> Iterator[None]:
    """Within it every block of one forward attends by a function that is given the kernel.

    attend   (kernel, module, query, key, value, attention_mask, **how) -> what the kernel gives;
             called once a block, in their order
    raises   UserError where a block's attention does not go through transformers' interface, as
             that of a GPT-2 with reorder_and_upcast_attn under eager
    """
    kernel_of_all, n_calls = ALL_ATTENTION_FUNCTIONS.get(model.attention), 0

    def call(module: nn.Module, *inputs: Tensor | None, **how: Any) -> Attended:
        nonlocal n_calls
        n_calls += 1
        return attend(kernel_of_all or eager_attention_of(module), module, *inputs, **how)

    ALL_ATTENTION_FUNCTIONS[model.attention] = call
    try:
        yield
    finally:
        del ALL_ATTENTION_FUNCTIONS[model.attention]
    if n_calls != model.n_blocks:
        raise UserError(
            f"{n_calls} of {model.n_blocks} blocks tell their queries and keys; expected all of "
            "them: load the model with model.attention sdpa, and without reorder_and_upcast_attn"
        )


def eager_attention_of(module: nn.Module) -> Kernel:
    """The formula that a block's network has for eager attention."""
    return sys.modules[type(module).__module__].eager_attention_forward


def _rows_of(mask: Tensor | None, columns: Tensor, key: Tensor) -> Tensor:
    """The rows of a mask, as eager attention adds them to the scores: [example, 1, query, token].

    mask   [example, 1, token, token], booleans of sdpa or numbers of eager. None where sdpa has to
           hide nothing but what is behind a query: no padding, no window shorter than the prompts
    """
    if mask is None:
        rows = torch.arange(key.shape[2], device=key.device) <= columns[:, :, None]
    else:
        examples = torch.arange(len(columns), device=key.device)[:, None]
        rows = mask.expand(len(columns), -1, -1, -1)[:, 0][examples, columns]
    if rows.dtype == torch.bool:
        rows = torch.zeros(rows.shape, dtype=key.dtype, device=key.device).masked_fill(
            ~rows, torch.finfo(key.dtype).min
        )
    return rows[:, None]
