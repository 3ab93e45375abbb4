"""The programs of a Hugging Face data set, of the Hub or in local Parquet and JSON Lines files."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.corpus.inputs import Input, Origin
from fimscope.errors import UserError

if TYPE_CHECKING:
    from datasets import Dataset

BUILDERS = {".parquet": "parquet", ".jsonl": "json", ".json": "json"}


def list_dataset(
    source: Mapping[str, Any], key: str, root: Path, origin: Origin
) -> Iterator[Input]:
    """One input per row: its text, named `row N` or by the column that holds its path.

    source   `id` or `files`; `split` (train), `revision`, `text_column` (content), and optional
             `path_column` and `package_column`, which name each row's own path and package
    raises   UserError if the data set cannot be had, or lacks a column or has no text in it

    No code of a data set is ever run.
    """
    split = source.get("split", "train")
    text_column = source.get("text_column", "content")
    path_column, package_column = source.get("path_column"), source.get("package_column")
    dataset = _load(source, key, root, split)
    _check_columns(dataset, source, key, text_column)
    columns = {text_column, path_column, package_column} - {None}
    for i, row in enumerate(dataset.select_columns(sorted(columns))):
        package = row[package_column] if package_column else None
        path = row[path_column] if path_column else None
        yield Input(
            origin._replace(package=package) if package else origin,
            path or f"row {i}",
            (row[text_column] or "").encode("utf-8", "surrogatepass"),
            named=bool(path),
        )


def _load(source: Mapping[str, Any], key: str, root: Path, split: str) -> "Dataset":
    import datasets

    datasets.disable_progress_bars()
    if "files" in source:
        where = f"{key}.files"
        builder = _builder(source["files"], where, root)
        files = [str(root / name) for name in source["files"]]
        arguments = {"path": builder, "data_files": {split: files}}
        advice = "check that the files are whole, of one kind, and of the same columns"
    else:
        where = f"{key}.id"
        arguments = {"path": source["id"], "revision": source.get("revision")}
        advice = (
            "check the id, the split and the revision, and that the Hub can be reached; "
            "or download the files and name them under `files`"
        )
    try:
        return datasets.load_dataset(split=split, **arguments)
    except (
        OSError,
        ValueError,
        RuntimeError,
        StopIteration,
        datasets.exceptions.DatasetsError,
    ) as error:
        cause = error.__cause__ or error
        shown = source.get("id") or ", ".join(source["files"])
        text = " ".join(str(cause).split()) or type(cause).__name__
        raise UserError(
            f"{where}: cannot load split {split!r} of {shown}: {text}; {advice}"
        ) from None


def _builder(files: list[str], where: str, root: Path) -> str:
    for name in files:
        if not (root / name).is_file():
            raise UserError(f"{where}: {name!r} is no file (looked for {root / name})")
        if Path(name).suffix not in BUILDERS:
            raise UserError(f"{where}: {name!r} found, expected one of {', '.join(BUILDERS)}")
    builders = {BUILDERS[Path(name).suffix] for name in files}
    if len(builders) > 1:
        raise UserError(f"{where}: Parquet and JSON files; name each kind in a source of its own")
    return builders.pop()


def _check_columns(
    dataset: "Dataset", source: Mapping[str, Any], key: str, text_column: str
) -> None:
    named = {name: source[name] for name in ("path_column", "package_column") if name in source}
    for name, column in {"text_column": text_column, **named}.items():
        feature = dataset.features.get(column)
        if feature is None:
            there = ", ".join(dataset.column_names)
            raise UserError(f"{key}.{name}: no column {column!r}; there are {there}")
        if getattr(feature, "dtype", None) not in ("string", "large_string"):
            raise UserError(f"{key}.{name}: column {column!r} holds {feature}, expected text")
