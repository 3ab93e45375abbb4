"""rename_vars: hard cases against the text written by hand, each then proved by the checks."""

import math
import re

import pytest

from fimscope.errors import UserError
from fimscope.typescript.client import TypeScript
from fimscope.typescript.edit_names import EDIT_NAMES
from fimscope.typescript.new_names import NewNames
from fimscope.typescript.results import Edited, TypeScriptError
from marked import edit_marked, split_marked, verdict_on_edited, with_old_names
from typescript_cases import CASES

pytestmark = pytest.mark.node


@pytest.mark.parametrize("case", CASES)
def test_the_edit_writes_the_text_expected(typescript, case):
    marked, expected = CASES[case]
    edited = edit_marked(typescript, "rename_vars", marked)
    assert with_old_names(edited) == expected
    assert edited.prefix[edited.name_start :].startswith(edited.name)
    assert edited.gold == split_marked(marked)[1]


@pytest.mark.parametrize("case", CASES)
def test_the_variant_passes_every_check(typescript, case):
    marked = CASES[case][0]
    verdict = verdict_on_edited(typescript, marked, edit_marked(typescript, "rename_vars", marked))
    assert verdict.reason is None, verdict.detail
    assert verdict.parses and verdict.same_errors and verdict.same_javascript and verdict.same_text


def test_new_names_are_letters_that_the_program_has_not(typescript):
    marked = "function f(" + ", ".join(f"a{i}: number" for i in range(200)) + "): «void» {}"
    edited = edit_marked(typescript, "rename_vars", marked)
    names = [rename.new for rename in edited.renames]
    assert len(set(names)) == 201
    assert all(name.isalpha() and name.islower() and name not in marked for name in names)


def test_names_depend_on_program_and_seed_and_not_on_the_hole(typescript):
    first = "function f(a: «string», b: number) { return a + b; }"
    second = "function f(a: string, b: «number») { return a + b; }"
    renames = edit_marked(typescript, "rename_vars", first).renames
    assert edit_marked(typescript, "rename_vars", second).renames == renames
    assert edit_marked(typescript, "rename_vars", first, seed=1).renames != renames


def test_renames_have_their_kind(typescript):
    marked = "function f(a: «any», { b }: any) { const c = [a, b]; c; }"
    edited = edit_marked(typescript, "rename_vars", marked)
    assert [(rename.old, rename.kind) for rename in edited.renames] == [
        ("f", "function"),
        ("a", "parameter"),
        ("b", "parameter"),
        ("c", "variable"),
    ]


@pytest.mark.parametrize(
    ("marked", "reason"),
    [
        ("export class A { m(): «void» {} }", "nothing_to_edit"),
        ("function f(a: «string») { return eval('a'); }", "edit_failed"),
    ],
)
def test_an_edit_that_cannot_be_made_has_a_reason(typescript, marked, reason):
    with pytest.raises(TypeScriptError) as raised:
        edit_marked(typescript, "rename_vars", marked)
    assert raised.value.reason == reason


def test_an_unknown_edit_is_the_users_to_mend(typescript):
    with pytest.raises(UserError, match="did you mean 'rename_vars'"):
        edit_marked(typescript, "rename_var", "function f(a: «string») {}")


def test_exported_names_change_where_that_is_asked_for_and_are_reported(typescript):
    marked = (
        "export function f(a: «number») { return g(a); }\nexport const { h, i: [j] } = f as any;\n"
        "const g = h, k = 1;\nexport { g, k as l };\nexport default f;\n"
        "namespace N { export const m = j; }"
    )
    edited = edit_marked(typescript, "rename_vars", marked, exported=True)
    exports = {rename.old: rename.new for rename in edited.renames if rename.kind == "export"}
    assert set(exports) == {"f", "h", "j"}
    kept = [rename for rename in edited.renames if rename.kind != "export"]
    assert [rename.old for rename in kept] == ["f", "a", "g", "h", "j", "k"]
    assert f"export function {exports['f']}(" in edited.prefix
    assert f"export const {{ h: {exports['h']}, i: [{exports['j']}] }}" in edited.suffix
    assert verdict_on_edited(typescript, marked, edited).reason is None
    unreported = Edited(**{**vars(edited), "renames": kept})
    assert not verdict_on_edited(typescript, marked, unreported).same_javascript


@pytest.mark.parametrize(
    ("new_names", "pattern"),
    [
        (NewNames(syllables=1), "([a-z]{2}){1,2}"),
        (NewNames(syllables=3), "[a-z]{6}"),
        (NewNames(listed=("alpha", "beta", "gamma", "total")), "alpha|beta|gamma"),
    ],
)
def test_the_length_and_the_supply_of_names_can_be_chosen(new_names, pattern):
    marked = "function total(x: «number») { const y = x; return y; }"
    with TypeScript(new_names=new_names) as service:
        edited = edit_marked(service, "rename_vars", marked)
        # What a fresh process does too.
        service._service.stop()
        assert edit_marked(service, "rename_vars", marked) == edited
    assert len({rename.new for rename in edited.renames}) == 3
    assert all(re.fullmatch(pattern, rename.new) for rename in edited.renames)


@pytest.mark.parametrize("edit", ["rename_vars", "rename_types", "alias_types", "strip_comments"])
def test_the_sites_of_a_smaller_share_are_among_those_of_a_larger_one(typescript, edit):
    types = ["«Date»", "string", "number", "bigint", "Error", "RegExp", "any"]
    marked = "/* 7 */ interface I {}\n" + "".join(
        f"/* {i} */ function f{i}(a{i}: {gold}, b: Set<string>) {{ type T{i} = I; return a{i}; }}\n"
        for i, gold in enumerate(types)
    )
    shares = ["k1", "k3", "0.25", "0.5", "0.75", "1"]
    sites = {}
    for share in shares:
        edited = edit_marked(typescript, f"{edit}@{share}", marked)
        assert verdict_on_edited(typescript, marked, edited).reason is None
        sites[share] = {(rename.old, rename.new) for rename in edited.renames}
    n = len(sites["1"])
    assert [len(sites[share]) for share in shares[2:]] == [
        math.ceil(n * dose) for dose in (0.25, 0.5, 0.75, 1)
    ]
    assert (len(sites["k1"]), len(sites["k3"])) == (1, 3)
    assert sites["0.25"] < sites["0.5"] < sites["0.75"] < sites["1"]
    assert sites["k1"] < sites["k3"] <= sites["1"]
    other = edit_marked(typescript, f"{edit}@0.5", marked, seed=1)
    assert {rename.old for rename in other.renames} != {old for old, _ in sites["0.5"]}


def test_a_join_is_carried_out_in_its_own_order(typescript):
    marked = "type B = 1;\nfunction f(a: «number») { const b: B = 1; return [a, b]; }"
    edited = edit_marked(typescript, "rename_vars+rename_types+delete_annotations", marked)
    assert [rename.kind for rename in edited.renames] == [
        "function", "parameter", "variable", "type", "annotation",
    ]  # fmt: skip
    assert edit_marked(typescript, "delete_annotations+rename_types+rename_vars", marked) == edited
    assert verdict_on_edited(typescript, marked, edited).reason is None


def test_every_edit_that_can_be_spelled_is_known_to_the_service(typescript):
    assert tuple(typescript.edit_names()) == EDIT_NAMES
