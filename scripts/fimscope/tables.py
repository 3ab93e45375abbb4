"""The tables that pass between the steps: their schemas, and how they are read and written."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fimscope.errors import UserError

SCHEMA_VERSION = "1"

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
    }.items()
}


def read_table(path: Path, name: str, columns: list[str] | None = None) -> pa.Table:
    """Read a table and check that it is whole and of the schema called `name`.

    raises UserError that names the file where it is missing, truncated, or another table.
    """
    try:
        table = pq.read_table(path, columns=columns, memory_map=True)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run the step that makes it") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(
            f"{path}: not a whole Parquet file ({error}); delete it and run again"
        ) from None
    found = (table.schema.metadata or {}).get(b"fimscope.schema", b"none").decode()
    expected = f"{name}/{SCHEMA_VERSION}"
    if found != expected:
        raise UserError(f"{path}: table {found!r} found, {expected!r} expected")
    return table


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
    metadata = {
        "fimscope.schema": f"{name}/{SCHEMA_VERSION}",
        "fimscope.manifest": json.dumps(manifest, sort_keys=True),
    }
    with replacing(path) as temporary:
        pq.write_table(table.replace_schema_metadata(metadata), temporary, compression="zstd")


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
