"""The residual streams and answers of prompts at the tokens that a sweep needs of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fimscope.donors import Key, TokenIds

if TYPE_CHECKING:
    import torch

    from fimscope.models.load import Model


@dataclass(frozen=True)
class Stream:
    """The residual stream of one prompt at some of its tokens, and logits of what follows it.

    tokens   ascending token indices
    values   [point, token, d_model], the model's dtype, on the CPU
    logits   token id -> logit
    """

    tokens: Sequence[int]
    values: "torch.Tensor"
    logits: Mapping[int, float]

    def at(self, tokens: Sequence[int], points: Sequence[int]) -> "torch.Tensor":
        """[point, token, d_model]"""
        return self.values[list(points)][:, [self.tokens.index(token) for token in tokens]]


def collect_streams(
    model: "Model",
    prompts: Mapping[Key, TokenIds],
    tokens: Mapping[Key, set[int]],
    wanted: Mapping[Key, Sequence[int]],
    batch_tokens: int,
) -> dict[Key, Stream]:
    """One forward of each prompt that `tokens` names.

    wanted   token ids whose logits are kept; none where a prompt is not in it
    """
    from fimscope.batch import plan_batches, run_batches
    from fimscope.collect import collect_with_logits

    keys = sorted(tokens)
    ordered = {key: sorted(tokens[key]) for key in keys}

    def collect_rows(rows: list[int]) -> "tuple[torch.Tensor, torch.Tensor]":
        chosen = [keys[row] for row in rows]
        width = max(len(ordered[key]) for key in chosen)
        padded = [[*ordered[key], *[0] * (width - len(ordered[key]))] for key in chosen]
        return collect_with_logits(model, [prompts[key] for key in chosen], padded)

    found = {}
    batches = plan_batches([len(prompts[key]) for key in keys], batch_tokens)
    for rows, (values, logits) in run_batches(collect_rows, batches):
        for i, row in enumerate(rows):
            key = keys[row]
            own = values[:, i, : len(ordered[key])].clone()
            kept = {token: float(logits[i, token]) for token in wanted.get(key, ())}
            found[key] = Stream(ordered[key], own, kept)
    return found
