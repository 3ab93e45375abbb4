"""The sources of raw programs that a config names: npm packages, folders, data sets."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fimscope.corpus.folders import list_folder
from fimscope.corpus.huggingface import list_dataset
from fimscope.corpus.inputs import Input, Origin, Refusal, printable
from fimscope.corpus.licenses import is_allowed
from fimscope.errors import UserError
from fimscope.steps.frame import log

PIN = re.compile(
    r"(?P<name>(?:@[\w.~-]+/)?[\w~-][\w.~-]*)@(?P<version>\d+\.\d+\.\d+[\w.+-]*)", re.A
)
COMMIT = re.compile(r"[0-9a-f]{40}")

Source = Mapping[str, Any]

# The keys of each kind of source: the type of each, and whether it must be there.
KEYS: dict[str, dict[str, tuple[type, bool]]] = {
    "npm": {"packages": (list, True)},
    "directory": {"path": (str, True), "package": (str, False), "license": (str, False)},
    "huggingface": {
        "id": (str, False),
        "files": (list, False),
        "split": (str, False),
        "revision": (str, False),
        "text_column": (str, False),
        "path_column": (str, False),
        "package_column": (str, False),
        "package": (str, False),
        "license": (str, False),
    },
}


def read_sources(text: str) -> list[Source]:
    """The sources of a JSON list, each checked.

    raises UserError that names the key, the value and what was expected
    """
    try:
        sources = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"source: no JSON ({error}); expected a list of objects") from None
    if not isinstance(sources, list) or not sources:
        raise UserError("source: expected a list of one or more objects, each with a `kind`")
    for i, source in enumerate(sources):
        _check_source(source, f"source[{i}]")
    return sources


def list_inputs(
    sources: Sequence[Source], root: Path, allowed_licenses: Collection[str], max_bytes: int
) -> Iterator[Input]:
    """Every input of every source, in order; a source whose license is not allowed is one, refused.

    A source that names no license is taken: the user answers for it.
    max_bytes   a longer row of a data set is refused
    """
    for i, source in enumerate(sources):
        for origin, inputs in _LISTS[source["kind"]](source, f"source[{i}]", root, max_bytes):
            if origin.license is None or is_allowed(origin.license, allowed_licenses):
                found = list(inputs)
            else:
                detail = f"{origin.license}, not one of {', '.join(allowed_licenses)}"
                found = [Input(origin, ".", Refusal("license", detail))]
            log.info("%s %s: %d inputs", origin.package, origin.version or "", len(found))
            yield from found


def _check_source(source: Any, key: str) -> None:
    kind = source.get("kind") if isinstance(source, dict) else None
    if not isinstance(kind, str) or kind not in KEYS:
        raise UserError(f"{key}.kind: {kind!r} is not one of {', '.join(KEYS)}")
    known = KEYS[kind]
    for name, value in source.items():
        if name == "kind":
            continue
        if name not in known:
            raise UserError(f"{key}.{name}: {kind} has no such key, only {', '.join(known)}")
        expected = known[name][0]
        if not isinstance(value, expected) or not value:
            what = "a list" if expected is list else "a text"
            raise UserError(f"{key}.{name}: {value!r} found, expected {what} that is not empty")
        if expected is list and not all(isinstance(one, str) for one in value):
            raise UserError(f"{key}.{name}: {value!r} found, expected a list of texts")
    for name, (_, needed) in known.items():
        if needed and name not in source:
            raise UserError(f"{key}.{name}: missing; a source of kind {kind} needs it")
    if kind == "huggingface" and ("id" in source) == ("files" in source):
        raise UserError(f"{key}: expected either `id` (a data set of the Hub) or `files`")
    if "id" in source and not COMMIT.fullmatch(source.get("revision", "")):
        raise UserError(
            f"{key}.revision: {source.get('revision')!r} found, expected the full commit of the "
            "data set (40 digits of 0-9a-f): a branch or tag may be another one tomorrow"
        )


def _list_npm(
    source: Source, key: str, root: Path, _: int
) -> Iterator[tuple[Origin, Iterator[Input]]]:
    for i, pin in enumerate(source["packages"]):
        match = PIN.fullmatch(pin)
        if match is None:
            raise UserError(
                f"{key}.packages[{i}]: {pin!r} is no pin; expected name@version, like rxjs@7.8.2"
            )
        folder = root / "node_modules" / match["name"]
        origin = _installed(folder, match["name"], f"{key}.packages[{i}]")
        if origin.version != match["version"]:
            raise UserError(
                f"{key}.packages[{i}]: {pin} asked for, {origin.version} installed in {folder}; "
                "pin it in package.json and package-lock.json and run `npm ci`"
            )
        yield origin, list_folder(folder, origin)


def _installed(folder: Path, name: str, key: str) -> Origin:
    path = folder / "package.json"
    try:
        package = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{key}: {name} is not installed ({path} is missing); "
            "add it to package.json and package-lock.json and run `npm ci`"
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); run `npm ci` again") from None
    if not isinstance(package, dict):
        raise UserError(f"{path}: no JSON object; run `npm ci` again")
    return Origin(name, str(package.get("version")), _declared_license(package))


def _declared_license(package: Mapping[str, Any]) -> str:
    """The SPDX expression of a package.json; also from the two forms that came before SPDX."""
    declared = package.get("license", package.get("licenses"))
    choices = declared if isinstance(declared, list) else [declared]
    names = [choice.get("type") if isinstance(choice, dict) else choice for choice in choices]
    return " OR ".join(str(name) for name in names if name) or "none declared"


def _list_directory(
    source: Source, key: str, root: Path, _: int
) -> Iterator[tuple[Origin, Iterator[Input]]]:
    folder = root / source["path"]
    if not folder.is_dir():
        raise UserError(f"{key}.path: {source['path']!r} is no folder (looked for {folder})")
    name = source.get("package") or printable(folder.resolve().name)
    origin = Origin(name, None, source.get("license"))
    yield origin, list_folder(folder, origin)


def _list_huggingface(
    source: Source, key: str, root: Path, max_bytes: int
) -> Iterator[tuple[Origin, Iterator[Input]]]:
    name = source.get("package") or source.get("id") or Path(source["files"][0]).stem
    origin = Origin(name, source.get("revision"), source.get("license"))
    yield origin, list_dataset(source, key, root, origin, max_bytes)


_LISTS = {"npm": _list_npm, "directory": _list_directory, "huggingface": _list_huggingface}
