"""The programs of a Hugging Face data set, of the Hub or in local Parquet and JSON Lines files."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fimscope.corpus.inputs import Input, Origin, Refusal
from fimscope.corpus.rows import Row, read_rows
from fimscope.errors import UserError

SUFFIXES = (".parquet", ".jsonl", ".json")


def list_dataset(
    source: Mapping[str, Any], key: str, root: Path, origin: Origin, max_bytes: int
) -> Iterator[Input]:
    """One input per row: its text, named `row N` or by the column that holds its path.

    source      `id` and `revision`, or `files`; `split` (train), `text_column` (content), and
                optional `path_column` and `package_column`, which name each row's own path and
                package
    max_bytes   a longer text is refused, and not kept
    raises      UserError if the data set cannot be had, or lacks a column or has no text in it

    No code of a data set is ever run. Rows of the same text share it.
    """
    columns = {"text_column": source.get("text_column", "content")}
    columns |= {name: source[name] for name in ("path_column", "package_column") if name in source}
    rows = (
        _hub_rows(source, columns, key)
        if "id" in source
        else _file_rows(source, columns, key, root)
    )
    known: dict[bytes, bytes] = {}
    for i, row in enumerate(rows):
        own = {
            name: _name(row[column]) for name, column in columns.items() if name != "text_column"
        }
        package, path = own.get("package_column"), own.get("path_column")
        text = row[columns["text_column"]] or b""
        if len(text) > max_bytes:
            body: bytes | Refusal = Refusal(
                "too_large", f"{len(text)} bytes, more than {max_bytes}"
            )
        else:
            body = known.setdefault(text, text)
        yield Input(
            origin._replace(package=package) if package else origin,
            path or f"row {i}",
            body,
            named=bool(path),
        )


def _name(text: bytes | None) -> str:
    return (text or b"").decode("utf-8", "backslashreplace")


def _file_rows(
    source: Mapping[str, Any], columns: Mapping[str, str], key: str, root: Path
) -> Iterator[Row]:
    for name in source["files"]:
        if not (root / name).is_file():
            raise UserError(f"{key}.files: {name!r} is no file (looked for {root / name})")
        if Path(name).suffix not in SUFFIXES:
            raise UserError(f"{key}.files: {name!r} found, expected one of {', '.join(SUFFIXES)}")
    for name in source["files"]:
        yield from read_rows(root / name, columns, key)


def _hub_rows(source: Mapping[str, Any], columns: Mapping[str, str], key: str) -> Iterator[Row]:
    import datasets

    datasets.disable_progress_bars()
    split = source.get("split", "train")
    try:
        dataset = datasets.load_dataset(source["id"], split=split, revision=source["revision"])
    except (
        OSError,
        ValueError,
        RuntimeError,
        StopIteration,
        datasets.exceptions.DatasetsError,
    ) as error:
        cause = error.__cause__ or error
        text = " ".join(str(cause).split()) or type(cause).__name__
        raise UserError(
            f"{key}.id: cannot load split {split!r} of {source['id']}: {text}; check the id, the "
            "split and the revision, and that the Hub can be reached; or download the files and "
            "name them under `files`"
        ) from None
    for name, column in columns.items():
        feature = dataset.features.get(column)
        if feature is None:
            there = ", ".join(dataset.column_names)
            raise UserError(f"{key}.{name}: no column {column!r}; there are {there}")
        if getattr(feature, "dtype", None) not in ("string", "large_string"):
            raise UserError(f"{key}.{name}: column {column!r} holds {feature}, expected text")
    for row in dataset.select_columns(sorted(set(columns.values()))):
        yield {
            column: None if text is None else text.encode("utf-8", "surrogatepass")
            for column, text in row.items()
        }
