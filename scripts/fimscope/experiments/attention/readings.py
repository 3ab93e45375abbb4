"""What is kept of the last token's attention: shares by region, and the tokens of most of it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fimscope.experiments.attention.shares import region_tokens
from fimscope.experiments.attention.tables import ATTENDED
from fimscope.inference.readings import Reading
from fimscope.parts.formats import BatchRows, BatchTensors

if TYPE_CHECKING:
    from torch import Tensor

    from fimscope.inference.prefill import Prefill
    from fimscope.models.load import Model

Row = Mapping[str, Any]
# What `list_attended` keeps where nothing else is said.
N_TOKENS, LEAST_WEIGHT = 8, 0.02


def shares_reading(prompts: Sequence[Row]) -> "Reading[dict[str, Tensor]]":
    """`shares` [row, head, kind] float32 of the last token's attention, every head block by block.

    prompts   rows with `token_ids` and `regions`; the kinds are REGION_KINDS
    """

    def take(model: "Model", prefill: "Prefill", rows: list[int]) -> "dict[str, Tensor]":
        import torch

        kinds = [torch.from_numpy(region_tokens(prompts[row])).to(model.device) for row in rows]
        own = [pattern @ own for pattern, own in zip(prefill.patterns, kinds, strict=True)]
        return {"shares": torch.stack(own).cpu()}

    def ingredients(row: int) -> list[Any]:
        return [prompts[row]["token_ids"], prompts[row]["regions"]]

    return Reading("shares", take, ingredients, BatchTensors(dict), patterns=True)


def attended_reading(
    prompts: Sequence[Row], n_tokens: int = N_TOKENS, least_weight: float = LEAST_WEIGHT
) -> Reading[list[Row]]:
    """A row of `tokens` [head][token] and `weights` a prompt: see `most_attended`.

    prompts   rows with `token_ids`
    """

    def take(model: "Model", prefill: "Prefill", rows: list[int]) -> list[Row]:
        found = []
        for pattern in prefill.patterns:
            tokens, weights = zip(*most_attended(pattern, n_tokens, least_weight), strict=True)
            found.append({"tokens": tokens, "weights": weights})
        return found

    def ingredients(row: int) -> list[Any]:
        return [prompts[row]["token_ids"], n_tokens, least_weight]

    return Reading("attended", take, ingredients, BatchRows(ATTENDED), patterns=True)


def most_attended(
    weights: "Tensor", n_tokens: int, least_weight: float
) -> Iterator[tuple[list[int], list[float]]]:
    """Of each row of [head, token] the tokens of most weight, the first first, and their weights.

    Of equal weights the earlier token comes first.
    """
    ordered, order = weights.sort(dim=-1, descending=True, stable=True)
    ordered, order = ordered[:, :n_tokens].tolist(), order[:, :n_tokens].tolist()
    for values, tokens in zip(ordered, order, strict=True):
        n_kept = sum(value >= least_weight for value in values)
        yield tokens[:n_kept], values[:n_kept]
