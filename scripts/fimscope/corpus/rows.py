"""The rows of local Parquet and JSON files, one in memory at a time, read from the files alone."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.errors import UserError

if TYPE_CHECKING:
    from pyarrow.parquet import FileMetaData

# A file of 500 bytes can hold a gigabyte of text, or a billion rows. What a file unpacks to is
# bounded by what it brings: a column's part by so many times its bytes, rows by its bytes, for rows
# that differ take at least one. Below these sizes neither is asked.
MOST_TIMES = 1000
SMALL = 1 << 26  # bytes; also the longest line of JSON
FEW_ROWS = 1_000_000
BUFFER = 1 << 18  # bytes of each column

Row = Mapping[str, bytes | None]


def read_rows(path: Path, columns: Mapping[str, str], key: str) -> Iterator[Row]:
    """Each row's bytes by column, in the file's order; None where a row has none.

    columns   key of the config -> the column that it names
    key       what the config calls the source
    raises    UserError where the file is broken, lacks a column, or holds no text in it; where it
              unpacks to far more than it brings
    """
    read = _parquet_rows if path.suffix == ".parquet" else _json_rows
    try:
        yield from read(path, columns, key)
    except (OSError, ValueError, NotImplementedError, RecursionError, MemoryError) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"{key}.files: cannot read {path.name}: {text}; check that the file is whole, and what "
            "its name says"
        ) from None


def _parquet_rows(path: Path, columns: Mapping[str, str], key: str) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = sorted(set(columns.values()))
    with pq.ParquetFile(path, buffer_size=BUFFER) as file:
        for name, column in columns.items():
            if column not in file.schema_arrow.names:
                there = ", ".join(file.schema_arrow.names)
                raise UserError(f"{key}.{name}: no column {column!r}; there are {there}")
            kind = file.schema_arrow.field(column).type
            if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
                raise UserError(f"{key}.{name}: column {column!r} holds {kind}, expected text")
        _check_unpacked(path, file.metadata, names)
        # One row at a time: Arrow writes out a value that many rows share once for each of them.
        for batch in file.iter_batches(1, columns=names, use_threads=False):
            yield {name: batch[name].cast(pa.large_binary())[0].as_py() for name in names}


def _check_unpacked(path: Path, metadata: "FileMetaData", names: list[str]) -> None:
    n_bytes = path.stat().st_size
    if metadata.num_rows > FEW_ROWS + n_bytes:
        raise ValueError(f"{metadata.num_rows} rows in {n_bytes} bytes are no programs")
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            unpacked = column.total_uncompressed_size
            packed = min(column.total_compressed_size, n_bytes)
            if column.path_in_schema in names and unpacked > max(SMALL, MOST_TIMES * packed):
                raise ValueError(
                    f"{packed} bytes of column {column.path_in_schema!r} would unpack to "
                    f"{unpacked}, more than {MOST_TIMES} times as many"
                )


def _json_rows(path: Path, columns: Mapping[str, str], key: str) -> Iterator[Row]:
    known: set[str] = set()
    for place, row in _json_objects(path):
        known.update(row)
        for name, column in columns.items():
            if not isinstance(row.get(column), str | None):
                kind = type(row[column]).__name__
                raise UserError(
                    f"{key}.{name}: {path.name}, {place}: column {column!r} holds {kind}, "
                    "expected text"
                )
        texts = {column: row.get(column) for column in columns.values()}
        yield {
            column: None if text is None else text.encode("utf-8", "surrogatepass")
            for column, text in texts.items()
        }
    if not known:
        raise ValueError("it holds no row")
    for name, column in columns.items():
        if column not in known:
            there = ", ".join(sorted(known))
            raise UserError(f"{key}.{name}: no column {column!r}; there are {there}")


def _json_objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where each object of a file stands, and the object: one a line, or all in one list."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(SMALL + 1):
            number += 1
            if len(line) > SMALL:
                raise ValueError(f"line {number} is longer than {SMALL} bytes; expected one row")
            if number == 1 and line.lstrip()[:1] == b"[":
                yield from _listed_objects(line + file.read(SMALL + 1))
                return
            if line.strip():
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise ValueError(f"line {number} is no JSON ({error})") from None
                yield f"line {number}", _object(row, f"line {number}")


def _listed_objects(text: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    if len(text) > SMALL:
        raise ValueError(f"a list of more than {SMALL} bytes; write one object a line")
    for i, row in enumerate(json.loads(text)):
        yield f"row {i}", _object(row, f"row {i}")


def _object(row: Any, place: str) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise ValueError(f"{place} is {type(row).__name__}, expected an object")
    return row
