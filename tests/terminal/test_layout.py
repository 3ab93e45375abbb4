"""Results from when all studies shared one source: refused with a command that does move them."""

import shlex
import subprocess

import pytest

from fimscope.errors import UserError
from fimscope.terminal.layout import check_layout

pytestmark = pytest.mark.process


def files_of(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def results(tmp_path, monkeypatch):
    """The results of two models on one source, as they once were."""
    monkeypatch.chdir(tmp_path)
    for name in ("source/programs", "embedded/predictions/original", "tiny/predictions/original"):
        path = tmp_path / "results" / f"{name}.parquet"
        path.parent.mkdir(parents=True)
        path.touch()
    (tmp_path / ".snakemake").mkdir()
    return tmp_path / "results"


@pytest.mark.parametrize(("study", "model"), [("embedded", "embedded"), ("mine", "tiny")])
def test_the_command_moves_a_study_with_its_source_and_loses_nothing(results, study, model):
    before = files_of(results)
    with pytest.raises(UserError) as refused:
        check_layout(results, study, model)
    for command in str(refused.value).partition("lost: ")[2].split(" && "):
        subprocess.run(shlex.split(command), check=True)
    assert {f"{study}/source/programs.parquet", f"{study}/predictions/original.parquet"} <= (
        files_of(results)
    )
    assert len(files_of(results)) == len(before)
    check_layout(results, study, model)
    check_layout(results, "embedded", "embedded")  # its source is made anew, the parts are there


def test_a_new_study_beside_old_results_is_not_refused(results):
    check_layout(results, "new", "new")
    check_layout(results / "nowhere", "embedded", "embedded")
