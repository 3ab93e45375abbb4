"""The files of parts: rows of a table as Parquet, tensors as safetensors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from fimscope.schemas import SCHEMAS

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class RowsFormat:
    """Rows of the table called `name`."""

    name: str
    suffix = ".parquet"

    def encode(self, rows: Sequence[Mapping[str, Any]]) -> bytes:
        table = pa.Table.from_pylist([dict(row) for row in rows], SCHEMAS[self.name])
        file = BytesIO()
        pq.write_table(table, file, compression="zstd")
        return file.getvalue()

    def decode(self, content: bytes) -> list[dict[str, Any]]:
        table = pq.read_table(pa.BufferReader(content))
        if not table.schema.equals(SCHEMAS[self.name]):
            raise ValueError(f"a part of the columns {table.schema.names}, not of {self.name}")
        return table.to_pylist()


@dataclass(frozen=True)
class TensorsFormat:
    """Tensors by name."""

    suffix = ".safetensors"

    def encode(self, tensors: Mapping[str, "Tensor"]) -> bytes:
        from safetensors.torch import save

        return save({name: tensor.cpu().contiguous() for name, tensor in tensors.items()})

    def decode(self, content: bytes) -> dict[str, "Tensor"]:
        from safetensors.torch import load

        return load(content)
