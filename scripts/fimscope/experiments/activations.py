"""The residual stream at the named positions of prompts, at every point."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fimscope.files.activation_cache import TENSOR, find_positions
from fimscope.inference.readings import Reading
from fimscope.parts.formats import BatchTensors

if TYPE_CHECKING:
    from torch import Tensor

    from fimscope.inference.prefill import Prefill
    from fimscope.models.load import Model

Row = Mapping[str, Any]


def activations_reading(
    prompts: Sequence[Row], positions: Sequence[str]
) -> "Reading[dict[str, Tensor]]":
    """Activations [point, row, position, d_model] under `TENSOR`, in the model's dtype.

    prompts   rows with `token_ids` and `positions`

    They are NaN where a prompt lacks a position.
    """

    def named(row: int) -> list[int | None]:
        return find_positions(prompts[row], positions)

    def take(model: "Model", prefill: "Prefill", rows: list[int]) -> "dict[str, Tensor]":
        import torch

        values = prefill.residuals
        absent = [[index is None for index in named(row)] for row in rows]
        hidden = torch.tensor(absent, device=values.device)[None, :, :, None]
        return {TENSOR: values.masked_fill(hidden, float("nan")).cpu()}

    def ingredients(row: int) -> list[Any]:
        return [prompts[row]["token_ids"], named(row)]

    def indices(row: int) -> list[int]:
        return [-1 if index is None else index for index in named(row)]

    return Reading("activations", take, ingredients, BatchTensors(dict), positions=indices)
