"""Sources and models that change under the same name, size and time: what Snakemake runs again."""

import os
import re
import shutil
from pathlib import Path

import pytest
import yaml

from projects import ROOT, copy_project, snakemake

pytestmark = pytest.mark.process


PROGRAM = "export function pad(text: string): string { return text; }\n"
TARGETS = ("results/mine/source/programs.parquet", "results/mine/model/prepared.json")


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A project whose programs are collected and whose model is prepared."""
    project = copy_project(tmp_path_factory.mktemp("fingerprints") / "project")
    (project / "raw").mkdir()
    (project / "raw/P1.TS").write_text(PROGRAM)
    (project / "rows.jsonl").write_text('{"content": "let a: number = 1;"}\n')
    (project / "model").mkdir()
    for path in (ROOT / "models/embedded").iterdir():
        if path.is_file():
            shutil.copyfile(path, project / "model" / path.name)
    sources = [
        {"kind": "directory", "path": "raw"},
        {"kind": "huggingface", "files": ["rows.jsonl"]},
    ]
    model = {"name": "mine", "sources": [{"folder": "model"}]}
    (project / "mine.yaml").write_text(yaml.safe_dump({"source": sources, "model": model}))
    snakemake(project, "--configfile", "mine.yaml", "--", *TARGETS)
    return project


def planned(project: Path) -> str:
    return snakemake(project, "-n", "--configfile", "mine.yaml", "--", *TARGETS).stdout


def rewrite(path: Path, old: bytes, new: bytes) -> None:
    """Other content of the same size, under the same time."""
    before = path.stat()
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


def test_nothing_is_to_be_done_where_nothing_changed(project):
    assert "Nothing to be done" in planned(project)
    shutil.rmtree(project / "results/cache", ignore_errors=True)
    assert "Nothing to be done" in planned(project)


@pytest.mark.parametrize(
    ("file", "old", "new", "step"),
    [
        ("raw/P1.TS", b"pad", b"fit", "collect_programs"),
        ("rows.jsonl", b"let a", b"let b", "collect_programs"),
        ("model/config.json", b"1e-05", b"1e-06", "prepare_model"),
        ("model/tokenizer.json", b"fim_prefix", b"fim_PREFIX", "prepare_model"),
        ("model/model.safetensors", b"pt", b"PT", "prepare_model"),
    ],
)
def test_other_content_of_the_same_size_and_time_is_taken_up(project, file, old, new, step):
    rewrite(project / file, old, new)
    plan = planned(project)
    rewrite(project / file, new, old)
    assert set(re.findall(r"(?m)^(\w+) +1$", plan)) == {step, "total"}
