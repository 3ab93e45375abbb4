"""Whether a result is what its options and its inputs would give now, by the manifest it carries.

Snakemake knows with which options a file was made from a folder of its own, beside the results; a
copy of the results has no such folder, and a file's time says nothing of options. The manifest is
in the file itself.
"""

import json
import shlex
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

from fimscope.errors import UserError
from fimscope.files.tables import read_manifest

Words = tuple[float | str, ...]


def manifest_of(path: Path) -> Mapping[str, Any] | None:
    """The run manifest in a table or a JSON file; None where it has none, or cannot be read."""
    try:
        if path.suffix == ".parquet":
            return read_manifest(path)
        if path.suffix == ".json":
            content = json.loads(path.read_bytes())
            return content if "settings" in content else content.get("manifest")
    except (UserError, OSError, ValueError, TypeError, AttributeError):
        pass
    return None


def options_in(command: str) -> dict[str, Words]:
    """The options of a command line, or of a piece of one: name -> its words."""
    options: dict[str, list[str]] = {}
    own: list[str] = []
    for word in shlex.split(command):
        if word.startswith("--"):
            own = options.setdefault(word.removeprefix("--").replace("-", "_"), [])
        else:
            own.append(word)
    return {name: spelled(words) for name, words in options.items()}


def spelled(value: Any) -> Words:
    """A value as its option would spell it: numbers as numbers; a flag that is not given as ""."""
    if value is True or value is None:
        return ()
    values = value if isinstance(value, list | tuple) else ["" if value is False else value]
    return tuple(map(_number, values))


def why_outdated(
    manifest: Mapping[str, Any], options: Mapping[str, Words], hashes: Container[str]
) -> str | None:
    """Why a result would be another today, in half a sentence; None where it would not.

    options   those that its step would get, by name; one that the manifest lacks does not count
    hashes    of all files that are there
    """
    settings: Mapping[str, Any] = manifest.get("settings", {})
    for name, wanted in options.items():
        found = spelled(settings[name]) if name in settings else wanted
        if found != wanted:
            option = f"--{name.replace('_', '-')}"
            return f"made with {option} {_shown(found)}, where the study has {_shown(wanted)}"
    inputs: Mapping[str, Sequence[str]] = manifest.get("inputs", {})
    for name, wanted_hashes in inputs.items():
        if any(each not in hashes for each in wanted_hashes):
            return f"made from other {name.replace('_', ' ')} than there are"
    return None


def _number(value: Any) -> float | str:
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)


def _shown(words: Words) -> str:
    if words in ((), ("",)):  # of a flag
        return "off" if words else "on"
    text = " ".join(f"{word:g}" if isinstance(word, float) else word for word in words)
    return text if len(text) < 80 else f"{text[:77]}..."
