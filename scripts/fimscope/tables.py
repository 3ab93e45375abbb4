"""The tables that pass between the steps, read and written; their columns are in schemas.py."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fimscope.errors import UserError
from fimscope.schemas import SCHEMA_VERSION, SCHEMAS

ROWS_AT_ONCE = 500  # in memory, where a table is read or written in pieces


def read_table(path: Path, name: str, columns: list[str] | None = None) -> pa.Table:
    """Read a table and check that it is whole and of the schema called `name`.

    raises UserError that names the file where it is missing, truncated, or another table.
    """
    try:
        table = pq.read_table(path, columns=columns, memory_map=True)
    except FileNotFoundError:
        raise _missing(path) from None
    except (pa.ArrowInvalid, OSError) as error:
        raise _not_whole(path, error) from None
    _check_schema(path, table.schema, name)
    return table


class Rows:
    """The rows of a table in order, read from the disk in pieces each time they are gone through.

    raises UserError as `read_table` does
    """

    def __init__(self, path: Path, name: str, columns: list[str] | None = None):
        self.path, self.name, self.columns = path, name, columns
        self.n_rows = sum(len(batch) for batch in self._batches([]))

    def __len__(self) -> int:
        return self.n_rows

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in self._batches(self.columns):
            yield from batch.to_pylist()

    def _batches(self, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
        try:
            with pq.ParquetFile(self.path) as file:
                _check_schema(self.path, file.schema_arrow, self.name)
                yield from file.iter_batches(ROWS_AT_ONCE, columns=columns)
        except FileNotFoundError:
            raise _missing(self.path) from None
        except (pa.ArrowInvalid, OSError) as error:
            raise _not_whole(self.path, error) from None


def _check_schema(path: Path, schema: pa.Schema, name: str) -> None:
    found = (schema.metadata or {}).get(b"fimscope.schema", b"none").decode()
    expected = f"{name}/{SCHEMA_VERSION}"
    if found != expected:
        raise UserError(f"{path}: table {found!r} found, {expected!r} expected")


def _missing(path: Path) -> UserError:
    return UserError(f"{path}: no such file; run the step that makes it")


def _not_whole(path: Path, error: Exception) -> UserError:
    return UserError(f"{path}: not a whole Parquet file ({error}); delete it and run again")


def write_table(
    path: Path, name: str, rows: pa.Table | Iterable[Mapping[str, Any]], manifest: Mapping[str, Any]
) -> None:
    """Write rows as the table called `name`, to a temporary name that is renamed when complete."""
    schema = SCHEMAS[name]
    table = (
        rows.select(schema.names).cast(schema)
        if isinstance(rows, pa.Table)
        else pa.Table.from_pylist([dict(row) for row in rows], schema)
    )
    metadata = _metadata(name, manifest)
    with replacing(path) as temporary:
        pq.write_table(table.replace_schema_metadata(metadata), temporary, compression="zstd")


def write_tables(
    paths: Mapping[str, Path],
    rows: Iterable[tuple[str, Mapping[str, Any]]],
    manifest: Mapping[str, Any],
) -> Counter[str]:
    """Write each row to the table that it names, as the rows come; gives the rows of each table.

    Only a few hundred rows of a table are in memory. The tables take their names at the end; where
    the rows end with an error, none does.
    """
    written: Counter[str] = Counter()
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(_TableWriter(path, name, manifest))
            for name, path in paths.items()
        }
        for name, row in rows:
            writers[name].write(row)
            written[name] += 1
    return written


class _TableWriter:
    """Writes one table row by row, in row groups of ROWS_AT_ONCE."""

    def __init__(self, path: Path, name: str, manifest: Mapping[str, Any]):
        self.schema = SCHEMAS[name].with_metadata(_metadata(name, manifest))
        self.rows: list[dict[str, Any]] = []
        self.place = replacing(path)

    def __enter__(self) -> "_TableWriter":
        self.file = pq.ParquetWriter(self.place.__enter__(), self.schema, compression="zstd")
        return self

    def write(self, row: Mapping[str, Any]) -> None:
        self.rows.append(dict(row))
        if len(self.rows) == ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        self.file.write_table(pa.Table.from_pylist(self.rows, self.schema))
        self.rows.clear()

    def __exit__(self, kind: type | None, *_: object) -> None:
        if kind is None and self.rows:
            self._flush()
        self.file.close()
        self.place.__exit__(kind)


def _metadata(name: str, manifest: Mapping[str, Any]) -> dict[str, str]:
    return {
        "fimscope.schema": f"{name}/{SCHEMA_VERSION}",
        "fimscope.manifest": json.dumps(manifest, sort_keys=True),
    }


def read_manifest(path: Path) -> dict[str, Any]:
    """The run manifest that a table carries in its metadata."""
    return json.loads(pq.read_schema(path).metadata[b"fimscope.manifest"])


class replacing:
    """Gives a temporary path beside `path`; on success it takes `path`'s place, else it goes.

    The data is on the disk before the rename, so a kill or a power cut leaves the old file or
    the new one, never half of one.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        self.temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp")

    def __enter__(self) -> Path:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return self.temporary

    def __exit__(self, kind: type | None, *_: object) -> None:
        if kind is not None:
            self.temporary.unlink(missing_ok=True)
            return
        with self.temporary.open("rb+") as file:
            os.fsync(file.fileno())
        self.temporary.replace(self.path)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Gives an empty temporary folder beside `folder`; on success it takes `folder`'s place."""
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    temporary.mkdir(parents=True)
    try:
        yield temporary
        if folder.exists():
            shutil.rmtree(folder)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
