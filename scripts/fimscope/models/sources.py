"""Where a model comes from: the sources that a config may name, and how each one is reached."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path
from threading import Thread
from typing import Any

from fimscope.errors import UserError
from fimscope.models.card import CARD_FILE
from fimscope.steps.frame import log
from fimscope.steps.sources import SCRIPTS

INDEX_FILE = "model.safetensors.index.json"
WEIGHT_PATTERNS = ("model.safetensors", "model-*.safetensors", INDEX_FILE)
TEXT_FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
)
# What lies beside the parts of a file in a package.
NO_PARTS = {"", ".py", ".pyc", ".pyi", ".typed", ".txt", ".md", ".rst", ".json", ".toml", ".yaml"}
HUB_SECONDS = 5.0  # the hub's own client tries six times in 23 s before it gives up


@dataclass(frozen=True)
class HubSource:
    """A repository of the model hub at one commit."""

    repository: str
    revision: str


@dataclass(frozen=True)
class FolderSource:
    """A folder that holds config, tokenizer and safetensors."""

    path: Path


@dataclass(frozen=True)
class GgufSource:
    """One GGUF file."""

    path: Path
    sha256: str | None


@dataclass(frozen=True)
class GgufPackagesSource:
    """One GGUF file cut into parts that installed Python packages carry."""

    packages: tuple[str, ...]
    sha256: str | None


Source = HubSource | FolderSource | GgufSource | GgufPackagesSource


class NotReached(Exception):
    """A source that is not there; the next one may be."""


def one_line(error: Exception) -> str:
    """Another library's message, on one line and cut to what a person reads."""
    return " ".join(str(error).split())[:300]


def parse_sources(text: str, root: Path) -> list[tuple[Mapping[str, Any], Source]]:
    """The entries of a JSON list of sources, each with the source it names, in order.

    Relative paths are taken from `root`.
    raises UserError that quotes the entry where one names no source
    """
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise UserError(f"model.sources: not JSON ({error}): {text}") from None
    if not isinstance(entries, list) or not entries:
        raise UserError(f"model.sources: a list of at least one source expected, found {text}")
    return [(entry, _parse_source(entry, root)) for entry in entries]


def _parse_source(entry: Any, root: Path) -> Source:
    match entry:
        case {"hub": str(repository), "revision": str(revision), **rest} if not rest:
            _check_hex(entry, "revision", revision, 40)
            return HubSource(repository, revision)
        case {"hub": str(), **rest} if not rest:
            raise UserError(f"model.sources: {entry}: give revision, the full commit (40 digits)")
        case {"folder": str(path), **rest} if not rest:
            return FolderSource(root / Path(path).expanduser())
        case {"gguf": str(path), **rest} if not rest.keys() - {"sha256"}:
            return GgufSource(root / Path(path).expanduser(), _sha256_of(entry))
        case {"gguf_packages": [_, *_] as packages, **rest} if not rest.keys() - {"sha256"}:
            return GgufPackagesSource(tuple(map(str, packages)), _sha256_of(entry))
    raise UserError(
        f"model.sources: {entry} is none of {{hub, revision}}, {{folder}}, {{gguf, sha256?}}, "
        "{gguf_packages, sha256?}"
    )


def _sha256_of(entry: Mapping[str, Any]) -> str | None:
    sha256 = entry.get("sha256")
    if sha256 is not None:
        _check_hex(entry, "sha256", sha256, 64)
    return sha256


def _check_hex(entry: Mapping[str, Any], key: str, value: Any, n_digits: int) -> None:
    if not isinstance(value, str) or not re.fullmatch(rf"[0-9a-f]{{{n_digits}}}", value):
        raise UserError(f"model.sources: {entry}: {key} must be {n_digits} digits of 0-9a-f")


def download_snapshot(source: HubSource, trust_remote_code: bool) -> Path:
    """The folder in the hub's cache that holds a repository at one commit, downloaded if need be.

    Only config, tokenizer and safetensors come, and Python files where they are trusted.
    raises NotReached with the reason in one line
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    log.info("hub: looking for %s at %s", source.repository, source.revision)
    online = _hub_answers()
    try:
        folder = snapshot_download(
            source.repository,
            revision=source.revision,
            allow_patterns=[
                *WEIGHT_PATTERNS,
                *TEXT_FILES,
                *(["*.py"] if trust_remote_code else []),
            ],
            ignore_patterns=["*/*"],
            local_files_only=not online,
        )
    except GatedRepoError:
        raise NotReached("gated: accept its license on the hub and log in") from None
    except RepositoryNotFoundError:
        raise NotReached("the hub has no such repository, or not for you") from None
    except RevisionNotFoundError:
        raise NotReached("the repository has no such revision") from None
    except LocalEntryNotFoundError:
        where = "the hub broke off" if online else "the hub does not answer"
        raise NotReached(f"{where} and its cache has no such revision") from None
    except Exception as error:  # its transport's errors have no stable base class
        raise NotReached(f"the download failed ({type(error).__name__})") from error
    try:
        weight_files(Path(folder))
    except UserError as error:  # an earlier download that was cut short, or a pickle-only one
        raise NotReached(str(error)) from None
    return Path(folder)


def _hub_answers() -> bool:
    """Whether the hub answers within a few seconds, by the same proxy and certificates as later."""
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    answers: list[bool] = []

    def ask() -> None:
        try:
            get_session().head(constants.ENDPOINT, timeout=HUB_SECONDS)
        except Exception:  # offline mode, no name, no route, no answer: all the same here
            return
        answers.append(True)

    # In a thread, for a dead name server blocks far longer than the timeout.
    thread = Thread(target=ask, daemon=True)
    thread.start()
    thread.join(HUB_SECONDS)
    return bool(answers)


def weight_files(folder: Path) -> list[str]:
    """The names of a folder's safetensors, the index of the shards with them.

    raises UserError where there is no config, only pickle weights, or a shard is missing.
    """
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder}: no config.json; a folder with config and safetensors expected")
    index = folder / INDEX_FILE
    if index.is_file():
        names = [
            INDEX_FILE,
            *sorted(map(str, set(dict(_json_object(index).get("weight_map", {})).values()))),
        ]
    else:
        names = ["model.safetensors"]
    if outside := [name for name in names if Path(name).name != name]:
        raise UserError(f"{index}: {outside[0]!r} is not the name of a file beside it")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing and any(folder.glob("pytorch_model*.bin")):
        raise UserError(
            f"{folder}: only pickle weights (pytorch_model.bin), which can run code when loaded; "
            "save the model as safetensors"
        )
    if missing:
        raise UserError(
            f"{folder}: {missing[0]} is missing; safetensors of the whole model expected"
        )
    return names


def text_files(folder: Path, trust_remote_code: bool) -> list[str]:
    """The names of a folder's config and tokenizer files, and of its code where that is trusted."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    patterns = _text_patterns(trust_remote_code)
    return [name for name in names if any(fnmatch(name, pattern) for pattern in patterns)]


def _text_patterns(trust_remote_code: bool) -> list[str]:
    return [*TEXT_FILES, *(["*.py"] if trust_remote_code else [])]


def refuse_remote_code(folder: Path, trust_remote_code: bool) -> None:
    """Raise UserError where a config or tokenizer wants its own Python code and none is trusted."""
    for name in ("config.json", "tokenizer_config.json"):
        path = folder / name
        if not trust_remote_code and path.is_file():
            wanted = _json_object(path).get("auto_map")
            if wanted:
                raise UserError(
                    f"{path}: auto_map asks to run the model's own code ({wanted}); take another "
                    "model, or read that code and give --trust-remote-code"
                )


def _json_object(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{path}: no JSON object ({error})") from None


def local_files(
    sources: Sequence[tuple[Mapping[str, Any], Source]], trust_remote_code: bool
) -> list[Path]:
    """The files of this machine that decide what a model is made of, in the order of their names.

    Those of the first source that is here: what comes after it is not asked. None where there is
    only the Hub, which is pinned by its commit.
    """
    for _, source in sources:
        files: list[Path] = []
        match source:
            case FolderSource(folder):
                patterns = [
                    "*.safetensors",
                    INDEX_FILE,
                    CARD_FILE,
                    *_text_patterns(trust_remote_code),
                ]
                found = folder.iterdir() if folder.is_dir() else ()
                files = [
                    path
                    for path in found
                    if path.is_file() and any(fnmatch(path.name, pattern) for pattern in patterns)
                ]
            case GgufSource(path):
                files = [path] if path.is_file() else []
            case GgufPackagesSource():
                with suppress(NotReached):
                    files = gguf_parts(source)
        if files:
            return sorted(files)
    return []


def gguf_parts(source: GgufPackagesSource) -> list[Path]:
    """The parts of the GGUF file that the packages carry, in the order of their file names.

    Where no file says in its name that it is of a GGUF file, each file of the packages that is
    neither code nor text nor pip's own is a part. Numbers in names count as numbers. That all are
    there, and in this order, is for the sha256 of the whole to say.
    raises NotReached where a package is not installed or carries none
    """
    files: list[Path] = []
    for package in source.packages:
        try:
            files += [Path(str(file.locate())) for file in metadata.files(package) or []]
        except metadata.PackageNotFoundError:
            raise NotReached(
                f"package {package} is not installed: {_pip_install(package)}"
            ) from None
    parts = [path for path in files if re.search(r"\.gguf(\.part\d+)?$", path.name)] or [
        path
        for path in files
        if path.suffix not in NO_PARTS and not path.parent.name.endswith(".dist-info")
    ]
    if not parts:
        raise NotReached(f"no part of a GGUF file in {', '.join(source.packages)}")
    return sorted(parts, key=lambda path: _numbers_as_numbers(path.name))


def _numbers_as_numbers(name: str) -> list[str | int]:
    """A sort key: part2 before part10. Texts and numbers take turns in it."""
    return [int(word) if word.isdigit() else word for word in re.split(r"(\d+)", name)]


def _pip_install(package: str) -> str:
    """How a package of a preset is installed: by the file of pins that names it, else by name."""
    for pins in sorted(SCRIPTS.parent.glob("requirements-*.txt")):
        if re.search(rf"(?m)^{re.escape(package)}==", pins.read_text("utf-8")):
            return f"pip install --no-deps -r {pins.name}"
    return f"pip install {package}"
