"""Whether what a config names as source is there, asked before anything runs.

Snakemake takes a step's earlier outputs away before it starts the step: a mistyped path that only
the step found would cost the programs that were collected before.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fimscope.errors import UserError


def check_sources(sources: Sequence[Mapping[str, Any]], root: Path, file: str) -> None:
    """Every folder, file and installed package of the sources is there.

    root     folder of node_modules and of relative paths; before its packages are installed, none
             of them is missed
    file     the config file that names the sources
    raises   UserError that names the key, the value, and what to do
    """
    for i, source in enumerate(sources):
        for key, problem in _problems(source, root):
            raise UserError(f"{file}: source.{i}.{key}: {problem}")


def _problems(source: Mapping[str, Any], root: Path) -> Iterator[tuple[str, str]]:
    if "path" in source and not (root / source["path"]).is_dir():
        yield "path", f"{source['path']!r} is no folder; expected one with the programs"
    for i, name in enumerate(source.get("files", [])):
        if not (root / name).is_file():
            yield f"files.{i}", f"{name!r} is no file; expected Parquet or JSONL"
    if (root / "node_modules").is_dir():
        for i, pin in enumerate(source.get("packages", [])):
            name, _, version = pin.rpartition("@")
            installed = _installed_version(root / "node_modules" / name / "package.json")
            if installed != version:
                found = f"{installed} is" if installed else "it is not"
                yield (
                    f"packages.{i}",
                    f"{pin!r}, but {found} installed; put it into package.json and "
                    "package-lock.json and run `npm ci`",
                )


def _installed_version(path: Path) -> str | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))["version"]
    except (OSError, ValueError, KeyError):
        return None


def other_sources(sources: Sequence[Mapping[str, Any]], programs: Path) -> bool:
    """Whether the table of programs that is there was collected from other sources."""
    if not programs.is_file():
        return False
    from fimscope.files.provenance import manifest_of

    settings = (manifest_of(programs) or {}).get("settings", {})
    return "sources" in settings and json.loads(settings["sources"]) != list(sources)
