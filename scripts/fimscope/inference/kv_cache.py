"""Prompts in a key-value cache, and the masks by which packed queries read it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache

from fimscope.inference.batch import Inputs, TokenIds, pad_batch
from fimscope.inference.forward import Forward, run_plain
from fimscope.models.load import Model


@dataclass(frozen=True)
class Past:
    """The keys and values of a batch's first tokens.

    key_values  of every block, whole. The cache that transformers makes for a block with a sliding
                window forgets what left it; this one keeps all, and the masks say what is seen
    mask        [example, token] bool, where there is a token
    positions   [example, token] int64
    """

    key_values: DynamicCache
    mask: Tensor
    positions: Tensor

    def room(self, model: Model) -> Tensor:
        """How many tokens may follow each example within the model's window, [example] int64.

        Its own, whatever the others of its batch: padding takes no room.
        """
        return model.max_tokens - 1 - self.positions[:, -1]


def fill_past(model: Model, inputs: Inputs, forward: Forward = run_plain) -> tuple[Past, Tensor]:
    """Run the inputs once; gives their past, and what leaves the final norm at each last token.

    returns  past, [example, d_model] in the model's dtype
    """
    key_values = DynamicCache()
    hidden = forward(
        model, {**inputs.forward_arguments(), "past_key_values": key_values, "use_cache": True}
    )
    return Past(key_values, inputs.mask.bool(), inputs.positions), hidden[:, -1]


def past_of(model: Model, beginnings: Sequence[TokenIds]) -> Past:
    """The past of some prompts' beginnings, of which any may be empty."""
    if any(beginnings):
        # An empty one is a row of padding whose mask hides its only token.
        filled = [tokens or [model.pad_id] for tokens in beginnings]
        past, _ = fill_past(model, pad_batch(model, filled))
        empty = torch.tensor([not tokens for tokens in beginnings], device=model.device)
        return Past(past.key_values, past.mask & ~empty[:, None], past.positions)
    nothing = torch.zeros(len(beginnings), 0, dtype=torch.long, device=model.device)
    return Past(DynamicCache(), nothing.bool(), nothing)


def packed_masks(
    model: Model, past: Past, before: Tensor, own: Tensor, queries: Tensor, keys: Tensor
) -> dict[str, Tensor] | Tensor:
    """The attention masks of queries that see a part of the past and some of their own keys.

    before   [example, past token] bool, what every query sees of the past; or what each does,
             [example, query, past token]
    own      [query, key] or [example, query, key] bool, what each query sees of the keys behind the
             past
    queries  [example, query] int64, their positions; keys likewise
    """
    n_examples, n_queries = queries.shape
    before = before if before.ndim == 3 else before[:, None].expand(-1, n_queries, -1)
    seen = torch.cat([before, own.expand(n_examples, -1, -1)], dim=2)
    positions = torch.cat([past.positions, keys], dim=1)
    return block_masks(model, seen, queries, positions)


def block_masks(
    model: Model, seen: Tensor, queries: Tensor, keys: Tensor
) -> dict[str, Tensor] | Tensor:
    """The masks as the network takes them, for each kind of block it has.

    seen     [example, query, key] bool, what a block without a window sees
    queries  [example, query] int64, their positions; keys likewise
    """
    window = getattr(model.config, "sliding_window", None)

    def within_window() -> Tensor:
        return _as_mask(model, seen & (keys[:, None] > queries[:, :, None] - window))

    # StarCoder2 has the window in every block, and says so by its number alone.
    if not model.family.masks_by_kind:
        return _as_mask(model, seen) if window is None else within_window()
    masks = {"full_attention": _as_mask(model, seen)}
    if "sliding_attention" in model.config.layer_types:
        masks["sliding_attention"] = within_window()
    return masks


def _as_mask(model: Model, seen: Tensor) -> Tensor:
    """[example, 1, query, key], to be added to the scores.

    The kernel of sdpa would make the same numbers of booleans, but anew in every block.
    """
    hidden = -torch.inf if model.attention == "sdpa" else torch.finfo(model.dtype).min
    mask = torch.zeros(seen.shape, dtype=model.dtype, device=seen.device)
    return mask.masked_fill_(~seen, hidden)[:, None]
