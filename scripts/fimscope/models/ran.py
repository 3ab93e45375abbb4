"""The models that have been run, found in the folder of results."""

from pathlib import Path


def models_that_ran(results: Path, edit: str) -> list[str]:
    """The names of all models that have answered the original and the edit."""
    return [
        folder.name
        for folder in (sorted(results.iterdir()) if results.is_dir() else [])
        if all((folder / f"predictions/{name}.parquet").is_file() for name in ("original", edit))
    ]
