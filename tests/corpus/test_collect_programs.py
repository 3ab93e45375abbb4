import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from collect_programs import collect_programs
from fimscope.corpus.sources import read_sources
from fimscope.corpus.tables import PROGRAMS
from fimscope.files.rejections import REJECTED
from fimscope.files.tables import read_table

REPOSITORY = Path(__file__).parents[2]
STEP = REPOSITORY / "scripts" / "collect_programs.py"
PROGRAM = "export function pad(text: string, width: number): string {\n  return text;\n}\n"


def collected(root, *sources, per_package=100, seed=0):
    return collect_programs(
        read_sources(json.dumps(sources)), root, 100_000, per_package, ["MIT", "Apache-2.0"], seed
    )


def run_step(folder, sources, out, **environment):
    options = ["--sources", json.dumps(sources), "--root", folder, "--max-bytes", "100000"]
    options += ["--per-package", "4", "--licenses", "MIT", "Apache-2.0", "--seed", "7"]
    options += ["--out", out / "programs.parquet", "--out-rejected", out / "rejected.parquet"]
    return subprocess.run(
        [sys.executable, STEP, *options],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def program(number):
    """A program that shares no five tokens in a row with another number's."""
    names = [f"{word}{number}" for word in ("pad", "text", "width", "fill", "left", "right")]
    return "".join(
        f"function {a}{b}({b}{number}: {a}_): {b}_ {{ {a}{b}; }}\n" for a in names for b in names
    )


@pytest.fixture
def hostile(tmp_path):
    """A folder with every kind of input, good and bad."""
    folder = tmp_path / "hostile"
    (folder / "tests").mkdir(parents=True)
    for i in range(6):
        (folder / f"good{i}.ts").write_text(program(i))
    (folder / "near.ts").write_text(program(0) + "// changed\n")
    (folder / "same.ts").write_text(program(1))
    (folder / "tests" / "a.ts").write_text(PROGRAM)
    (folder / "a.d.ts").write_text(PROGRAM)
    (folder / "a.tsx").write_text(PROGRAM)
    (folder / "made.ts").write_text("// @generated\n" + PROGRAM)
    (folder / "small.ts").write_text("const a = 1;" * 900)
    (folder / "nul.ts").write_bytes(b"\0")
    (folder / "latin1.ts").write_bytes(b"// \xe9")
    (folder / "empty.ts").touch()
    with (folder / "huge.ts").open("wb") as file:
        file.truncate(50_000_000)
    os.mkfifo(folder / "pipe.ts")
    (folder / "loop").symlink_to(".")
    (folder / "out.ts").symlink_to(STEP)
    (folder / "gone.ts").symlink_to("nowhere.ts")
    (folder / os.fsdecode(b"'odd' \n\xff.ts")).write_bytes(program(9).encode())
    return tmp_path


SOURCE = {"kind": "directory", "path": "hostile"}


def test_every_input_is_one_row(hostile):
    programs, rejected = collected(hostile, SOURCE)
    assert [row["path"] for row in programs] == [
        "'odd' \n\\xff.ts",
        *(f"good{i}.ts" for i in range(6)),
        "near.ts",
    ]
    assert {row["path"]: row["reason"] for row in rejected} == {
        "a.d.ts": "declaration_file",
        "a.tsx": "not_typescript",
        "empty.ts": "empty",
        "gone.ts": "vanished",
        "huge.ts": "too_large",
        "latin1.ts": "not_utf8",
        "loop": "symlink_loop",
        "made.ts": "generated",
        "nul.ts": "binary",
        "out.ts": "outside_source",
        "pipe.ts": "unreadable",
        "same.ts": "duplicate",
        "small.ts": "minified",
        "tests/a.ts": "test_file",
    }
    entries = sum(len(files) for _, _, files in os.walk(hostile / "hostile")) + 1  # and `loop`
    assert len(programs) + len(rejected) == entries
    (same,) = (row for row in rejected if row["path"] == "same.ts")
    assert same["detail"] == "the same bytes as hostile: good1.ts"
    clusters = {row["path"]: row["cluster"] for row in programs}
    good0 = hashlib.sha256(program(0).encode()).hexdigest()
    assert clusters["near.ts"] == clusters["good0.ts"] == good0
    assert len(set(clusters.values())) == len(clusters) - 1


def test_copies_across_packages_keep_the_first_package(hostile):
    inner = {**SOURCE, "package": "a later name"}
    programs, rejected = collected(hostile, SOURCE, inner)
    assert {row["package"] for row in programs} == {"a later name"}
    copies = [row for row in rejected if row["reason"] == "duplicate"]
    assert len(copies) == len(programs) + 2
    details = {row["path"]: row["detail"] for row in copies if row["package"] == "hostile"}
    assert details["good2.ts"] == "the same bytes as a later name: good2.ts"


def test_cap(hostile):
    programs, rejected = collected(hostile, SOURCE, per_package=3)
    capped = [row for row in rejected if row["reason"] == "over_package_cap"]
    assert (len(programs), len(capped)) == (3, 5)
    assert {row["detail"] for row in capped} == {"not among the 3 chosen of 8"}
    choices = {
        tuple(row["path"] for row in collected(hostile, SOURCE, per_package=3, seed=seed)[0])
        for seed in range(5)
    }
    assert len(choices) > 1


@pytest.mark.process
def test_the_step_writes_the_same_bytes_twice(hostile):
    for out, hash_seed in (("one", "1"), ("two", "2")):
        done = run_step(hostile, [SOURCE], hostile / out, PYTHONHASHSEED=hash_seed)
        assert done.returncode == 0, done.stderr
    for name in ("programs.parquet", "rejected.parquet"):
        assert (hostile / "one" / name).read_bytes() == (hostile / "two" / name).read_bytes()
    programs = read_table(hostile / "one" / "programs.parquet", PROGRAMS).to_pylist()
    assert len(programs) == 4
    for row in programs:
        content = row["content"].encode()
        assert row["program_id"] == hashlib.sha256(content).hexdigest()
        assert row["n_bytes"] == len(content)
    rejected = read_table(hostile / "one" / "rejected.parquet", REJECTED).to_pylist()
    assert {row["step"] for row in rejected} == {"collect_programs"}
    assert Counter(row["reason"] for row in rejected)["over_package_cap"] == 4


def test_installed_packages_give_programs():
    pins = ["immer@11.2.10", "@noble/hashes@2.4.0", "multiformats@14.0.5"]
    programs, rejected = collected(REPOSITORY, {"kind": "npm", "packages": pins}, per_package=10)
    assert Counter(row["package"] for row in programs) == dict.fromkeys(
        ["immer", "@noble/hashes", "multiformats"], 10
    )
    for row in programs:
        file = REPOSITORY / "node_modules" / row["package"] / row["path"]
        assert file.read_bytes() == row["content"].encode()
    assert {row["reason"] for row in rejected} <= {"declaration_file", "over_package_cap"}


@pytest.mark.process
def test_no_program_left_is_an_error_that_says_why(tmp_path):
    (tmp_path / "a.d.ts").write_text(PROGRAM)
    done = run_step(tmp_path, [{"kind": "directory", "path": "."}], tmp_path)
    assert done.returncode == 1
    assert "no program is left of 1 inputs (1 declaration_file)" in done.stderr
    assert not (tmp_path / "programs.parquet").exists()


@pytest.mark.process
@pytest.mark.parametrize("option", ["--max-bytes", "--per-package"])
def test_a_limit_that_is_no_number_above_zero(option):
    done = subprocess.run([sys.executable, STEP, option, "0"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "'0' is no whole number above zero" in done.stderr
