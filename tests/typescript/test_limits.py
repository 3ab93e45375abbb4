"""Limits are counted in work: what is refused is refused everywhere, for one reason."""

import pytest

from fimscope.typescript.client import TypeScript
from fimscope.typescript.results import TypeScriptError

pytestmark = pytest.mark.node


FUNCTION = "export function f(a: number, b: string): string {{ return {}; }}"
NESTED = {
    "ternaries": ("a > 0 ? b : ", "b", ""),
    "ternaries in the middle": ("a > 0 ? ", "b", " : b"),
    "parentheses": ("(", "b", ")"),
    "arrays": ("[", "b", "]"),
    "objects": ("{a: ", "b", "}"),
    "functions": ("((x: number) => ", "b", ")"),
    "calls": ("f(a, ", "b", ")"),
    "sums": ("", "b", " + b"),
    "chained calls": ("", "b", ".m(a)"),
    "half a program": ("(", "", ""),
}


def nested(kind: str, n: int) -> str:
    before, middle, after = NESTED[kind]
    return FUNCTION.format(before * n + middle + after * n)


def test_a_comment_without_an_end_is_refused_and_not_read_for_ever(typescript):
    with pytest.raises(TypeScriptError) as refused:
        typescript.holes("interface A {\n  /** call-al")
    assert refused.value.reason == "syntax_error"


@pytest.mark.parametrize("kind", NESTED)
def test_nesting_is_refused_by_its_depth(typescript, kind):
    for n in (600, 1000, 5000, 50_000):
        with pytest.raises(TypeScriptError) as refused:
            typescript.holes(nested(kind, n))
        assert refused.value.reason == "too_complex"
        assert refused.value.detail == "nested more than 500 levels deep"


@pytest.mark.parametrize("kind", sorted(NESTED.keys() - {"half a program"}))
def test_what_is_let_through_is_served(typescript, kind):
    text = nested(kind, 230)
    [hole, *_] = typescript.holes(text).holes
    parts = hole.prefix, hole.gold, hole.suffix
    edited = typescript.edit("rename_vars", *parts, hole.name_start, 0)
    verdict = typescript.check(parts, (edited.prefix, edited.gold, edited.suffix), edited.renames)
    assert verdict.reason is None
    assert typescript.units(*parts).units
    assert typescript.regions(*parts, hole.name_start)


def test_length_and_nodes_are_refused_by_their_number(typescript):
    for text, detail in (
        (" " * 2_000_001, "more than 2000000 characters"),
        ("a;\n" * 300_000, "more than 500000 syntax nodes"),
    ):
        with pytest.raises(TypeScriptError) as refused:
            typescript.holes(text)
        assert (refused.value.reason, refused.value.detail) == ("too_complex", detail)


# Without its annotation n is 9999, and the checker gives the list up long before.
ENDLESS = """
type List<N, T extends 0[] = []> = T["length"] extends N ? T : List<N, [...T, 0]>;
declare function list<const N>(n: N): List<N>;
const n: number = 9999;
export function f(a: boolean) { return list(n); }
"""


def test_a_deletion_that_the_checker_gives_up_is_refused(typescript):
    prefix, suffix = ENDLESS.split("boolean")
    name_start = len(prefix) - len("a: ")
    with TypeScript() as fresh:
        for service in (typescript, typescript, fresh):  # at first sight, again, and in another
            with pytest.raises(TypeScriptError) as refused:
                service.edit("delete_annotations", prefix, "boolean", suffix, name_start, 0)
            assert refused.value.reason == "too_complex"
            assert "gives its types up" in refused.value.detail
    renamed = typescript.edit("rename_vars", prefix, "boolean", suffix, name_start, 0)
    assert renamed.renames


# Where it is inferred, the type of each method holds the class of a longer type, with all methods.
GROWING = """
export class Chain<T> {{
    constructor(readonly first: T) {{}}
    same(): Chain<T> {{ return new Chain<T>(this.first); }}
    {methods}
}}
export function f(a: boolean) {{ return a; }}
"""
METHOD = "m{0}(): Chain<[T, {0}]> {{ return new Chain<[T, {0}]>([this.first, {0}]); }}"


def test_methods_whose_types_would_grow_are_refused_by_their_number(typescript):
    for n, is_refused in ((3, False), (4, True), (40, True)):
        methods = " ".join(METHOD.format(i) for i in range(n))
        prefix, suffix = GROWING.format(methods=methods).split("boolean")
        parts = prefix, "boolean", suffix, len(prefix) - len("a: "), 0
        # To become `any` is no such matter.
        assert typescript.edit("mask_annotations", *parts).renames
        if is_refused:
            with pytest.raises(TypeScriptError) as refused:
                typescript.edit("delete_annotations", *parts)
            assert refused.value.reason == "too_complex"
            assert "methods without their type make Chain of other" in refused.value.detail
        else:
            assert typescript.edit("delete_annotations", *parts).renames
