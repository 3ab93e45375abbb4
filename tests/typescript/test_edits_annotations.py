"""delete_annotations and mask_annotations: what the checker allows goes, the rest stays."""

import pytest

from fimscope.typescript.results import TypeScriptError
from marked import edit_marked, marked_text, verdict_on_edited
from typescript_cases import DELETED

MASKED = {
    "everywhere but in types and in the gold": (
        "interface I { a: string; m(x: number): void; [k: string]: unknown }\n"
        "type F = (a: string) => void;\n"
        "function f(a: «string», ...b: number[]): b is any { const c: I = {} as I; return !!c; }",
        "interface I { a: any; m(x: any): any; [k: string]: any }\n"
        "type F = (a: string) => void;\n"
        "function f(a: «string», ...b: any): any { const c: any = {} as I; return !!c; }",
    ),
    "what needs its annotation": (
        "function is(a: unknown, c: «number»): a is string { return !!a; }\n"
        "function f(b: unknown): number { if (is(b, 1)) return b.length; return 0; }",
        "function is(a: any, c: «number»): any { return !!a; }\n"
        "function f(b: any): any { if (is(b, 1)) return b.length; return 0; }",
    ),
    "classes": (
        "class A { p: number = 1; q!: string; constructor(public x: string) {}"
        " set g(v: Date) {} m(this: A, a: «any», b: any): this { return this; } }",
        "class A { p: any = 1; q!: any; constructor(public x: any) {}"
        " set g(v: any) {} m(this: any, a: «any», b: any): any { return this; } }",
    ),
}


def check_edit(typescript, edit, original, expected, becomes):
    edited = edit_marked(typescript, edit, original)
    assert marked_text(edited) == expected
    assert edited.prefix[edited.name_start :].startswith(edited.name)
    assert {(rename.kind, rename.new) for rename in edited.renames} == {("annotation", becomes)}
    verdict = verdict_on_edited(typescript, original, edited)
    assert verdict.reason is None, verdict.detail


@pytest.mark.parametrize("case", DELETED)
def test_annotations_go_where_the_checker_allows_it(typescript, case):
    check_edit(typescript, "delete_annotations", *DELETED[case], "")


@pytest.mark.parametrize("case", MASKED)
def test_annotations_become_any(typescript, case):
    check_edit(typescript, "mask_annotations", *MASKED[case], "any")


def test_the_table_has_the_annotations_that_went(typescript):
    original = "function f(a: «string», b: number = 1, c: Date) { const d: bigint = 1n; }"
    edited = edit_marked(typescript, "delete_annotations", original)
    assert [rename.old for rename in edited.renames] == ["number", "bigint"]


def test_the_annotations_of_a_smaller_share_are_among_those_of_a_larger_one(typescript):
    original = "function f(a: «any») {\n" + "".join(
        f"const a{i}: {type_} = {value};\n"
        for i, (type_, value) in enumerate(
            [("1", "1"), ("2", "2"), ("'a'[]", "['a']"), ("4", "4"), ("5", "5"), ("6", "6")] * 2
        )
    )
    original += "const u: 'a' = a2[0];\nconst v: 'a' = a8[0]; }"
    sites = {}
    for share in ("k1", "k3", "0.25", "0.5", "0.75", "1"):
        edited = edit_marked(typescript, f"delete_annotations@{share}", original)
        assert verdict_on_edited(typescript, original, edited).reason is None
        lines = marked_text(edited).splitlines()
        sites[share] = {
            line for line, old in zip(lines, original.splitlines(), strict=True) if line != old
        }
    assert len(sites["k1"]) == 1 and sites["k1"] < sites["k3"]
    assert sites["0.25"] < sites["0.5"] < sites["0.75"] < sites["1"]
    for share in ("0.25", "0.5", "0.75"):
        assert edit_marked(typescript, f"delete_annotations@{share}", original, seed=1)


def test_many_failing_annotations_take_a_bounded_number_of_checks(typescript):
    original = "function f(a: «any») {\n" + "".join(
        f"const a{i}: 'x'[] = ['x'], b{i}: 'x' = a{i}[0];\n" for i in range(40)
    )
    original += "}"
    edited = edit_marked(typescript, "delete_annotations", original)
    assert verdict_on_edited(typescript, original, edited).reason is None
    assert edited.renames


@pytest.mark.parametrize("edit", ["delete_annotations", "mask_annotations"])
def test_a_program_without_other_annotations_is_refused(typescript, edit):
    with pytest.raises(TypeScriptError) as raised:
        edit_marked(typescript, edit, "function f(a: «string», b: any) { return b; }")
    assert raised.value.reason == "nothing_to_edit"
