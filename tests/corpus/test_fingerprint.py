"""What shows that a source or a model of this machine has changed, and what it costs to ask."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from fimscope.corpus.fingerprint import fingerprint
from fimscope.files import hashes
from fimscope.files.hashes import fingerprint_of, known_hashes
from fimscope.models.sources import local_files, parse_sources

PROGRAM = "export function pad(text: string): string { return text; }\n"
OTHER = "export function fit(text: string): string { return text; }\n"
YEAR_NS = 365 * 24 * 3600 * 10**9


def rewrite(path: Path, text: str) -> None:
    """Other content of the same size, under the same time."""
    before = path.stat()
    assert len(text.encode()) == before.st_size
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.fixture
def settled(monkeypatch):
    """All files are a year old, so that what is known of them is kept."""
    now = time.time_ns
    monkeypatch.setattr(hashes.time, "time_ns", lambda: now() + YEAR_NS)


@pytest.fixture
def read(monkeypatch):
    """The names of the files that are read, as they are."""
    names = []
    plain = hashes.file_sha256
    monkeypatch.setattr(hashes, "file_sha256", lambda path: names.append(path.name) or plain(path))
    return names


@pytest.fixture
def project(tmp_path):
    """A folder, an installed package and a data set; programs with names of all kinds."""
    root = tmp_path / "project"
    (root / "raw/inner").mkdir(parents=True)
    for name in ("P1.TS", "a.ts", "inner/b.mts", "types.d.ts", "notes.md"):
        (root / "raw" / name).write_text(PROGRAM)
    (root / "raw/big.ts").write_text(PROGRAM * 100)
    (root / "raw/target.txt").write_text(PROGRAM)
    (root / "raw/link.ts").symlink_to("target.txt")
    os.mkfifo(root / "raw/pipe.ts")
    (root / "node_modules/rxjs").mkdir(parents=True)
    manifest = {"version": "7.8.2", "license": "MIT"}
    (root / "node_modules/rxjs/package.json").write_text(json.dumps(manifest))
    (root / "node_modules/rxjs/index.ts").write_text(PROGRAM)
    (root / "rows.jsonl").write_text(json.dumps({"content": PROGRAM}))
    return root


SOURCES = [
    {"kind": "directory", "path": "raw"},
    {"kind": "npm", "packages": ["rxjs@7.8.2"]},
    {"kind": "huggingface", "files": ["rows.jsonl"]},
    {"kind": "huggingface", "id": "a/b", "revision": "0" * 40},
]


def of(project: Path, licenses=("MIT",), sources=SOURCES) -> str:
    with known_hashes(project / "kept/source.json") as hash_of:
        return fingerprint(sources, project, licenses, 1000, hash_of)


@pytest.mark.parametrize(
    "name",
    [
        *("raw/P1.TS", "raw/a.ts", "raw/inner/b.mts", "raw/target.txt"),
        *("node_modules/rxjs/index.ts", "rows.jsonl"),
    ],
)
def test_other_content_of_the_same_size_and_time_is_a_change(project, settled, name):
    before = of(project)
    rewrite(project / name, (project / name).read_text().replace("pad", "fit"))
    assert of(project) != before
    rewrite(project / name, (project / name).read_text().replace("fit", "pad"))
    assert of(project) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "raw/new.cts").write_text(PROGRAM),
        lambda root: (root / "raw/a.ts").rename(root / "raw/b.ts"),
        lambda root: (root / "raw/inner/b.mts").unlink(),
        lambda root: (root / "raw/link.ts").rename(root / "raw/other.ts"),
        lambda root: (root / "raw/target.txt").unlink(),
        lambda root: (root / "raw/big.ts").write_text(PROGRAM * 101),
        lambda root: shutil.rmtree(root / "node_modules/rxjs"),
        lambda root: (root / "node_modules/rxjs/package.json").write_text('{"version": "7.8.2"}'),
    ],
)
def test_what_collect_programs_would_say_otherwise_is_a_change(project, change):
    before = of(project)
    change(project)
    assert of(project) != before


def test_what_collect_programs_does_not_look_at_is_none(project):
    before = of(project)
    for name in ("raw/types.d.ts", "raw/notes.md"):
        (project / name).write_text(OTHER * 2)
    os.utime(project / "raw/a.ts", (1, 1))
    (project / "raw/a.ts").chmod(0o600)
    with (project / "raw/big.ts").open("r+") as file:  # too large: left out unread
        file.write("//")
    assert of(project) == before
    moved = project.rename(project.with_name("moved"))
    assert of(moved) == before


def test_a_license_that_is_not_allowed_leaves_its_source_unread(project, read):
    of(project, licenses=("ISC",))
    assert "index.ts" not in read


def test_packages_that_are_not_installed_yet_have_a_fingerprint(project):
    shutil.rmtree(project / "node_modules")
    assert of(project)


def test_only_what_was_touched_is_read_again(project, settled, read):
    before = of(project)
    assert sorted(read) == ["P1.TS", "a.ts", "b.mts", "index.ts", "rows.jsonl", "target.txt"]
    read.clear()
    assert of(project) == before
    assert read == []
    rewrite(project / "raw/a.ts", OTHER)
    (project / "raw/P1.TS").touch()
    (project / "raw/inner/b.mts").unlink()
    of(project)
    assert sorted(read) == ["P1.TS", "a.ts"]
    assert str(project / "raw/inner/b.mts") not in (project / "kept/source.json").read_text()


def test_a_file_that_changed_a_moment_ago_is_read_again(project, read):
    """One more write could fall into what its file system takes for the same time."""
    of(project)
    read.clear()
    of(project)
    assert "a.ts" in read


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"PATH": 1}', '{"PATH": []}', "\ud800"])
def test_damage_to_what_is_kept_costs_a_reading_and_nothing_else(project, settled, content):
    before = of(project)
    text = content.replace("PATH", str(project / "raw/a.ts"))
    (project / "kept/source.json").write_text(text, errors="surrogatepass")
    assert of(project) == before
    shutil.rmtree(project / "kept")
    (project / "kept").touch()  # no folder can be made there
    assert of(project) == before


MODEL = ["config.json", "tokenizer.json", "model.safetensors"]


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    for name in (*MODEL, "README.md", "own.py", "pytorch_model.bin"):
        (folder / name).write_text(f"this is {name}")
    (tmp_path / "a.gguf").write_text("this is a.gguf")
    return folder


def of_model(root: Path, *entries: dict, trust: bool = False) -> str:
    with known_hashes(root / "kept/model.json") as hash_of:
        files = local_files(parse_sources(json.dumps(entries), root), trust)
        return fingerprint_of(files, hash_of)


@pytest.mark.parametrize("name", [*MODEL, "own.py"])
def test_a_changed_file_of_a_model_is_a_change(model, settled, name):
    root = model.parent
    before = of_model(root, {"folder": "model"}, trust=True)
    rewrite(model / name, (model / name).read_text().upper())
    assert of_model(root, {"folder": "model"}, trust=True) != before


def test_a_changed_gguf_at_the_same_path_is_a_change(model, settled):
    root = model.parent
    before = of_model(root, {"gguf": "a.gguf"})
    rewrite(root / "a.gguf", "THIS IS A.GGUF")
    assert of_model(root, {"gguf": "a.gguf"}) != before


def test_a_file_that_comes_or_goes_is_a_change(model):
    root = model.parent
    before = of_model(root, {"folder": "model"})
    (model / "merges.txt").write_text("a b")
    after = of_model(root, {"folder": "model"})
    (model / "tokenizer.json").unlink()
    assert len({before, after, of_model(root, {"folder": "model"})}) == 3


def test_what_is_not_taken_of_a_model_is_no_change(model):
    root = model.parent
    entries = [{"folder": "away"}, {"folder": "model"}, {"gguf": "a.gguf"}]
    before = of_model(root, *entries)
    for path in (model / "README.md", model / "own.py", root / "a.gguf"):
        path.write_text("other")
    assert of_model(root, *entries) == before


def test_a_large_model_is_read_once_though_its_weights_are_linked(model, settled, read):
    """A new link moves the time of the last change: that costs one more reading, and no change."""
    root = model.parent
    before = of_model(root, {"folder": "model"})
    read.clear()
    of_model(root, {"folder": "model"})
    assert read == []
    os.link(model / "model.safetensors", root / "linked")
    assert of_model(root, {"folder": "model"}) == before
    assert read == ["model.safetensors"]
    assert of_model(root, {"folder": "model"}) == before
    assert read == ["model.safetensors"]
