"""Which files a step is made of, so that a rule can name them as inputs."""

import re
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2]
_NODE_IMPORT = re.compile(r'(?:from|import) "(\./[^"]+|\.\./[^"]+)"')
# Python is read by patterns too: every start of Snakemake reads all modules, and the parser takes
# most of a second for them.
_IMPORT = re.compile(
    r"^ *(?:from (fimscope[\w.]*) import (\([^)]*\)|.*)|import (fimscope[\w.]*))", re.MULTILINE
)
_FILE_NAME = re.compile(r'"(\w[\w./-]*\.\w+)"')


def step_sources(step: str) -> list[str]:
    """The script of a step, every module that it imports, directly or not, and what these read.

    Paths relative to the project's folder. Imports inside functions count. A module of Python reads
    the files that one of its strings names, by their path from its own folder: a template, a style
    sheet, a module of Node, with which come those that it imports.
    """
    found: set[Path] = set()
    waiting = [SCRIPTS / f"{step}.py"]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting.extend(_needed(path))
    return sorted(path.relative_to(SCRIPTS.parent).as_posix() for path in found)


@cache
def _needed(path: Path) -> list[Path]:
    """The files that a file names itself."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".mjs":
        return [(path.parent / name).resolve() for name in _NODE_IMPORT.findall(text)]
    if path.suffix != ".py":
        return []
    modules: set[str] = set()
    for package, names, module in _IMPORT.findall(text):
        modules.add(package or module)
        modules.update(f"{package}.{name}" for name in re.findall(r"\w+", names))
    imported = [file for name in modules for file in _files(name)]
    beside = {path.parent / name for name in _FILE_NAME.findall(text)}
    return imported + [file for file in beside if file.is_file()]


@cache
def _files(name: str) -> list[Path]:
    """The module's file and the __init__ files of the packages that it stands in."""
    parts = name.split(".")
    places = [SCRIPTS.joinpath(*parts[: n + 1]) for n in range(len(parts))]
    candidates = [place / "__init__.py" for place in places] + [places[-1].with_suffix(".py")]
    return [file for file in candidates if file.is_file()]
