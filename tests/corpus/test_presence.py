"""Sources that are not there, found before anything runs; programs of another config."""

import json

import pytest

from fimscope.corpus.presence import check_sources, other_sources
from fimscope.corpus.tables import PROGRAMS
from fimscope.errors import UserError
from fimscope.files.tables import write_table

NPM = {"kind": "npm", "packages": ["@a/b@1.2.3", "rxjs@7.8.2"]}


def install(root, name, version):
    (root / "node_modules" / name).mkdir(parents=True)
    (root / "node_modules" / name / "package.json").write_text(json.dumps({"version": version}))


def test_what_is_there_passes(tmp_path):
    check_sources([NPM], tmp_path, "c.yaml")  # before `npm ci`
    install(tmp_path, "@a/b", "1.2.3")
    install(tmp_path, "rxjs", "7.8.2")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/a.jsonl").touch()
    folder = {"kind": "directory", "path": "raw"}
    files = {"kind": "huggingface", "files": ["raw/a.jsonl"]}
    hub = {"kind": "huggingface", "id": "a/b"}
    check_sources([NPM, folder, files, hub], tmp_path, "c.yaml")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"kind": "directory", "path": "rwa"}, r"c\.yaml: source\.1\.path: 'rwa' is no folder"),
        ({"kind": "directory", "path": "raw/a"}, r"source\.1\.path: 'raw/a' is no folder"),
        (
            {"kind": "huggingface", "files": ["raw/a", "raw/b"]},
            r"1\.files\.1: 'raw/b' is no",
        ),
        ({"kind": "npm", "packages": ["left@1.0.0"]}, "'left@1.0.0', but it is not installed"),
        ({"kind": "npm", "packages": ["rxjs@7.8.1"]}, "'rxjs@7.8.1', but 7.8.2 is installed"),
    ],
)
def test_what_is_not_there_is_named(tmp_path, source, message):
    install(tmp_path, "@a/b", "1.2.3")
    install(tmp_path, "rxjs", "7.8.2")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/a").touch()
    with pytest.raises(UserError, match=message):
        check_sources([NPM, source], tmp_path, "c.yaml")


def test_programs_of_another_config_are_known(tmp_path):
    path = tmp_path / "programs.parquet"
    assert not other_sources([NPM], path)
    write_table(path, PROGRAMS, [], {"settings": {"sources": json.dumps([NPM])}})
    assert not other_sources([NPM], path)
    assert other_sources([{**NPM, "packages": ["rxjs@7.8.2"]}], path)
