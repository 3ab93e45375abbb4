"""What makes the workflow collect the programs again when a local source has changed."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def fingerprint(sources: Iterable[Mapping[str, Any]], root: Path) -> str:
    """A hash over the name, size and time of every file of the folders and files among the sources.

    npm packages are pinned by the lock file, and data sets of a hub by their revision.
    """
    lines = []
    for source in sources:
        for name in [source.get("path"), *source.get("files", [])]:
            if name is not None:
                lines += [_line(path) for path in _files(root / name)]
    return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()[:16]


def _files(path: Path) -> list[Path]:
    return sorted(path.rglob("*.*ts*")) if path.is_dir() else [path]


def _line(path: Path) -> str:
    try:
        stat = path.lstat()
    except OSError:
        return f"{path} absent"
    return f"{path} {stat.st_size} {stat.st_mtime_ns}"
