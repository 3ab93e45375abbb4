"""Edits and checks in parts: the same tables for any shards, and nothing settled by bad luck."""

import hashlib
import sys
from pathlib import Path

import pytest

import check_types
import edit_examples
from fimscope.files.digests import file_sha256
from fimscope.files.rejections import rejection
from fimscope.files.tables import write_table
from fimscope.parts.store import PartStore
from fimscope.typescript import variants as variant_parts
from fimscope.typescript.pool import TypeScriptPool
from fimscope.typescript.tables import EXAMPLES
from fimscope.typescript.variants import map_parts, parts_of_programs

pytestmark = pytest.mark.node


PROGRAMS = [
    "export function f(a: string, b: number): void { a; b; }",
    "const g = (x: string): void => { x.length; };",
    "class A { m(q: number[]) { const r = q; return { r }; } }",
    "function h(): number { return 1; }",  # without a variable to rename
]


@pytest.fixture(scope="module")
def examples(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("examples") / "examples.parquet"
    rows = []
    for program in PROGRAMS:
        for gold in ("string", "number[]", "number"):
            prefix, found, suffix = program.partition(f": {gold}")
            if found:
                name = prefix.split("(")[-1].split(",")[-1].strip(" )") or "h"
                program_id = hashlib.sha256(program.encode()).hexdigest()
                rows.append(
                    {
                        **{"example_id": f"{program_id[:8]}{len(rows)}", "group": "test"},
                        **{"program_id": program_id, "package": "p", "path": "p.ts"},
                        **{"kind": "return" if name == "h" else "parameter", "name": name},
                        **{"prefix": f"{prefix}: ", "gold": gold, "suffix": suffix},
                        "name_start": prefix.rindex(name),
                    }
                )
    write_table(path, EXAMPLES, rows, {})
    return path


def run(step, monkeypatch, *words) -> int:
    """Run a step's main in this process; gives the number of parts that it had to make."""
    made: list[int] = []
    monkeypatch.setattr(PartStore, "log_counts", lambda store: made.append(len(store.made)))
    monkeypatch.setattr(variant_parts, "ROWS_OF_A_PART", 1)
    monkeypatch.setattr(sys, "argv", [f"{step.__name__}.py", *map(str, words), "--workers", "2"])
    step.main()
    return made[0]


def test_any_number_of_shards_gives_the_same_tables(examples, tmp_path, monkeypatch):
    expected = None
    for count in (1, 2, 3):
        folder = tmp_path / str(count)
        edited = ["--examples", examples, "--edit", "rename_vars", "--seed", 1, "--syllables", 2]
        checked = ["--examples", examples, "--edited", folder / "edited.parquet"]
        for step, words, out in (
            (edit_examples, edited, "edited"),
            (check_types, checked, "variants"),
        ):
            words = [*words, "--cache", folder / "cache"]
            shares = [
                run(step, monkeypatch, *words, "--shard", f"{number}/{count}")
                for number in range(1, count + 1)
            ]
            assert sum(shares) == 4 if step is edit_examples else 3
            outs = [
                "--out",
                folder / f"{out}.parquet",
                "--out-rejected",
                folder / f"{out}_r.parquet",
            ]
            assert run(step, monkeypatch, *words, *outs) == 0
        found = {path.name: file_sha256(path) for path in sorted(folder.glob("*.parquet"))}
        assert len(found) == 4
        assert expected in (None, found)
        expected = found


def test_another_seed_makes_other_parts(examples, tmp_path, monkeypatch):
    words = ["--examples", examples, "--edit", "rename_vars", "--syllables", 2]
    words += ["--cache", tmp_path, "--shard", "1/1"]
    assert run(edit_examples, monkeypatch, *words, "--seed", 1) == 4
    assert run(edit_examples, monkeypatch, *words, "--seed", 1) == 0
    assert run(edit_examples, monkeypatch, *words, "--seed", 2) == 4
    assert run(edit_examples, monkeypatch, *words, "--seed", 1, "--syllables", 3) == 4
    assert run(edit_examples, monkeypatch, *words, "--seed", 1) == 0


@pytest.mark.parametrize(("reason", "n_kept"), [("compiler_failed", 1), ("too_complex", 2)])
def test_a_part_that_the_compiler_failed_on_is_asked_again(tmp_path, monkeypatch, reason, n_kept):
    monkeypatch.setattr(variant_parts, "ROWS_OF_A_PART", 1)
    rows = [{"program_id": "a", "fine": True}, {"program_id": "b", "fine": False}]
    row = rejection("try", "vanished", "")

    def work(service, part):
        return [("rejected", row if p["fine"] else {**row, "reason": reason}) for p in part]

    for _ in range(2):
        store = PartStore(tmp_path, None, {"step": "try"})
        with TypeScriptPool(1) as pool:
            found = list(map_parts(pool, work, rows, store))
    assert [[name for name, _ in part] for part in found] == [["rejected"], ["rejected"]]
    assert len(store.found) == n_kept


def test_a_program_is_in_one_part(monkeypatch):
    rows = [{"program_id": p} for p in "aaabccccd"]
    monkeypatch.setattr(variant_parts, "ROWS_OF_A_PART", 2)
    parts = ["".join(row["program_id"] for row in part) for part in parts_of_programs(rows)]
    assert parts == ["aaa", "bcccc", "d"]
