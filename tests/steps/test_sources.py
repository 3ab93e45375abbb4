"""The files a rule names as its step's code: all that Python itself would import."""

import ast
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from fimscope.steps import sources
from fimscope.steps.sources import SCRIPTS, step_sources

STEPS = sorted(path.stem for path in SCRIPTS.glob("*.py"))


@pytest.mark.process
@pytest.mark.parametrize("step", ["split_examples", "collect_programs", "build_prompts"])
def test_the_modules_that_python_loads_are_among_them(step):
    code = (
        "import runpy, sys; sys.argv = ['x', '--help']\n"
        f"try: runpy.run_path('scripts/{step}.py', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "found = [m.__file__ for n, m in sys.modules.items() if n.startswith('fimscope')]\n"
        "print(*found, sep='\\n')"
    )
    root = SCRIPTS.parent
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(SCRIPTS)},
    )
    loaded = {
        Path(line).resolve().relative_to(root).as_posix()
        for line in done.stdout.splitlines()
        if line.endswith(".py")
    }
    assert loaded
    assert loaded <= set(step_sources(step))


def test_imports_inside_functions_count():
    assert "scripts/fimscope/interventions/sweep.py" in step_sources("sweep_patches")


def needed_by_the_parser(path: Path) -> list[Path]:
    """The modules and the files beside it that a module of Python names."""
    modules: set[str] = set()
    beside: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module)
            modules.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif re.fullmatch(r"\w[\w./-]*\.\w+", str(getattr(node, "value", ""))):
            beside.add(path.parent / str(node.value))
    places = [SCRIPTS.joinpath(*name.split(".")) for name in modules]
    files = [file for p in places for file in (p.with_suffix(".py"), p / "__init__.py")]
    packages = [parent / "__init__.py" for p in places for parent in p.parents]
    return [file for file in {*files, *packages, *beside} if file.is_file()]


def test_they_are_those_that_the_parser_of_python_finds(monkeypatch):
    found, needed = {step: step_sources(step) for step in STEPS}, sources._needed
    by_parser = cache(
        lambda path: needed_by_the_parser(path) if path.suffix == ".py" else needed(path)
    )
    monkeypatch.setattr(sources, "_needed", by_parser)
    assert {step: step_sources(step) for step in STEPS} == found


def of_node(step: str) -> set[str]:
    return {path for path in step_sources(step) if path.endswith(".mjs")}


def test_all_node_modules_belong_to_the_steps_that_ask_the_compiler():
    folder = SCRIPTS / "fimscope/typescript"
    assert of_node("check_types") == {
        path.relative_to(SCRIPTS.parent).as_posix() for path in folder.rglob("*.mjs")
    }


# write_gallery builds explorers, of tables whose module stands beside the compiler's client.
@pytest.mark.parametrize(
    "step", [s for s in STEPS if re.match("plot|split|write(?!_gallery)|build_r", s)]
)
def test_no_node_module_belongs_to_a_step_that_does_not(step):
    assert not of_node(step)


def test_the_files_that_a_module_reads_are_among_them():
    report = "scripts/fimscope/report"
    templates = SCRIPTS / "fimscope/report/templates"
    parts = [f"{report}/templates/{path.name}" for path in templates.iterdir()]
    assert len(parts) == 5
    assert set(parts) <= set(step_sources("build_report"))
    assert not set(parts) & set(step_sources("plot_lens"))
    assert f"{report}/fimscope.mplstyle" in step_sources("plot_lens")
    assert f"{report}/references.bib" in step_sources("write_summary")
    assert f"{report}/references.bib" not in step_sources("plot_lens")


# Each step in a fork of one process, which has what is light enough for all of them; gives, by
# step, its exit status, what it said and which heavy libraries it loaded.
ASK_FOR_HELP = """
import io, json, os, runpy, sys
import numpy, pyarrow.compute, pyarrow.parquet
heavy = {"torch", "transformers", "nnsight", "pandas", "scipy", "matplotlib"}
assert not heavy & set(sys.modules)
scripts, found = sys.argv[1], {}
sys.path.insert(0, scripts)
for step in sys.argv[2:]:
    ours, theirs = os.pipe()
    if not os.fork():
        sys.argv, sys.stdout, status = ["x", "--help"], io.StringIO(), None
        try:
            runpy.run_path(f"{scripts}/{step}.py", run_name="__main__")
        except SystemExit as end:
            status = end.code or 0
        except BaseException as error:
            status = repr(error)
        finally:
            loaded = sorted(heavy & set(sys.modules))
            with open(theirs, "w") as out:
                json.dump([status, sys.stdout.getvalue(), loaded], out)
            os._exit(0)
    os.close(theirs)
    with open(ours) as said:
        found[step] = json.load(said)
    os.wait()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def helped(tmp_path_factory) -> dict[str, tuple[int | str | None, str, list[str]]]:
    done = subprocess.run(
        [sys.executable, "-c", ASK_FOR_HELP, str(SCRIPTS), *STEPS],
        cwd=tmp_path_factory.mktemp("elsewhere"),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.process
@pytest.mark.parametrize("step", STEPS)
def test_every_step_answers_help_from_any_folder_without_heavy_imports(step, helped):
    status, said, heavy = helped[step]
    assert status == 0
    assert said.startswith("usage: ")
    assert heavy == []
