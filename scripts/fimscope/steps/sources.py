"""Which files a step is made of, read from its imports, so that a rule can name them as inputs."""

import ast
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2]
STARTS_NODE = SCRIPTS / "fimscope" / "typescript" / "process.py"


def step_sources(step: str) -> list[str]:
    """The script of a step, and every module of the library that it imports, directly or not.

    Paths relative to the project's folder. Imports inside functions count; the Node modules come
    with the module that starts Node.
    """
    found: set[Path] = set()
    waiting = [SCRIPTS / f"{step}.py"]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting.extend(_imported(path))
            if path == STARTS_NODE:
                found.update(path.parent.rglob("*.mjs"))
    return sorted(path.relative_to(SCRIPTS.parent).as_posix() for path in found)


@cache
def _imported(path: Path) -> list[Path]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return [file for name in names if name.startswith("fimscope") for file in _files(name)]


def _files(name: str) -> list[Path]:
    """The module's file and the __init__ files of the packages that it stands in."""
    parts = name.split(".")
    places = [SCRIPTS.joinpath(*parts[: n + 1]) for n in range(len(parts))]
    candidates = [place / "__init__.py" for place in places] + [places[-1].with_suffix(".py")]
    return [file for file in candidates if file.is_file()]
