"""The files of parts: rows of a table as Parquet, tensors as safetensors."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from fimscope.files.tables import ONE_THREAD, Table

if TYPE_CHECKING:
    from torch import Tensor

Value = TypeVar("Value")


class Format(Protocol[Value]):
    """How a part becomes the bytes of a file, and again a part."""

    suffix: str

    def encode(self, value: Value) -> bytes: ...

    def decode(self, content: bytes) -> Value: ...


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
class BatchRows(RowsFormat):
    """What `fimscope.inference.batching` makes of a batch where each of its rows gives one.

    Rows of the batch, halved or not, are one table.
    """

    def encode(self, halves: Sequence[tuple[int, Sequence[Mapping[str, Any]]]]) -> bytes:
        return super().encode([row for _, rows in halves for row in rows])

    def decode(self, content: bytes) -> list[tuple[int, list[dict[str, Any]]]]:
        rows = super().decode(content)
        return [(len(rows), rows)]


@dataclass(frozen=True)
class BatchTensors:
    """What `fimscope.inference.batching` makes of a batch: numbers of rows, each with its result.

    kind   of the results: a dataclass whose fields are tensors or again such dataclasses, or dict,
           of tensors by name
    """

    kind: type
    suffix = ".safetensors"

    def encode(self, halves: Sequence[tuple[int, Any]]) -> bytes:
        import torch
        from safetensors.torch import save

        tensors = {"n_rows": torch.tensor([n_rows for n_rows, _ in halves])}
        for i, (_, result) in enumerate(halves):
            # Of its own each: safetensors takes no two tensors that share their memory.
            tensors |= {
                f"{i}.{name}": tensor.cpu().contiguous().clone() for name, tensor in _flat(result)
            }
        return save(tensors)

    def decode(self, content: bytes) -> list[tuple[int, Any]]:
        from safetensors.torch import load

        tensors = load(content)
        counts = tensors.pop("n_rows").tolist()
        return [(n, _built(self.kind, f"{i}.", tensors)) for i, n in enumerate(counts)]


def digest(tensor: "Tensor") -> str:
    """The sha256 of a tensor's values as float32, to stand for it among a part's ingredients."""
    return hashlib.sha256(tensor.float().numpy().tobytes()).hexdigest()


def _flat(value: Any) -> Iterator[tuple[str, "Tensor"]]:
    for name, part in (value if isinstance(value, dict) else vars(value)).items():
        if is_dataclass(part):
            yield from ((f"{name}.{own}", tensor) for own, tensor in _flat(part))
        else:
            yield name, part


def _built(kind: type, prefix: str, tensors: Mapping[str, "Tensor"]) -> Any:
    own = {n.removeprefix(prefix): tensor for n, tensor in tensors.items() if n.startswith(prefix)}
    if kind is dict:
        return own
    return kind(
        **{
            name: _built(hint, f"{name}.", own) if is_dataclass(hint) else own[name]
            for name, hint in get_type_hints(kind).items()
        }
    )
