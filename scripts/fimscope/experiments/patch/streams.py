"""The residual streams and answers of prompts at the tokens that a sweep needs of each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fimscope.experiments.patch.donors import Key, TokenIds
from fimscope.inference.batching import run_parts

if TYPE_CHECKING:
    import torch

    from fimscope.inference.residuals import Collected
    from fimscope.models.load import Model
    from fimscope.parts.store import PartStore


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
    open_model: Callable[[], "Model"],
    prompts: Mapping[Key, TokenIds],
    tokens: Mapping[Key, set[int]],
    wanted: Mapping[Key, set[int]],
    batch_tokens: int,
    store: "PartStore",
) -> dict[Key, Stream]:
    """One forward of each prompt that `tokens` names; a batch is a part of the store.

    wanted   token ids whose logits are kept; none where a prompt is not in it
    """
    from fimscope.inference.batch import plan_batches
    from fimscope.inference.residuals import collect_with_logits

    keys = sorted(tokens)
    ordered = [sorted(tokens[key]) for key in keys]
    asked = [sorted(wanted.get(key, ())) for key in keys]

    def ingredients(row: int) -> tuple[Any, ...]:
        return prompts[keys[row]], ordered[row], asked[row]

    def collect_rows(rows: list[int]) -> "Collected":
        ids, positions, token_ids = zip(*map(ingredients, rows), strict=True)
        return collect_with_logits(open_model(), ids, _filled(positions), _filled(token_ids))

    found = {}
    batches = plan_batches([len(prompts[key]) for key in keys], batch_tokens)
    for rows, part in run_parts(collect_rows, batches, store, ingredients):
        for i, row in enumerate(rows):
            own = part.values[:, i, : len(ordered[row])].clone()
            logits = dict(zip(asked[row], part.logits[i].tolist(), strict=False))
            found[keys[row]] = Stream(ordered[row], own, logits)
    return found


def _filled(rows: Sequence[Sequence[int]]) -> list[list[int]]:
    """Rows of one length: the shorter ones are filled up with 0."""
    width = max(map(len, rows))
    return [[*row, *[0] * (width - len(row))] for row in rows]
