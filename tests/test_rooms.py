"""The rooms of the library: imports go down the layers, and no two rooms need each other."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

LIBRARY = Path(__file__).parents[1] / "scripts" / "fimscope"
# Low to high; rooms of one layer do not know of each other.
LAYERS = (
    ("errors",),
    ("statistics", "steps"),
    ("files",),
    ("models", "corpus", "report"),
    ("parts",),
    ("inference", "typescript"),
    ("interventions", "prompts", "training", "config"),
    ("experiments",),
    ("explorer", "loading", "studies", "terminal"),
    ("gallery", "snippets"),
)
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}


def modules() -> dict[str, Path]:
    """Every module below `fimscope`, by its name there."""
    paths = sorted(LIBRARY.rglob("*.py"))
    names = {path: path.relative_to(LIBRARY).with_suffix("").parts for path in paths}
    return {".".join(p for p in names[path] if p != "__init__"): path for path in paths}


def imported(path: Path) -> Iterator[str]:
    """What a module imports of the library, also inside functions and for types only."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fimscope"):
            for alias in node.names:
                yield f"{node.module}.{alias.name}".removeprefix("fimscope.")
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("fimscope."):
                    yield alias.name.removeprefix("fimscope.")


def room_of(name: str) -> str:
    return name.split(".")[0]


def experiment_of(name: str) -> str:
    """The room of one experiment, or "" for what all of them share."""
    _, first, *rest = [*name.split("."), "", ""]
    return first if (LIBRARY / "experiments" / first).is_dir() and any(rest) else ""


def test_every_room_has_its_layer():
    rooms = {path.stem for path in LIBRARY.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert rooms - {"__init__", "__pycache__"} == set(LEVEL)


def test_every_room_says_what_it_is_for():
    for path in LIBRARY.rglob("__init__.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert ast.get_docstring(tree), path


def test_imports_go_down_the_layers():
    for name, path in modules().items():
        if name:
            for target in imported(path):
                same = room_of(target) == room_of(name)
                lower = LEVEL.get(room_of(target), 0) < LEVEL[room_of(name)]
                assert same or lower, f"{name} imports {target}"


def test_what_experiments_share_knows_of_none_and_no_two_need_each_other():
    needs: dict[str, set[str]] = {}
    for name, path in modules().items():
        if room_of(name) == "experiments":
            own = experiment_of(name)
            targets = {experiment_of(t) for t in imported(path) if room_of(t) == "experiments"}
            assert own or not any(targets), f"{name} imports of {targets}"
            needs.setdefault(own, set()).update(targets - {own, ""})
    list(TopologicalSorter(needs).static_order())  # raises CycleError where two need each other
