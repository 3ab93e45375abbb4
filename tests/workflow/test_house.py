"""The house itself: lint, format, dry runs of every preset, one set of pins."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from projects import ROOT, copy_project, snakemake

pytestmark = pytest.mark.process


OTHERS = ("config.yaml", "schema.yaml", "training.yaml", "ladder.yaml")
PRESETS = sorted(p.name for p in (ROOT / "config").glob("*.yaml") if p.name not in OTHERS)
BIN = Path(sys.executable).parent


def run(*words: str) -> None:
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("snakefmt", "--check", "Snakefile", "rules"),
        ("snakemake", "--lint"),
    ],
    ids=" ".join,
)
def test_linters_and_formatters(words):
    run(str(BIN / words[0]), *words[1:])


@pytest.mark.parametrize("preset", PRESETS)
def test_a_dry_run_of_every_preset_reaches_the_report(tmp_path, preset):
    project = copy_project(tmp_path / "project")
    output = snakemake(project, "-n", "--configfile", f"config/{preset}").stdout
    assert "build_report" in output


def test_comparing_models_before_any_has_run_says_what_to_do(tmp_path):
    project = copy_project(tmp_path / "project")
    done = snakemake(project, "--", "compare", check=False)
    assert done.returncode != 0
    assert "run one first: snakemake --configfile config/<model>.yaml" in done.stdout
    assert "Traceback" not in done.stdout


def test_nothing_starts_the_threads_of_arrow_that_can_abort_a_process():
    starts = re.compile(r"pq\.read_table\(|read_parquet\(|pc\.field\(")
    for path in (ROOT / "scripts").rglob("*.py"):
        assert not starts.search(path.read_text()), path


def test_the_pins_stand_in_one_place():
    assert "-r requirements.txt" in (ROOT / "environment.yml").read_text()
    project = (ROOT / "pyproject.toml").read_text()
    files = [path.name for path in ROOT.glob("requirements*.txt")]
    assert "requirements.txt" in files
    for file in files:
        assert f'file = ["{file}"]' in project
    lock = (ROOT / "package-lock.json").read_text()
    assert '"integrity": "sha512-' in lock
    assert '"resolved"' not in lock
