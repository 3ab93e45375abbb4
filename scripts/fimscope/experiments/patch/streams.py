"""The residual streams and answers of prompts at the tokens that a sweep needs of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fimscope.experiments.patch.donors import Key, TokenIds
from fimscope.inference.batching import BatchRunner
from fimscope.parts.formats import BatchTensors

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

    def at(self, tokens: Sequence[int], points: Sequence[int] | slice) -> "torch.Tensor":
        """[point, token, d_model]"""
        return self.values[points][:, [self.tokens.index(token) for token in tokens]]


def collect_streams(
    runner: BatchRunner,
    prompts: Mapping[Key, TokenIds],
    tokens: Mapping[Key, set[int]],
    wanted: Mapping[Key, set[int]],
) -> dict[Key, Stream]:
    """One forward of each prompt that `tokens` names.

    wanted   token ids whose logits are kept; none where a prompt is not in it
    """
    from fimscope.inference.residuals import Collected, collect_with_logits

    keys = sorted(tokens)
    ordered = [sorted(tokens[key]) for key in keys]
    asked = [sorted(wanted.get(key, ())) for key in keys]

    def ingredients(row: int) -> tuple[Any, ...]:
        return prompts[keys[row]], ordered[row], asked[row]

    def ask(model: "Model", rows: list[int]) -> Collected:
        ids, positions, token_ids = zip(*map(ingredients, rows), strict=True)
        return collect_with_logits(model, ids, _filled(positions), _filled(token_ids))

    found = {}
    batches, kept = runner.plan(len(prompts[key]) for key in keys), BatchTensors(Collected)
    for rows, collected in runner.run("residuals", batches, ask, ingredients, kept):
        for i, row in enumerate(rows):
            own = collected.values[:, i, : len(ordered[row])].clone()
            logits = dict(zip(asked[row], collected.logits[i].tolist(), strict=False))
            found[keys[row]] = Stream(ordered[row], own, logits)
    return found


def _filled(rows: Sequence[Sequence[int]]) -> list[list[int]]:
    """Rows of one length: the shorter ones are filled up with 0."""
    width = max(map(len, rows))
    return [[*row, *[0] * (width - len(row))] for row in rows]
