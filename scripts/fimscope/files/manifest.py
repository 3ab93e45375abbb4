"""What ran, written next to what came out: versions, git state, settings, hashes of the inputs."""

import argparse
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import fimscope
from fimscope.files.digests import file_sha256

# Options that change no byte of what a step makes.
WITHOUT_EFFECT = ("log", "workers", "threads", "shard")
# What a folder is recorded by: a prepared model, cached activations.
RECORDS = ("prepared.json", "manifest.json")
RECORDED_PACKAGES = ("torch", "transformers", "tokenizers", "nnsight", "pyarrow", "numpy", "scipy")


def run_manifest(args: argparse.Namespace) -> dict[str, Any]:
    """The manifest of one step: no time, no host name, no path: equal runs give equal bytes.

    Arguments that name an existing input file are recorded by its sha256, those that name a folder
    by that of its record, output paths not at all, other arguments by their value.
    """
    inputs: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    for name, value in sorted(vars(args).items()):
        paths = value if isinstance(value, list) else [value]
        if paths and all(isinstance(path, Path) for path in paths):
            hashes = [file_sha256(file) for path in paths for file in _recorded(path)]
            if hashes and not name.startswith(("out", "log")):
                inputs[name] = hashes
        elif name not in WITHOUT_EFFECT:
            settings[name] = value
    return {
        "step": Path(sys.argv[0]).stem,
        "fimscope": fimscope.__version__,
        "git": git_state(),
        "inputs": inputs,
        "settings": settings,
        "python": platform.python_version(),
        "packages": package_versions(),
        "hardware": {"machine": platform.machine(), "system": platform.system()},
    }


def _recorded(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [path / name for name in RECORDS if (path / name).is_file()]


@cache
def package_versions() -> dict[str, str]:
    """The installed versions of the packages on which results depend."""
    found = {}
    for name in RECORDED_PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


@cache
def git_state(here: Path = Path(__file__).parent) -> dict[str, Any]:
    """The commit of the pipeline's own checkout, and whether tracked files differ from it.

    What is produced is no part of it: a volume laid over results/ hides the README there.
    """
    try:
        commit = _git(here, "rev-parse", "HEAD")
        differ = _git(here, "status", "--porcelain", "-uno", "--", ":/", ":(top,exclude)results")
        return {"commit": commit, "changed": bool(differ)}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "changed": None}


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()
