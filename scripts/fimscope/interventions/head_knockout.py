"""Attention knockout in chosen heads: tokens that the last token can no longer read there.

After Geva et al. 2023 (arXiv 2304.14767), as `knockout` is, but head by head: what the other heads
bring of these tokens, or what tokens between have read of them, the last token still has. All ways
of hiding differ at the last token alone, so that its copies go through the model in one row, over
one cache of the tokens before it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from fimscope.errors import MisalignedError
from fimscope.inference.attention import Attended, Kernel, kernel_wrapped
from fimscope.inference.batch import TokenIds
from fimscope.inference.forward import run_plain
from fimscope.inference.kv_cache import Past, packed_masks, past_of
from fimscope.inference.places import check_places, head
from fimscope.inference.readout import readout_of
from fimscope.interventions.knockout import check_hidden
from fimscope.interventions.sweep import SweepReadout
from fimscope.models.load import Model


@dataclass(frozen=True)
class Hiding:
    """What is hidden from the last token of a prompt, and in which heads.

    heads    pairs of block and head
    tokens   token indices; none hides nothing
    """

    heads: Collection[tuple[int, int]] = field(default=())
    tokens: Collection[int] = field(default=())


@torch.inference_mode()
def sweep_hidden(
    model: Model,
    prompts: Sequence[TokenIds],
    ways: Sequence[Sequence[Hiding]],
    token_ids: Tensor,
) -> SweepReadout:
    """What each prompt says when tokens are hidden from its last token in some heads.

    ways       [example, way], as many for each
    token_ids  [example, token_id] int64, the tokens whose logits are wanted
    returns    patched [example, way], baseline [example]
    raises     MisalignedError where the shapes do not match, or a token is the last or one that the
               prompt lacks; UserError where the model has not such a head, or as `kernel_wrapped`

    The weights of a head's other tokens grow to sum to 1 again. Tested against softmaxes whose
    weights are set to zero by hand.
    """
    counts = {len(own) for own in ways}
    if len(ways) != len(prompts) or len(counts) != 1:
        raise MisalignedError(
            f"ways of {len(ways)} of {len(prompts)} prompts, {sorted(counts)} of each; expected as "
            "many ways for every prompt"
        )
    for row, (prompt, own) in enumerate(zip(prompts, ways, strict=True)):
        for way in own:
            check_hidden(prompt, way.tokens, f"prompt {row} of the batch")
    check_places(model, [head(*pair) for own in ways for way in own for pair in way.heads])
    past = past_of(model, [prompt[:-1] for prompt in prompts])
    n_copies = 1 + counts.pop()
    last = torch.tensor([[prompt[-1]] for prompt in prompts], device=model.device)
    position = torch.tensor([[len(prompt) - 1] for prompt in prompts], device=model.device)
    positions = position.expand(-1, n_copies)
    own = torch.eye(n_copies, dtype=torch.bool, device=model.device)
    hidden = _hidden_edges(model, past, ways, n_copies)
    blocks = iter(hidden)

    def attend(
        kernel: Kernel,
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor,
        **how: Any,
    ) -> Attended:
        blind = next(blocks).to(query.device)
        if attention_mask.dtype == torch.bool:
            mask = attention_mask & ~blind
        else:
            mask = attention_mask.masked_fill(blind, torch.finfo(attention_mask.dtype).min)
        return kernel(module, query, key, value, mask, **how)

    with kernel_wrapped(model, attend):
        normed = run_plain(
            model,
            {
                "input_ids": last.expand(-1, n_copies),
                "position_ids": positions,
                "attention_mask": packed_masks(model, past, past.mask, own, positions, positions),
                "past_key_values": past.key_values,
                "use_cache": True,
            },
        )
    found = readout_of(model, normed, token_ids)
    return SweepReadout(
        patched=found.reshape(lambda tensor: tensor[:, 1:]),
        baseline=found.reshape(lambda tensor: tensor[:, 0]),
    )


def _hidden_edges(
    model: Model, past: Past, ways: Sequence[Sequence[Hiding]], n_copies: int
) -> Tensor:
    """[block, example, head, copy, key] bool; the first copy hides nothing, no copy's own keys."""
    n_examples, n_past = past.mask.shape
    shape = (model.n_blocks, n_examples, model.n_heads, n_copies, n_past + n_copies)
    hidden = torch.zeros(shape, dtype=torch.bool)
    n_padding = n_past - past.mask.sum(1).cpu()
    for row, own in enumerate(ways):
        for copy, way in enumerate(own, start=1):
            tokens = torch.tensor(sorted(way.tokens), dtype=torch.long) + n_padding[row]
            for block, index in way.heads:
                hidden[block, row, index, copy, tokens] = True
    return hidden
