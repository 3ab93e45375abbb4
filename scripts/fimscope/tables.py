"""The tables that pass between the steps: their schemas, and how they are read and written."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fimscope.errors import UserError

SCHEMA_VERSION = "1"
ROWS_AT_ONCE = 500  # in memory, where a table is read or written in pieces

EXAMPLE_KEY = [("example_id", pa.string())]
VARIANT_KEY = [*EXAMPLE_KEY, ("edit", pa.string())]
RENAME = pa.struct([("old", pa.string()), ("new", pa.string()), ("kind", pa.string())])
CHECKS = pa.struct(
    [("parses", pa.bool_()), ("same_errors", pa.bool_()), ("same_javascript", pa.bool_())]
)
CANDIDATE = pa.struct([("text", pa.string()), ("logprob", pa.float32())])
POSITION = pa.struct([("name", pa.string()), ("index", pa.int32())])

# Why an input was left out. Every row of a rejected table has one of these reasons.
REASONS = (
    "not_utf8",
    "binary",
    "empty",
    "too_large",
    "syntax_error",
    "vanished",
    "unreadable",
    "symlink_loop",
    "outside_source",
    "not_typescript",
    "declaration_file",
    "test_file",
    "generated",
    "minified",
    "license",
    "duplicate",
    "over_package_cap",
    "over_program_cap",
    "no_annotation",
    "unsupported_hole",
    "nothing_to_edit",
    "edit_failed",
    "does_not_parse",
    "other_errors",
    "other_javascript",
    "hole_moved",
    "time_limit",
    "compiler_failed",
    "gold_several_tokens",
    "token_boundary",
    "over_budget",
    "position_missing",
    "not_paired",
)

SCHEMAS: dict[str, pa.Schema] = {
    name: pa.schema(fields)
    for name, fields in {
        "programs": [
            ("program_id", pa.string()),  # sha256 of the file's bytes
            ("package", pa.string()),
            ("version", pa.string()),
            ("license", pa.string()),
            ("path", pa.string()),
            ("n_bytes", pa.int64()),
            ("cluster", pa.string()),  # the near-duplicate cluster, named by its first program
            ("content", pa.string()),
        ],
        "rejected": [
            ("step", pa.string()),
            ("package", pa.string()),
            ("path", pa.string()),
            ("example_id", pa.string()),  # null where a whole program was left out
            ("edit", pa.string()),  # null before the edits
            ("reason", pa.string()),
            ("detail", pa.string()),
        ],
        "examples": [
            *EXAMPLE_KEY,
            ("program_id", pa.string()),
            ("package", pa.string()),
            ("path", pa.string()),
            ("kind", pa.string()),  # parameter | return
            ("name", pa.string()),  # of the parameter or of the function
            ("gold", pa.string()),
            ("prefix", pa.string()),
            ("suffix", pa.string()),
            ("name_start", pa.int64()),  # code point in prefix where the name starts
            ("group", pa.string()),  # fit | select | test
        ],
        "variants": [
            *VARIANT_KEY,
            ("program_id", pa.string()),
            ("kind", pa.string()),
            ("name", pa.string()),
            ("gold", pa.string()),
            ("prefix", pa.string()),
            ("suffix", pa.string()),
            ("name_start", pa.int64()),
            ("renames", pa.list_(RENAME)),
            ("checks", CHECKS),
        ],
        "prompts": [
            *VARIANT_KEY,
            ("program_id", pa.string()),
            ("gold", pa.string()),
            ("kind", pa.string()),
            ("text", pa.string()),
            ("token_ids", pa.list_(pa.int32())),
            ("gold_token_ids", pa.list_(pa.int32())),
            ("positions", pa.list_(POSITION)),
            ("window", pa.string()),  # the syntax unit that the prompt shows
            ("n_prompt_truncated", pa.int32()),  # tokens of the program that it does not show
        ],
        "activation_index": [*VARIANT_KEY, ("positions", pa.list_(POSITION))],
        "predictions": [
            *VARIANT_KEY,
            ("program_id", pa.string()),
            ("kind", pa.string()),
            ("gold", pa.string()),
            ("n_tokens", pa.int32()),
            ("gold_token_id", pa.int32()),
            ("predicted", pa.string()),
            ("predicted_token_id", pa.int32()),
            ("first_token", pa.string()),
            ("completion", pa.string()),  # all the text that was generated
            ("completed_type", pa.string()),  # the first type that the completion spells
            ("correct", pa.bool_()),
            ("gold_rank", pa.int32()),  # 0 is first
            ("gold_logprob", pa.float32()),  # natural logarithm, of the gold's first token
            ("top10", pa.list_(CANDIDATE)),
            ("n_prompt_truncated", pa.int32()),
        ],
        "split": [
            *VARIANT_KEY,
            ("program_id", pa.string()),
            ("kind", pa.string()),
            ("gold", pa.string()),
            ("predicted", pa.string()),
            ("outcome", pa.string()),  # right | wrong
            ("broken", pa.bool_()),  # the original right, this variant wrong
            ("mended", pa.bool_()),  # the original wrong, this variant right
        ],
        "funnel": [
            ("edit", pa.string()),
            ("stage", pa.string()),
            ("n_programs", pa.int64()),
            ("n_rows", pa.int64()),
        ],
        "pairs": [
            ("condition", pa.string()),
            ("pair_id", pa.string()),
            ("recipient_example_id", pa.string()),
            ("recipient_edit", pa.string()),
            ("recipient_program_id", pa.string()),
            ("donor_kind", pa.string()),  # paired | self | unrelated | random
            ("donor_example_id", pa.string()),  # null for random
            ("donor_edit", pa.string()),
            ("target_token_id", pa.int32()),  # what success would predict
            ("foil_token_id", pa.int32()),  # what the recipient predicts
            ("gold_token_id", pa.int32()),  # the recipient's
            ("donor_token_id", pa.int32()),  # what the donor predicts
        ],
        "patches": [
            ("condition", pa.string()),
            ("pair_id", pa.string()),
            *EXAMPLE_KEY,  # the recipient
            ("edit", pa.string()),
            ("program_id", pa.string()),
            ("donor_kind", pa.string()),
            ("donor_example_id", pa.string()),
            ("point", pa.int32()),
            ("position", pa.string()),
            ("predicted", pa.string()),
            ("predicted_token_id", pa.int32()),
            ("to_gold", pa.bool_()),
            ("to_donor", pa.bool_()),
            ("gold_logprob", pa.float32()),
            ("foil_logprob", pa.float32()),
            ("logit_diff", pa.float32()),  # target minus foil
            ("recipient_logit_diff", pa.float32()),  # the same without a patch
            ("donor_logit_diff", pa.float32()),  # the same in the paired donor's own run
            ("normalised_effect", pa.float32()),  # 0 recipient, 1 donor; null under the least gap
        ],
        "training_programs": [
            ("program_id", pa.string()),
            ("package", pa.string()),
            ("version", pa.string()),
            ("license", pa.string()),
            ("path", pa.string()),
            ("n_bytes", pa.int64()),
            ("content", pa.string()),
            ("part", pa.string()),  # train | validation
            ("starts", pa.list_(pa.int64())),  # code points of its annotations
            ("ends", pa.list_(pa.int64())),
        ],
        "training_packages": [
            ("package", pa.string()),
            ("version", pa.string()),
            ("license", pa.string()),
            ("part", pa.string()),
            ("n_programs", pa.int64()),
            ("n_bytes", pa.int64()),
            ("n_annotations", pa.int64()),
        ],
        "training_log": [
            ("step", pa.int64()),
            ("n_tokens", pa.int64()),
            ("loss", pa.float64()),  # since the row before, weighted, nats
            ("top1", pa.float64()),  # of the validation packages' one-token types
            ("top10", pa.float64()),
            ("exact", pa.float64()),  # whole types of several tokens
            ("middle_loss", pa.float64()),
        ],
    }.items()
}


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
