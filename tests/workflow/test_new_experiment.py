"""What an experiment more costs, as docs/extend.md adds one: files, reruns, cached parts."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fimscope.files.digests import file_sha256
from pages import ROOT, apply_block, blocks, commands
from projects import copy_project, snakemake

pytestmark = pytest.mark.process

PAGE = ROOT / "docs/extend.md"
BLOCKS = [block for block in blocks(PAGE) if block.section == "A new experiment" and block.file]
PARTS = ("Snakefile", "config", "docs", "profiles", "rules", "scripts")
CODE = """
import json, sys
sys.path[0] = "scripts"
from pathlib import Path
from fimscope.parts.recipe import code_sha256
print(json.dumps({path.stem: code_sha256(path.stem) for path in Path("scripts").glob("*.py")}))
"""


def files_of(project: Path) -> dict[str, str]:
    """The digest of every file of the project that git would know."""
    paths = [path for part in PARTS for path in (project / part, *(project / part).rglob("*"))]
    return {
        path.relative_to(project).as_posix(): file_sha256(path)
        for path in paths
        if path.is_file() and path.suffix != ".pyc"
    }


def code_of_steps(project: Path) -> dict[str, str]:
    """What the recipe of every step's cached parts says of its code."""
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=project, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def dry_run(project: Path, *words: str) -> str:
    """What a dry run tells of every job."""
    return snakemake(project, "-n", "--quiet", "reason", *words).stdout


def planned(project: Path, *words: str) -> set[str]:
    """The rules that a run would carry out."""
    return set(re.findall(r"(?m)^ *(?:local)?rule (\w+):", dry_run(project, *words)))


def pretend_to_run(project: Path) -> None:
    """The project as a run leaves it, but that every table and figure is empty."""
    for output in re.findall(r"(?m)^ *output: (.*)$", dry_run(project)):
        for name in output.split(", "):
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            make = Path.mkdir if Path(name).name in ("explorer", "docs") else Path.touch
            make(project / name)
    snakemake(project, "--touch", "--forceall")


class Added:
    """A project with a study that has run, before and after the page's experiment is added."""

    def __init__(self, project: Path):
        self.project = project
        (project / "models").symlink_to(ROOT / "models")
        pretend_to_run(project)
        assert planned(project) == set()
        files, self.code_before = files_of(project), code_of_steps(project)
        for block in BLOCKS:
            apply_block(project, block)
        [write_page] = [words for words in commands(PAGE) if words[0] == "python"]
        subprocess.run([sys.executable, *write_page[1:]], cwd=project, check=True)
        after = files_of(project)
        self.touched = {name for name in files.keys() | after if files.get(name) != after.get(name)}


@pytest.fixture(scope="module")
def added(tmp_path_factory) -> Added:
    return Added(copy_project(tmp_path_factory.mktemp("added") / "project"))


def test_an_experiment_with_a_table_and_a_figure_touches_nine_files(added):
    assert len(added.touched) <= 9, sorted(added.touched)
    assert "docs/tables.md" in added.touched
    assert {block.file for block in BLOCKS} <= added.touched


def test_it_is_a_target_and_reruns_no_step_of_another(added):
    assert planned(added.project) == set()
    assert planned(added.project, "--", "lengths") == {"halve_lengths", "plot_lengths", "lengths"}


def test_in_the_report_it_reruns_the_report_alone(added):
    experiments = yaml.safe_load((ROOT / "config/config.yaml").read_text())["experiments"]
    mine = yaml.safe_dump({"study": "embedded", "experiments": [*experiments, "lengths"]})
    (added.project / "mine.yaml").write_text(mine)
    own, report = {"halve_lengths", "plot_lengths"}, {"write_summary", "build_report", "all"}
    assert planned(added.project, "--configfile", "mine.yaml") == own | report


def test_it_voids_no_cached_part(added):
    after = code_of_steps(added.project)
    assert len(added.code_before) > 50
    assert {step: after[step] for step in added.code_before} == added.code_before
