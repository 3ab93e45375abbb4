"""A model by its name: a folder, a GGUF file, a preset of this project, a repository of the hub."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.config import read_yaml
from fimscope.errors import UserError
from fimscope.files.atomic import replacing_folder
from fimscope.models.dtypes import AUTO
from fimscope.models.layout import fill_folder
from fimscope.models.prepared import check_sha256, read_prepared
from fimscope.models.sources import (
    FolderSource,
    GgufPackagesSource,
    GgufSource,
    HubSource,
    NotReached,
    Source,
    download_snapshot,
    parse_sources,
    refuse_remote_code,
)
from fimscope.steps.frame import log
from fimscope.steps.sources import SCRIPTS

if TYPE_CHECKING:
    from fimscope.models.load import Model

PROJECT = SCRIPTS.parent
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
NEWEST = "main"


def load_model(
    name: str | Path,
    dtype: str | None = None,
    device: str | None = None,
    attention: str | None = None,
    trust_remote_code: bool = False,
) -> "Model":
    """A model, checked, ready to run.

    name       the name of a preset of config/ (`embedded`, `qwen2.5-coder-1.5b`), a folder with
               config.json and safetensors, a GGUF file, or `organisation/name` of the hub, of
               which `@revision` may say which commit
    dtype      float32, bfloat16, float16 or auto, what the machine is quick in; default: the
               preset's, else auto
    device     cpu, cuda, cuda:1 or auto, all GPUs; default: cuda where there is one, else cpu
    attention  sdpa or eager; default: the preset's, else sdpa

    A GGUF file is converted once, into the cache of this user. Checked is what `check_network`
    looks at: finite logits, places, padding.
    raises     UserError, one sentence of what is wrong and what to do
    """
    folder = find_model(name, trust_remote_code)
    # Threads that spin while they wait make a shared machine several times slower; OpenMP reads
    # this when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import torch
    from transformers.utils.logging import disable_progress_bar

    from fimscope.inference.check import check_network
    from fimscope.models.load import load_model as load_folder

    disable_progress_bar()
    preset = read_preset(str(name))
    wanted = dtype or (preset.get("dtype", "float32") if preset else AUTO)
    on = device or ("cuda" if torch.cuda.is_available() else "cpu")
    attention = attention or preset.get("attention", "sdpa")
    model = load_folder(folder, wanted, on, attention, trust_remote_code)
    check_network(model)
    return replace(model, name=str(name))


def find_model(name: str | Path, trust_remote_code: bool = False) -> Path:
    """The folder that holds the model of a name, made where it has to be.

    raises UserError where there is no such model, or it cannot be reached
    """
    text = str(name)
    preset = read_preset(text)
    if preset and (prepared := _prepared(preset)):
        return prepared
    reasons = []
    for source in _sources_of(preset) if preset else [_source_of(text)]:
        try:
            folder = _folder_of(source, trust_remote_code)
        except NotReached as reason:
            reasons.append(str(reason))
            continue
        refuse_remote_code(folder, trust_remote_code)
        return folder
    raise UserError(f"model {text}: {'; '.join(reasons)}")


def read_preset(name: str) -> Mapping[str, Any]:
    """The `model` part of a preset, empty where there is none of that name."""
    path = PROJECT / "config" / f"{name}.yaml"
    content = read_yaml(path) if path in _configs() else None
    model = content.get("model", {}) if isinstance(content, dict) else {}
    return model if model.get("name") == name else {}


def _configs() -> list[Path]:
    """The files of config/; none in a fimscope that came without a project."""
    return sorted((PROJECT / "config").glob("*.yaml"))


def _sources_of(preset: Mapping[str, Any]) -> list[Source]:
    return [source for _, source in parse_sources(json.dumps(preset["sources"]), PROJECT)]


def _source_of(text: str) -> Source:
    """The one source of a name that is no preset's. raises UserError where it is no name at all"""
    path = Path(text).expanduser()
    if path.is_dir():
        return FolderSource(path)
    if path.is_file() or path.suffix == ".gguf":
        return GgufSource(path, None)
    repository, _, revision = text.partition("@")
    if REPOSITORY.fullmatch(repository):
        return HubSource(repository, revision or NEWEST)
    presets = ", ".join(path.stem for path in _configs() if read_preset(path.stem)) or "none here"
    raise UserError(
        f"model {text!r}: no folder, no GGUF file, none of the presets ({presets}), and not "
        "organisation/name of the hub; give one of them"
    )


def _prepared(preset: Mapping[str, Any]) -> Path | None:
    """The folder that a study has prepared of a preset's own sources, if it is whole."""
    folder = PROJECT / "results" / preset["name"] / "model"
    try:
        return folder if read_prepared(folder).source in preset["sources"] else None
    except UserError:
        return None


def _folder_of(source: Source, trust_remote_code: bool) -> Path:
    """raises NotReached where the source is not there, UserError where it is refused"""
    match source:
        case FolderSource(path):
            if not path.is_dir():
                raise NotReached(f"no folder {path}")
            return path
        case HubSource():
            return download_snapshot(source, trust_remote_code)
        case GgufSource(path, sha256):
            if not path.is_file():
                raise NotReached(f"no file {path}")
            return _converted(source, check_sha256(path, sha256))
        case GgufPackagesSource(_, sha256):
            return _converted(source, sha256 or "-".join(source.packages))


def _converted(source: Source, key: str) -> Path:
    """The folder of a GGUF file's tensors as safetensors, in the cache; made the first time."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "fimscope" / "models" / key
    if not folder.is_dir():
        with replacing_folder(folder) as partial:
            log.info("converting the GGUF file once, into %s", folder)
            fill_folder(source, partial, trust_remote_code=False)
    return folder
