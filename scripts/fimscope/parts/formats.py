"""The files of parts: rows of a table as Parquet, tensors as safetensors."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from fimscope.files.tables import ONE_THREAD, Table

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class RowsFormat:
    """Rows of a table."""

    table: Table
    suffix = ".parquet"

    def encode(self, rows: Sequence[Mapping[str, Any]]) -> bytes:
        table = pa.Table.from_pylist([dict(row) for row in rows], self.table.schema)
        file = BytesIO()
        pq.write_table(table, file, compression="zstd")
        return file.getvalue()

    def decode(self, content: bytes) -> list[dict[str, Any]]:
        table = pq.ParquetFile(pa.BufferReader(content)).read(**ONE_THREAD)
        if not table.schema.equals(self.table.schema):
            raise ValueError(
                f"a part of the columns {table.schema.names}, not of {self.table.name}"
            )
        return table.to_pylist()


@dataclass(frozen=True)
class TensorsFormat:
    """Tensors by name."""

    suffix = ".safetensors"

    def encode(self, tensors: Mapping[str, "Tensor"]) -> bytes:
        from safetensors.torch import save

        # Of its own each: safetensors takes no two tensors that share their memory.
        return save({name: tensor.cpu().contiguous().clone() for name, tensor in tensors.items()})

    def decode(self, content: bytes) -> dict[str, "Tensor"]:
        from safetensors.torch import load

        return load(content)


@dataclass(frozen=True)
class ResultsFormat:
    """What `fimscope.inference.batching` makes of a batch: numbers of rows, each with its result.

    kind   the results' dataclass, whose fields are tensors or again such dataclasses
    """

    kind: type
    suffix = ".safetensors"

    def encode(self, halves: Sequence[tuple[int, Any]]) -> bytes:
        import torch

        tensors = {"n_rows": torch.tensor([n_rows for n_rows, _ in halves])}
        for i, (_, result) in enumerate(halves):
            tensors |= {f"{i}.{name}": tensor for name, tensor in _flat(result)}
        return TensorsFormat().encode(tensors)

    def decode(self, content: bytes) -> list[tuple[int, Any]]:
        tensors = TensorsFormat().decode(content)
        counts = tensors["n_rows"].tolist()
        return [(n, _built(self.kind, f"{i}.", tensors)) for i, n in enumerate(counts)]


def digest(tensor: "Tensor") -> str:
    """The sha256 of a tensor's values as float32, to stand for it among a part's ingredients."""
    return hashlib.sha256(tensor.float().numpy().tobytes()).hexdigest()


def _flat(value: Any) -> Iterator[tuple[str, "Tensor"]]:
    for field in fields(value):
        part = getattr(value, field.name)
        if is_dataclass(part):
            yield from ((f"{field.name}.{name}", tensor) for name, tensor in _flat(part))
        else:
            yield field.name, part


def _built(kind: type, prefix: str, tensors: Mapping[str, "Tensor"]) -> Any:
    return kind(
        **{
            name: _built(hint, f"{prefix}{name}.", tensors)
            if is_dataclass(hint)
            else tensors[f"{prefix}{name}"]
            for name, hint in get_type_hints(kind).items()
        }
    )
