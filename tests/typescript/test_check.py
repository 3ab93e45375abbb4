"""The checks of a variant: planted wrong renames are all caught, right ones all accepted."""

import re
from itertools import product

import pytest

from fimscope.typescript.results import Rename
from marked import split_marked
from typescript_cases import RIGHT, WRONG_ERRORS, WRONG_JAVASCRIPT

WRONG_TEXT = {
    "typeof of another variable of the same type": (
        "const a = 1, b = 1;\nconst f = (c: «any») => { let d: typeof a; };",
        "const v = 1, w = 1;\nconst f = (c: «any») => { let d: typeof w; };",
    ),
    "predicate of another parameter": (
        "function f(a: «unknown», b: unknown): a is string { return !!a; }",
        "function f(v: «unknown», w: unknown): w is string { return !!v; }",
    ),
    "assertion of another parameter": (
        "function f(a: «unknown», b: unknown): asserts a {}",
        "function f(v: «unknown», w: unknown): asserts w {}",
    ),
}

WRONG_HOLE = {
    "another parameter's annotation": (
        "const f = (a: «any», b: any) => 1;",
        "const f = (a: any, b: «any») => 1;",
    ),
    "another gold": (
        "const f = (a: «any») => 1;",
        "const f = (a: «unknown») => 1;",
    ),
    "no annotation": (
        "const f = (a: «any») => 1;",
        "const f = (a: any«») => 1;",
    ),
    "a name that no rename gives": (
        "const f = (a: «any») => 1;",
        "const f = (w: «any») => 1;",
    ),
}


def verdict_on(typescript, pair):
    original, variant = pair
    words = [sorted(set(re.findall(r"\w+", text))) for text in pair]
    renames = [Rename(old, new, "parameter") for old, new in product(*words)]
    return typescript.check(split_marked(original), split_marked(variant), renames)


@pytest.mark.parametrize("case", RIGHT)
def test_a_right_rename_passes(typescript, case):
    verdict = verdict_on(typescript, RIGHT[case])
    assert verdict.reason is None, verdict.detail
    assert verdict.parses and verdict.same_errors and verdict.same_javascript and verdict.same_text


@pytest.mark.parametrize("case", WRONG_JAVASCRIPT)
def test_a_rename_that_changes_what_runs_is_caught(typescript, case):
    verdict = verdict_on(typescript, WRONG_JAVASCRIPT[case])
    assert verdict.parses and not verdict.same_javascript
    assert verdict.reason in ("other_javascript", "other_errors", "hole_moved")
    assert verdict.detail


@pytest.mark.parametrize("case", WRONG_ERRORS)
def test_a_rename_that_changes_types_is_caught(typescript, case):
    verdict = verdict_on(typescript, WRONG_ERRORS[case])
    assert verdict.parses and not verdict.same_errors
    assert verdict.reason == "other_errors"
    assert verdict.detail


@pytest.mark.parametrize("case", WRONG_TEXT)
def test_a_change_of_what_neither_errors_nor_javascript_show_is_caught(typescript, case):
    verdict = verdict_on(typescript, WRONG_TEXT[case])
    assert verdict.parses and not verdict.same_text
    assert verdict.reason == "other_text"
    assert verdict.detail


@pytest.mark.parametrize("case", WRONG_HOLE)
def test_a_moved_hole_is_caught(typescript, case):
    original, variant = map(split_marked, WRONG_HOLE[case])
    assert typescript.check(original, variant, []).reason == "hole_moved"


def test_a_name_that_no_rename_gives_is_caught(typescript):
    original, variant = "const f = (a: «any», b: any) => b;", "const f = (a: «any», v: any) => v;"
    parts = split_marked(original), split_marked(variant)
    assert typescript.check(*parts, [Rename("b", "v", "parameter")]).reason is None
    for renames in ([], [Rename("b", "w", "parameter")], [Rename("b", "v", "comment")]):
        assert typescript.check(*parts, renames).reason == "other_text"


def test_a_variant_that_does_not_parse_is_caught(typescript):
    pair = ("const f = (a: «any») => a;", "const f = (v w: «any») => v;")
    verdict = verdict_on(typescript, pair)
    assert verdict.reason == "does_not_parse"
    assert not (verdict.parses or verdict.same_errors or verdict.same_javascript)
    assert "line 1" in verdict.detail
