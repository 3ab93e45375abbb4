"""Attention knockout: chosen tokens that later tokens can no longer attend to.

After Geva et al. 2023 (arXiv 2304.14767), who block the edges of attention from one token to
others and see what the prediction loses. An edge is blocked before the softmax, in every head of
every block, so that the other weights grow to sum to 1 again.
"""

from collections.abc import Collection, Sequence

import torch
from torch import Tensor
from transformers import DynamicCache

from fimscope.errors import MisalignedError, UserError
from fimscope.inference.batch import Inputs, TokenIds, pad_batch
from fimscope.inference.forward import run_plain
from fimscope.inference.generate import Answers, answer_past
from fimscope.inference.kv_cache import Past, block_masks
from fimscope.models.load import Model

READERS = ("last", "later")


@torch.inference_mode()
def answer_without(
    model: Model,
    prompts: Sequence[TokenIds],
    hidden: Sequence[Collection[int]],
    readers: str,
    gold_ids: Sequence[int],
    max_new_tokens: int,
    stop_ids: Collection[int],
    n_top: int = 10,
) -> Answers:
    """As `generate.answer`, with some tokens of each prompt hidden from its other tokens.

    hidden    [example], the token indices that are hidden; none hides nothing
    readers   from whom: `last`, the last token alone, which may still have read them through the
              tokens between; `later`, every token behind them that is not hidden itself. What is
              generated is blind to them in either case
    raises    MisalignedError where `hidden` or `gold_ids` is not one for each prompt, or names the
              last token or one that the prompt lacks; UserError for other readers

    Runs every prompt whole; `branches.answer_branches` shares what several have in common.
    """
    if len(gold_ids) != len(prompts):
        raise MisalignedError(f"{len(gold_ids)} gold token ids for {len(prompts)} prompts")
    inputs = pad_batch(model, prompts)
    is_hidden = _hidden_mask(inputs, prompts, hidden)
    seen = _seen(inputs, is_hidden, readers)
    masks = block_masks(model, seen, inputs.positions, inputs.positions)
    key_values = DynamicCache()
    arguments = {**inputs.forward_arguments(), "attention_mask": masks}
    normed = run_plain(model, {**arguments, "past_key_values": key_values, "use_cache": True})
    past = Past(key_values, inputs.mask.bool() & ~is_hidden, inputs.positions)
    return answer_past(model, past, normed[:, -1], gold_ids, max_new_tokens, stop_ids, n_top)


def _seen(inputs: Inputs, is_hidden: Tensor, readers: str) -> Tensor:
    """Which tokens each token attends to, [example, query, key] bool."""
    check_readers(readers)
    width = inputs.token_ids.shape[1]
    causal = torch.ones(width, width, dtype=torch.bool, device=is_hidden.device).tril()
    if readers == "last":
        is_blind = torch.zeros_like(is_hidden)
        is_blind[:, -1] = True
    else:
        is_blind = ~is_hidden
    blocked = is_blind[:, :, None] & is_hidden[:, None]
    seen = causal & inputs.mask.bool()[:, None] & ~blocked
    # A row of padding sees itself: with nothing to see its values would not be numbers.
    return seen | torch.eye(width, dtype=torch.bool, device=is_hidden.device)


def _hidden_mask(
    inputs: Inputs, prompts: Sequence[TokenIds], hidden: Sequence[Collection[int]]
) -> Tensor:
    """[example, token] bool, in the columns of the padded batch."""
    if len(hidden) != len(prompts):
        raise MisalignedError(f"hidden tokens for {len(hidden)} of {len(prompts)} prompts")
    n_examples, width = inputs.mask.shape
    is_hidden = torch.zeros(n_examples, width, dtype=torch.bool)
    for row, (prompt, indices) in enumerate(zip(prompts, hidden, strict=True)):
        check_hidden(prompt, indices, f"prompt {row} of the batch")
        is_hidden[row, [width - len(prompt) + index for index in indices]] = True
    return is_hidden.to(inputs.mask.device)


def check_readers(readers: str) -> None:
    """raises UserError where it is none of READERS"""
    if readers not in READERS:
        raise UserError(f"readers: {readers!r} is not one of {', '.join(READERS)}")


def check_hidden(prompt: TokenIds, hidden: Collection[int], name: str) -> None:
    """raises MisalignedError where a hidden token is the last or none of the prompt's"""
    for index in hidden:
        if not 0 <= index < len(prompt) - 1:
            raise MisalignedError(
                f"{name}: token {index} cannot be hidden; expected one of "
                f"0..{len(prompt) - 2}, all but the last"
            )
