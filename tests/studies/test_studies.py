"""The tables of a study, read by their names, joined with what their rows are about."""

from pathlib import Path

import pyarrow as pa
import pytest

from fimscope import results
from fimscope.corpus.tables import PROGRAMS
from fimscope.errors import UserError
from fimscope.experiments.lens.tables import LENS
from fimscope.experiments.registry import all_experiments
from fimscope.experiments.tables import PREDICTIONS
from fimscope.files.tables import Table, write_table
from fimscope.studies import Study, all_places, target_of
from fimscope.typescript.tables import EXAMPLES, VARIANTS
from pages import ROOT


def fill(kind: Table, **values) -> dict:
    """A row of a table: what is named, and nothing in its other columns."""
    return {name: values.get(name) for name in kind.schema.names}


def write(path: Path, kind: Table, *rows: dict) -> None:
    table = pa.Table.from_pylist([fill(kind, **row) for row in rows], kind.schema)
    write_table(path, kind, table, {"step": "test"})


@pytest.fixture
def study(tmp_path: Path) -> Study:
    folder = tmp_path / "results/one"
    source = folder / "source"
    write(source / "programs.parquet", PROGRAMS, {"program_id": "p"})
    examples = [
        {"example_id": "b", "path": "b.ts", "prefix": "f(x: ", "gold": "number", "name": "x"},
        {"example_id": "a", "path": "a.ts", "prefix": "g(y: ", "gold": "string", "name": "y"},
    ]
    write(source / "examples.parquet", EXAMPLES, *examples)
    for edit, name in (("original", "x"), ("rename_vars@0.5", "kizu")):
        row = {"example_id": "b", "edit": edit, "name": name, "prefix": f"f({name}: "}
        write(source / f"variants/{edit}.parquet", VARIANTS, row)
        row = {"example_id": "b", "edit": edit, "gold": "number", "predicted": edit}
        write(folder / f"predictions/{edit}.parquet", PREDICTIONS, row)
    return results(folder)


def test_a_table_has_the_rows_of_all_its_files(study):
    assert list(study.predictions["predicted"]) == ["original", "rename_vars@0.5"]
    assert {"predictions", "examples", "variants", "programs"} == set(study.tables)
    assert {"predictions", "joined"} <= set(dir(study)) and "lens" not in dir(study)
    assert repr(study).startswith("<study one: programs, ")


def test_joined_rows_know_their_program_and_hole_as_their_edit_has_them(study):
    frame = study.joined("predictions")
    assert list(frame["path"]) == ["b.ts", "b.ts"]
    assert list(frame["name"]) == ["x", "kizu"]
    assert list(frame["prefix"]) == ["f(x: ", "f(kizu: "]
    assert list(frame["predicted"]) == list(study.predictions["predicted"])
    with pytest.raises(UserError, match="a row of programs is not about one example"):
        study.joined("programs")


def test_what_is_not_there_is_said_with_what_makes_it(study):
    with pytest.raises(UserError, match="it has no lens yet.* snakemake .*lens$"):
        study.lens  # noqa: B018
    with pytest.raises(UserError, match="did you mean 'predictions'"):
        study.prediction  # noqa: B018
    assert LENS.name == "lens" and not hasattr(study, "_nothing")


def test_a_study_is_found_by_its_name(study, monkeypatch):
    monkeypatch.chdir(study.folder.parents[1])
    assert results("one").folder == study.folder
    with pytest.raises(UserError, match="'two': not in .*; there .*one; run it first: make run"):
        results("two")


def test_every_table_has_a_target_that_the_pipeline_knows():
    rules = "".join(path.read_text() for path in [ROOT / "Snakefile", *ROOT.glob("rules/*.smk")])
    experiments = {experiment.name for experiment in all_experiments().values()}
    for name in all_places():
        target = target_of(name)
        assert target in experiments or f"rule {target}:" in rules, name


@pytest.mark.parametrize(
    ("table", "target"),
    [
        ("examples", "predictions"),
        ("funnel", "report"),
        ("circuit_cuts", "circuits"),
        ("steering_types", "steering"),
        ("linear_lens", "lens"),
        ("completions", "whole_types"),
        ("patch_positions", "patch_positions"),
    ],
)
def test_the_target_of_a_table_is_that_which_makes_it(table, target):
    assert target_of(table) == target
