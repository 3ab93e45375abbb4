"""Lens readings as rows of a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimscope.inference.readings import Reading
from fimscope.parts.formats import BatchTensors
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.token_texts import candidate_lists

if TYPE_CHECKING:
    from torch import Tensor

    from fimscope.inference.prefill import Prefill
    from fimscope.models.load import Model

Row = Mapping[str, Any]


def heads_reading(prompts: Sequence[Row]) -> "Reading[dict[str, Tensor]]":
    """`heads` [block, row, head, d_head], the model's dtype: what each gives at the last token.

    prompts   rows with `token_ids`

    They are NaN in blocks that cannot be told apart by head.
    """

    def take(model: "Model", prefill: "Prefill", rows: list[int]) -> "dict[str, Tensor]":
        return {"heads": prefill.heads.cpu()}

    def ingredients(row: int) -> list[Any]:
        return [prompts[row]["token_ids"]]

    return Reading("heads", take, ingredients, BatchTensors(dict), heads=True)


@dataclass(frozen=True)
class PointLens:
    """The lens at one named position of one prompt, at every point.

    measures   name -> [point], or [point, top] for top_ids and top_logprobs
    """

    prompt: Row
    position: str
    foil: int | None
    measures: dict[str, NDArray]


def lens_table(readings: Sequence[PointLens], n_points: int, encoder: Encoder) -> pa.Table:
    """The lens table: reading by reading, every point."""

    def column(name: str) -> NDArray:
        found = [reading.measures[name] for reading in readings]
        return np.concatenate(found) if found else np.zeros((0, 2))

    def repeated(values: list[Any], type_: pa.DataType) -> pa.Array:
        places = np.repeat(np.arange(len(readings)), n_points)
        return pa.array(values, type_).take(pa.array(places))

    rank, logprob = column("rank"), column("logprob")
    foil = repeated([reading.foil for reading in readings], pa.int32())
    no_foil = foil.is_null().to_numpy(zero_copy_only=False)
    columns = {
        **{
            key: repeated([reading.prompt[key] for reading in readings], pa.string())
            for key in ("example_id", "edit", "program_id")
        },
        "position": repeated([reading.position for reading in readings], pa.string()),
        "point": np.tile(np.arange(n_points, dtype=np.int32), len(readings)),
        "top10": candidate_lists(
            column("top_ids").astype(np.int64), column("top_logprobs"), encoder
        ),
        "gold_rank": rank[:, 0],
        "gold_logprob": logprob[:, 0],
        "foil_token_id": foil,
        "foil_rank": pa.array(rank[:, 1].astype(np.int32), mask=no_foil),
        "foil_logprob": pa.array(logprob[:, 1].astype(np.float32), mask=no_foil),
        **{name: column(name).reshape(-1) for name in ("final_rank", "entropy", "divergence")},
    }
    return pa.table(columns)
