"""The tables that pass between the steps, read and written."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fimscope.errors import UserError
from fimscope.files.atomic import replacing
from fimscope.files.digests import check_parquet, seal_parquet
from fimscope.steps.frame import log

SCHEMA_VERSION = "1"
ROWS_AT_ONCE = 500  # in memory, where a table is read or written in pieces
ROWS_OF_A_GROUP = 10_000  # of a table of small rows that is written as they come
BUFFER = 1 << 18  # bytes of each column, where a table is read in pieces

# A process that ends soon after Arrow's own threads began to read is sometimes aborted at its exit,
# all work done (apache/arrow#34314). A ParquetFile starts none, pyarrow's read_table does.
ONE_THREAD = {"use_threads": False}

# Arrow's own allocator keeps several times what it has in use.
pa.set_memory_pool(pa.system_memory_pool())


# A column's name, its type, and what it holds where the name does not say it.
Column = tuple[str, pa.DataType] | tuple[str, pa.DataType, str]


@dataclass(frozen=True, eq=False)
class Table:
    """One of the pipeline's tables: what it is called, where it stands, what its columns hold.

    place   in results/, with {model}, {edit} and the like; none of what only parts are made of
    row     what one row is
    """

    name: str
    columns: Sequence[Column]
    place: str | None = None
    row: str | None = None

    @cached_property
    def schema(self) -> pa.Schema:
        return pa.schema([column[:2] for column in self.columns])


def read_table(path: Path, kind: Table, columns: list[str] | None = None) -> pa.Table:
    """Read a table and check that it is whole and of this kind.

    One that was made by other means, such as pandas, has no seal to check: it is taken with a
    warning where it has the columns.

    raises UserError that names the file where it is missing, damaged, or another table.
    """
    with _naming(path):
        names = _check(path, kind, columns)
        with pq.ParquetFile(path, memory_map=True) as file:
            return _as_kind(file.read(names, **ONE_THREAD), kind)


class Rows:
    """The rows of a table in order, read from the disk in pieces each time they are gone through.

    raises UserError as `read_table` does
    """

    def __init__(self, path: Path, kind: Table, columns: list[str] | None = None):
        self.path, self.kind = path, kind
        with _naming(path):
            self.columns = _check(path, kind, columns)
            self.n_rows = pq.read_metadata(path).num_rows

    def __len__(self) -> int:
        return self.n_rows

    def __iter__(self) -> Iterator[dict[str, Any]]:
        with _naming(self.path), pq.ParquetFile(self.path, buffer_size=BUFFER) as file:
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=self.columns, **ONE_THREAD):
                yield from _as_kind(pa.Table.from_batches([batch]), self.kind).to_pylist()


def _check(path: Path, kind: Table, columns: list[str] | None) -> list[str]:
    """The columns to read. raises UserError where the file is damaged, or no table of this kind."""
    # Before a reader of Parquet meets what may be damaged.
    if check_parquet(path):
        found = pq.read_schema(path).metadata[b"fimscope.schema"].decode()
        expected = f"{kind.name}/{SCHEMA_VERSION}"
        if found != expected:
            raise UserError(f"{path}: table {found!r} found, {expected!r} expected")
        return columns or kind.schema.names
    wanted = columns or kind.schema.names
    missing = sorted(set(wanted) - set(pq.read_schema(path).names))
    if missing:
        raise UserError(
            f"{path}: no column {missing[0]!r}, which a {kind.name} table has (docs/tables.md)"
        )
    log.warning("%s: not written by this pipeline; its content is taken as it is", path)
    return wanted


def _as_kind(table: pa.Table, kind: Table) -> pa.Table:
    """The table in the types of its kind, which another's may spell otherwise (int64 for int32)."""
    schema = pa.schema([kind.schema.field(name) for name in table.column_names])
    if table.schema.equals(schema):
        return table
    return table.replace_schema_metadata(None).cast(schema)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Turns what the system says of a file into a UserError that names it."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run the step that makes it") from None
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{path}: not readable ({error})") from None


def write_table(
    path: Path,
    kind: Table,
    rows: pa.Table | Iterable[Mapping[str, Any]],
    manifest: Mapping[str, Any],
) -> None:
    """Write rows as a table of this kind, to a temporary name that is renamed when complete."""
    schema = kind.schema
    table = (
        rows.select(schema.names).cast(schema)
        if isinstance(rows, pa.Table)
        else pa.Table.from_pylist([dict(row) for row in rows], schema)
    )
    metadata = _metadata(kind, manifest)
    with replacing(path) as temporary:
        pq.write_table(table.replace_schema_metadata(metadata), temporary, compression="zstd")
        seal_parquet(temporary)


def write_tables(
    paths: Mapping[Table, Path],
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
            kind.name: stack.enter_context(_writing(path, kind, manifest, ROWS_AT_ONCE))
            for kind, path in paths.items()
        }
        for name, row in rows:
            writers[name](row)
            written[name] += 1
    return written


def stream_table(
    path: Path, kind: Table, rows: Iterable[Mapping[str, Any]], manifest: Mapping[str, Any]
) -> None:
    """As `write_table`, of small rows as they come; no more than a row group is in memory."""
    with _writing(path, kind, manifest, ROWS_OF_A_GROUP) as write:
        for row in rows:
            write(row)


@contextmanager
def _writing(
    path: Path, kind: Table, manifest: Mapping[str, Any], rows_of_a_group: int
) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Gives what writes one row of a table, in row groups of a multiple of ROWS_AT_ONCE."""
    schema = kind.schema.with_metadata(_metadata(kind, manifest))
    rows: list[dict[str, Any]] = []
    pieces: list[pa.Table] = []  # Arrow's columns: a tenth of the rows' own size, or less
    with replacing(path) as temporary:
        with pq.ParquetWriter(temporary, schema, compression="zstd") as file:

            def gather() -> None:
                pieces.append(pa.Table.from_pylist(rows, schema))
                rows.clear()

            def flush() -> None:
                file.write_table(pa.concat_tables(pieces).combine_chunks())
                pieces.clear()

            def write(row: Mapping[str, Any]) -> None:
                rows.append(dict(row))
                if len(rows) == ROWS_AT_ONCE:
                    gather()
                    if len(pieces) * ROWS_AT_ONCE == rows_of_a_group:
                        flush()

            yield write
            if rows:
                gather()
            if pieces:
                flush()
        seal_parquet(temporary)


def _metadata(kind: Table, manifest: Mapping[str, Any]) -> dict[str, str]:
    return {
        "fimscope.schema": f"{kind.name}/{SCHEMA_VERSION}",
        "fimscope.manifest": json.dumps(manifest, sort_keys=True),
    }


def read_manifest(path: Path) -> dict[str, Any]:
    """The run manifest that a table carries in its metadata. raises UserError where it has none"""
    with _naming(path):
        metadata = pq.read_schema(path).metadata or {}
    if b"fimscope.manifest" not in metadata:
        raise UserError(f"{path}: not written by this pipeline: it does not say how it was made")
    return json.loads(metadata[b"fimscope.manifest"])
