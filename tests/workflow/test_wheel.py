"""The wheel alone, in a Python that knows nothing of the project."""

import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from pages import ROOT

pytestmark = [pytest.mark.process, pytest.mark.model]

SMOKE = """
import sys, time
started = time.perf_counter()
import fimscope
assert time.perf_counter() - started < 0.5 and "torch" not in sys.modules
assert "site-packages" in fimscope.__file__

from fimscope import Batch, explain, load_model, results
from fimscope.errors import UserError

model = load_model("a model")
said = Batch(model, ["<fim_prefix>function f(n: <fim_suffix>) {}<fim_middle>"]).answers(1)
snippet = "function f(n: <hole>) {}"
try:
    explain(snippet, model)
except UserError as error:
    assert "npm ci" in str(error), error
else:
    raise AssertionError("no compiler is there")
import pathlib
pathlib.Path(sys.prefix, "node_modules").symlink_to(sys.argv[1])
found = explain(snippet, model, rename=True)
assert found.original.top[0][0] == said[0][0][0]
assert "svg" in found._repr_html_() or found.renaming.patch is None
for wrong in (lambda: load_model("nothing"), lambda: results("nothing")):
    try:
        wrong()
    except UserError as error:
        print(error)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built of a copy, so that nothing is left in the project."""
    folder = tmp_path_factory.mktemp("wheel")
    project = folder / "project"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "scripts" / "fimscope", project / "scripts/fimscope", ignore=ignored)
    for path in (
        *ROOT.glob("requirements*.txt"),
        *map(ROOT.joinpath, ("pyproject.toml", "README.md")),
    ):
        shutil.copy(path, project)
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet"]
    subprocess.run([*pip, "--wheel-dir", folder, project], check=True)
    [path] = folder.glob("*.whl")
    return path


def test_it_asks_for_what_a_study_needs_and_nothing_of_a_developer(wheel):
    with zipfile.ZipFile(wheel) as file:
        [name] = [name for name in file.namelist() if name.endswith("/METADATA")]
        about = Parser().parsestr(file.read(name).decode())
        names = set(file.namelist())
    asked = [
        re.match(r"([\w-]+)[^;]*(?:; extra == \"(\w+)\")?", each)
        for each in about.get_all("Requires-Dist")
    ]
    by_extra: dict[str | None, set[str]] = {}
    for match in asked:
        by_extra.setdefault(match[2], set()).add(match[1])
    assert {"torch", "nnsight", "snakemake"} <= by_extra[None]
    assert {"pytest", "ruff", "playwright", "snakefmt"} <= by_extra["dev"]
    assert not by_extra["dev"] & by_extra[None]
    assert {"dev", "docs", "gemma", "qwen", "slurm"} <= set(about.get_all("Provides-Extra"))
    for path in (ROOT / "scripts/fimscope").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert path.relative_to(ROOT / "scripts").as_posix() in names


def test_it_works_in_a_python_of_its_own(wheel, tmp_path):
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    [site] = venv.glob("lib/*/site-packages")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(site)
    # What it asks for, without what a set-up lets this Python see of the project.
    needed = Path(sysconfig.get_path("purelib"))
    for path in needed.iterdir():
        if path.suffix != ".pth" and not (site / path.name).exists():
            (site / path.name).symlink_to(path)
    (venv / "bin/node").symlink_to(Path(sys.executable).parent / "node")
    shutil.copytree(
        ROOT / "models/embedded", tmp_path / "a model", ignore=shutil.ignore_patterns("corpus")
    )
    words = [venv / "bin/python", "-c", SMOKE, ROOT / "node_modules"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "model 'nothing': no folder, no GGUF file" in done.stdout
    assert "study 'nothing'" in done.stdout
