"""The tables that pass between the steps, read and written; their columns are in schemas.py."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fimscope.errors import UserError
from fimscope.files.atomic import replacing
from fimscope.files.digests import check_parquet, seal_parquet
from fimscope.files.schemas import SCHEMA_VERSION, SCHEMAS

ROWS_AT_ONCE = 500  # in memory, where a table is read or written in pieces
ROWS_OF_A_GROUP = 10_000  # of a table of small rows that is written as they come
BUFFER = 1 << 18  # bytes of each column, where a table is read in pieces

# A process that ends soon after Arrow's own threads began to read is sometimes aborted at its exit,
# all work done (apache/arrow#34314). A ParquetFile starts none, pyarrow's read_table does.
ONE_THREAD = {"use_threads": False}

# Arrow's own allocator keeps several times what it has in use.
pa.set_memory_pool(pa.system_memory_pool())


def read_table(path: Path, name: str, columns: list[str] | None = None) -> pa.Table:
    """Read a table and check that it is whole and of the schema called `name`.

    raises UserError that names the file where it is missing, damaged, or another table.
    """
    with _naming(path):
        _check(path, name)
        with pq.ParquetFile(path, memory_map=True) as file:
            return file.read(columns, **ONE_THREAD)


class Rows:
    """The rows of a table in order, read from the disk in pieces each time they are gone through.

    raises UserError as `read_table` does
    """

    def __init__(self, path: Path, name: str, columns: list[str] | None = None):
        self.path, self.name, self.columns = path, name, columns
        with _naming(path):
            _check(path, name)
            self.n_rows = pq.read_metadata(path).num_rows

    def __len__(self) -> int:
        return self.n_rows

    def __iter__(self) -> Iterator[dict[str, Any]]:
        with _naming(self.path), pq.ParquetFile(self.path, buffer_size=BUFFER) as file:
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=self.columns, **ONE_THREAD):
                yield from batch.to_pylist()


def _check(path: Path, name: str) -> None:
    check_parquet(path)  # before a reader of Parquet meets what may be damaged
    found = pq.read_schema(path).metadata[b"fimscope.schema"].decode()
    expected = f"{name}/{SCHEMA_VERSION}"
    if found != expected:
        raise UserError(f"{path}: table {found!r} found, {expected!r} expected")


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Turns what the system says of a file into a UserError that names it."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run the step that makes it") from None
    except OSError as error:
        raise UserError(f"{path}: not readable ({error})") from None


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
        seal_parquet(temporary)


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
            name: stack.enter_context(_writing(path, name, manifest, ROWS_AT_ONCE))
            for name, path in paths.items()
        }
        for name, row in rows:
            writers[name](row)
            written[name] += 1
    return written


def stream_table(
    path: Path, name: str, rows: Iterable[Mapping[str, Any]], manifest: Mapping[str, Any]
) -> None:
    """As `write_table`, of small rows as they come; no more than a row group is in memory."""
    with _writing(path, name, manifest, ROWS_OF_A_GROUP) as write:
        for row in rows:
            write(row)


@contextmanager
def _writing(
    path: Path, name: str, manifest: Mapping[str, Any], rows_of_a_group: int
) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Gives what writes one row of a table, in row groups of a multiple of ROWS_AT_ONCE."""
    schema = SCHEMAS[name].with_metadata(_metadata(name, manifest))
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


def _metadata(name: str, manifest: Mapping[str, Any]) -> dict[str, str]:
    return {
        "fimscope.schema": f"{name}/{SCHEMA_VERSION}",
        "fimscope.manifest": json.dumps(manifest, sort_keys=True),
    }


def read_manifest(path: Path) -> dict[str, Any]:
    """The run manifest that a table carries in its metadata."""
    return json.loads(pq.read_schema(path).metadata[b"fimscope.manifest"])
