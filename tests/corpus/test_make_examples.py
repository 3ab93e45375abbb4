"""From programs to verified variants: nothing is lost, the same input gives the same bytes."""

import hashlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from check_types import check_types
from edit_examples import edit_examples
from fimscope.corpus.tables import PROGRAMS
from fimscope.files.tables import read_table, write_table
from fimscope.typescript.pool import TypeScriptPool
from fimscope.typescript.tables import EXAMPLES, VARIANTS
from make_examples import make_examples

SCRIPTS = Path(__file__).parents[2] / "scripts"
FRACTIONS = (0.4, 0.2, 0.4)
CONTENTS = {
    "many": "export function f(a: string, b: number, c: Date, d: URL): void { a; b; c; d; }",
    "two": "const g = (x: string, { y }: Y): void => { x.length + y; };",
    "one": "class A { m(q: number[]) { const r = q; return { r }; } }",
    "members": "export class A { #p = 1; get p(): number { return this.#p; } }",
    "none": "export const x: number = 1;",
    "broken": "function f(a: string {",
    "jsx": "const f = (a: string) => <p>{a}</p>;",
}


@pytest.fixture(scope="module")
def pool():
    with TypeScriptPool(2) as pool:
        yield pool


@pytest.fixture(scope="module")
def programs():
    return [program(name, content) for name, content in CONTENTS.items()]


def split_rows(rows):
    """The rows that a step passes on, and those that it rejects."""
    passed, rejected = [], []
    for table, row in rows:
        (rejected if table == "rejected" else passed).append(row)
    return passed, rejected


def program(name, content):
    program_id = hashlib.sha256(content.encode()).hexdigest()
    return {
        "program_id": program_id,
        "package": f"package-{name}",
        "version": "1.0.0",
        "license": "MIT",
        "path": f"src/{name}.ts",
        "n_bytes": len(content.encode()),
        "cluster": program_id,
        "content": content,
    }


@pytest.mark.node
def test_every_annotation_is_an_example_or_rejected(pool, programs):
    examples, rejected = split_rows(make_examples(pool, programs, 10, FRACTIONS, 0))
    assert [(row["path"], row["kind"], row["name"], row["gold"]) for row in examples] == [
        ("src/many.ts", "parameter", "a", "string"),
        ("src/many.ts", "parameter", "b", "number"),
        ("src/many.ts", "parameter", "c", "Date"),
        ("src/many.ts", "parameter", "d", "URL"),
        ("src/many.ts", "return", "f", "void"),
        ("src/two.ts", "parameter", "x", "string"),
        ("src/two.ts", "return", "g", "void"),
        ("src/one.ts", "parameter", "q", "number[]"),
        ("src/members.ts", "return", "p", "number"),
    ]
    assert [(row["path"], row["reason"]) for row in rejected] == [
        ("src/two.ts", "unsupported_hole"),
        ("src/none.ts", "no_annotation"),
        ("src/broken.ts", "syntax_error"),
        ("src/jsx.ts", "syntax_error"),
    ]
    assert rejected[0]["example_id"] and rejected[1]["example_id"] is None
    ids = [row["example_id"] for row in examples] + [rejected[0]["example_id"]]
    assert len(set(ids)) == 10 and all(len(name) == 16 for name in ids)


@pytest.mark.node
def test_the_cap_draws_a_choice_and_the_others_are_rejected(pool, programs):
    everything, _ = split_rows(make_examples(pool, programs[:2], 10, FRACTIONS, 0))
    names = {row["example_id"] for row in everything}
    choices = set()
    for seed in range(6):
        examples, rejected = split_rows(make_examples(pool, programs[:2], 2, FRACTIONS, seed))
        over = [row["example_id"] for row in rejected if row["reason"] == "over_program_cap"]
        kept = [row["example_id"] for row in examples]
        assert Counter(row["path"] for row in examples) == {"src/many.ts": 2, "src/two.ts": 2}
        assert len(over) == 3 and {*over, *kept} == names
        assert kept == [row["example_id"] for row in everything if row["example_id"] in kept]
        choices.add(tuple(kept))
    assert len(choices) > 1


@pytest.mark.node
def test_a_program_has_one_group_and_the_groups_are_those_of_the_plan(pool, programs):
    examples, _ = split_rows(make_examples(pool, programs, 10, FRACTIONS, 0))
    groups = {(row["program_id"], row["group"]) for row in examples}
    assert len(groups) == 4
    assert {group for _, group in groups} == {"fit", "select", "test"}


@pytest.mark.node
def test_edits_and_checks_account_for_every_row(pool, programs):
    examples, _ = split_rows(make_examples(pool, programs, 10, FRACTIONS, 0))
    edited, rejected = split_rows(edit_examples(pool, examples, "rename_vars", 0))
    assert [row["reason"] for row in rejected] == ["nothing_to_edit"]
    assert rejected[0]["path"] == "src/members.ts" and rejected[0]["edit"] == "rename_vars"
    assert all(row["checks"] is None and row["renames"] for row in edited)
    variants, failed = split_rows(check_types(pool, examples, edited))
    assert failed == [] and len(variants) == len(edited) == 8
    passed = {"parses": True, "same_errors": True, "same_javascript": True, "same_text": True}
    assert all(row["checks"] == passed for row in variants)
    # One program's variants differ from each other in the place of the hole alone.
    texts = {row["prefix"] + row["gold"] + row["suffix"] for row in variants[:5]}
    assert len(texts) == 1


@pytest.mark.node
def test_the_original_goes_through_unchanged(pool, programs):
    examples, _ = split_rows(make_examples(pool, programs, 10, FRACTIONS, 0))
    edited, rejected = split_rows(edit_examples(pool, examples, "original", 0))
    assert rejected == []
    same = ("example_id", "program_id", "kind", "name", "prefix", "gold", "suffix", "name_start")
    for example, variant in zip(examples, edited, strict=True):
        assert {key: example[key] for key in same} == {key: variant[key] for key in same}
        assert variant["renames"] == []
    variants, failed = split_rows(check_types(pool, examples, edited))
    assert len(variants) == len(edited) and failed == []


@pytest.mark.node
@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("return { r", "return { s", "other_errors"),
        ("const r", "let r", "other_javascript"),
        ("const r", "const const", "does_not_parse"),
        ("class A", "class A { n(a: 1) {} } class B", "hole_moved"),
    ],
)
def test_a_wrong_variant_is_rejected_with_its_reason(pool, programs, old, new, reason):
    examples, _ = split_rows(make_examples(pool, programs[2:3], 10, FRACTIONS, 0))
    [variant], _ = split_rows(edit_examples(pool, examples, "original", 0))
    variant = {
        **variant,
        **{key: variant[key].replace(old, new) for key in ("prefix", "suffix")},
    }
    variants, [failed] = split_rows(check_types(pool, examples, [variant]))
    assert variants == []
    assert (failed["reason"], failed["path"]) == (reason, "src/one.ts")
    assert failed["detail"]


def run(step, *words):
    return subprocess.run(
        [sys.executable, SCRIPTS / f"{step}.py", *map(str, words)],
        capture_output=True,
        text=True,
    )


@pytest.mark.node
def test_the_steps_run_from_the_command_line_and_any_workers_give_the_same_bytes(
    tmp_path, programs
):
    write_table(tmp_path / "programs.parquet", PROGRAMS, programs, {})
    digests = []
    for folder, workers in ((tmp_path / "one", 1), (tmp_path / "two", 2)):
        words = ["--programs", tmp_path / "programs.parquet", "--per-program", 3, "--seed", 7]
        words += ["--fractions", *FRACTIONS, "--out", folder / "examples.parquet"]
        done = run(
            "make_examples",
            *words,
            "--out-rejected",
            folder / "rejected.parquet",
            "--workers",
            workers,
        )
        assert done.returncode == 0, done.stderr
        words = ["--examples", folder / "examples.parquet", "--edit", "rename_vars", "--seed", 7]
        words += ["--syllables", 2, "--out", folder / "edited.parquet"]
        done = run(
            "edit_examples",
            *words,
            "--out-rejected",
            folder / "rejected_2.parquet",
            "--workers",
            workers,
            "--cache",
            folder / "cache",
        )
        assert done.returncode == 0, done.stderr
        words = ["--examples", folder / "examples.parquet", "--edited", folder / "edited.parquet"]
        words += ["--out", folder / "variants.parquet"]
        done = run(
            "check_types",
            *words,
            "--out-rejected",
            folder / "rejected_3.parquet",
            "--workers",
            workers,
            "--cache",
            folder / "cache",
        )
        assert done.returncode == 0, done.stderr
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        digests.append({file.name: file.read_bytes() for file in files})
    assert digests[0] == digests[1]
    variants = read_table(tmp_path / "one" / "variants.parquet", VARIANTS).to_pylist()
    assert [row["checks"]["same_javascript"] for row in variants] == [True] * 6


@pytest.mark.node
def test_examples_of_other_programs_are_the_users_to_mend(tmp_path, pool, programs):
    examples, _ = split_rows(make_examples(pool, programs, 10, FRACTIONS, 0))
    edited, _ = split_rows(edit_examples(pool, examples, "original", 0))
    write_table(tmp_path / "examples.parquet", EXAMPLES, examples[1:], {})
    write_table(tmp_path / "edited.parquet", VARIANTS, edited, {})
    words = ["--examples", tmp_path / "examples.parquet", "--edited", tmp_path / "edited.parquet"]
    words += ["--out", tmp_path / "out.parquet", "--out-rejected", tmp_path / "rejected.parquet"]
    words += ["--cache", tmp_path / "cache"]
    done = run("check_types", *words)
    assert done.returncode == 1
    assert f"example {edited[0]['example_id']} is not in" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out.parquet").exists()
