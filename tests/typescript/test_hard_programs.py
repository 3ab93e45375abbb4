"""Small programs that were edited wrongly, or not at all: each edit's text, and its proof."""

import re
from pathlib import Path

import pytest

from fimscope.typescript.client import TypeScript
from fimscope.typescript.new_names import NewNames, corpus_names
from fimscope.typescript.results import Rename, TypeScriptError
from marked import edit_marked, marked_text, verdict_on, verdict_on_edited, with_old_names

pytestmark = pytest.mark.node


ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "data"
ENGLISH = (Path(__file__).parent / "data" / "english_words.txt").read_text().split()


def program(name: str) -> str:
    return (PROGRAMS / f"{name}.ts").read_bytes().decode("utf-8")


def marked(text: str, annotation: str) -> str:
    """The text with the first such annotation, after its colon, as the hole; a comma is no part."""
    assert f": {annotation}" in text
    gold = annotation.rstrip(",")
    return text.replace(f": {annotation}", f": «{gold}»{annotation[len(gold) :]}", 1)


def proven(typescript, edit, original, **options):
    """The text of the variant, new names written as the old ones with a number; it is proven."""
    edited = edit_marked(typescript, edit, original, **options)
    verdict = verdict_on_edited(typescript, original, edited)
    assert verdict.reason is None, verdict.detail
    return with_old_names(edited)


def test_a_shorthand_proto_stays_a_property(typescript):
    original = marked(program("A1_proto_shorthand"), "string")
    found = proven(typescript, "rename_vars", original)
    assert 'return { ["__proto__"]: __proto___1, label: label_1 };' in found


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ('{ ["__proto__"]: v }', None),
        ("{ __proto__: v }", "other_javascript"),
        ('{ "__proto__": v }', "other_javascript"),
    ],
)
def test_what_sets_a_prototype_is_another_program(typescript, written, reason):
    original = "const f = (__proto__: «any») => ({ __proto__ });"
    variant = f"const f = (v: «any») => ({written});"
    verdict = verdict_on(typescript, original, variant, [Rename("__proto__", "v", "parameter")])
    assert verdict.reason == reason
    assert verdict.same_javascript == verdict.same_text == (reason is None)


@pytest.mark.parametrize("where", ['module "./box.js"', "global"])
def test_type_parameters_of_other_files_types_stay(typescript, where):
    original = (
        f"export {{}};\ndeclare {where} {{ interface Array<T> {{ a<U>(b: U): T }} }}\n"
        "interface Local<T> { x: T }\nexport const f = (x: «number», y: Local<1>): number => x;"
    )
    found = proven(typescript, "rename_types", original)
    assert f"declare {where} {{ interface Array<T> {{ a<U_1>(b: U_1): T }} }}" in found
    assert "interface Local_1<T_1> { x: T_1 }" in found
    wrong = original.replace("Array<T>", "Array<V>").replace("): T }", "): V }")
    verdict = verdict_on(typescript, original, wrong, [Rename("T", "V", "type")])
    assert not verdict.same_text


def test_the_augmentations_of_the_cases_keep_their_type_parameters(typescript):
    with pytest.raises(TypeScriptError, match="nothing_to_edit"):
        proven(typescript, "rename_types", marked(program("A2_module_augmentation"), "number"))
    found = proven(typescript, "rename_types", marked(program("B2_global_augmentation"), "number,"))
    assert "interface Array<T> { lastItem(): T | undefined }" in found
    assert "y: Local_1" in found


def test_masks_inside_a_function_types_parameter_are_proven(typescript):
    original = marked(program("B1_mask_function_type_parameter"), "Visitor")
    found = marked_text(edit_marked(typescript, "mask_annotations", original))
    assert "(options: { depth: any }) => void" in found
    assert proven(typescript, "mask_annotations", original)


def test_new_target_is_no_variable(typescript):
    found = proven(typescript, "rename_vars", marked(program("B3_new_target"), "any"))
    assert len(re.findall(r"new\.target\b", found)) == 3
    assert "function target_2(m_1: number) { return new.target ?? m_1; }" in found


@pytest.mark.parametrize(
    "call", ["(0, eval)(x)", "globalThis.eval(x)", "[eval][0](x)", "o.eval(x)"]
)
def test_an_indirect_eval_sees_no_variables(typescript, call):
    original = f"function f(x: «any», o: any) {{ return {call}; }}"
    assert "x_1" in proven(typescript, "rename_vars", original)


@pytest.mark.parametrize(
    "call",
    ["eval(x)", "(eval)(x)", "(eval as any)(x)", "eval!(x)", "eval?.(x)", "(<any>(eval))(x)"],
)
def test_a_direct_eval_is_refused_for_what_it_is(typescript, call):
    original = f"function f(x: «any», o: any) {{ return {call}; }}"
    with pytest.raises(TypeScriptError, match="edit_failed: eval"):
        edit_marked(typescript, "rename_vars", original)
    renamed = original.replace("o: any", "v: any")
    verdict = verdict_on(typescript, original, renamed, [Rename("o", "v", "parameter")])
    assert not verdict.same_javascript and not verdict.same_text


def test_the_evals_of_the_cases(typescript):
    indirect = marked(program("B4_indirect_eval"), "string")
    assert "(0, eval)(code_1)" in proven(typescript, "rename_vars", indirect)
    with pytest.raises(TypeScriptError, match="edit_failed: eval"):
        proven(typescript, "rename_vars", marked(program("B5_eval_in_parentheses"), "string"))


def test_an_exported_class_with_a_decorator_is_renamed(typescript):
    original = marked(program("B6_exported_decorated_class"), "number")
    assert "export class Service {" in proven(typescript, "rename_vars", original)
    found = proven(typescript, "rename_types", original, exported=True)
    assert "@deco\nexport class Service_1 {" in found


def test_a_default_does_not_see_the_functions_of_the_body(typescript):
    original = marked(program("B7_function_of_the_body_in_a_default"), "number")
    found = proven(typescript, "rename_vars", original)
    assert "h_1: () => string = () => inner(), m_1: «number»" in found


def test_a_deferred_import_is_an_import(typescript):
    original = marked(program("B8_import_defer"), "number")
    found = proven(typescript, "rename_vars", original)
    assert found.startswith("import defer * as heavy") and "heavy.run(n_1)" in found
    undeferred = original.replace("import defer", "import")
    assert verdict_on(typescript, original, undeferred, []).reason == "other_text"


def test_what_the_second_parser_cannot_read_is_a_reason_of_its_own(typescript):
    original = "const f = async (a: «any») => import.defer(a);"
    edited = edit_marked(typescript, "rename_vars", original)
    assert verdict_on_edited(typescript, original, edited).reason == "unsupported_syntax"


@pytest.mark.parametrize("mark", ["\ufeff", ""])
def test_a_file_may_begin_with_a_mark_and_the_line_of_an_interpreter(typescript, mark):
    text = program("B9_bom_and_hashbang")
    assert text.startswith("\ufeff#!")
    original = marked(mark + text[1:], "number")
    assert f"{mark}#!/usr/bin/env node\nexport function main(code_1: " in proven(
        typescript, "rename_vars", original
    )
    added = marked_text(edit_marked(typescript, "alias_types", original))
    assert re.match(rf"{mark}#!/usr/bin/env node\ntype \w+ = number;\nexport ", added)
    with pytest.raises(TypeScriptError, match="nothing_to_edit"):
        edit_marked(typescript, "strip_comments", original)
    other = original.replace("node", "deno")
    assert verdict_on(typescript, original, other, []).reason == "other_text"


def test_the_parts_around_a_hole_keep_the_mark(typescript):
    hole = typescript.holes(program("B9_bom_and_hashbang")).holes[0]
    units = typescript.units(hole.prefix, hole.gold, hole.suffix)
    assert "".join(units.before_parts) == hole.prefix


def test_names_that_the_language_keeps_are_not_taken_from_the_corpus():
    kept = ["eval", "arguments", "await", "undefined", "NaN", "Infinity", "static"]
    rows = [{"kind": "parameter", "name": name, "gold": "number"} for name in [*kept, "width"]]
    original = marked(program("B10_natural_names_eval"), "number")
    with TypeScript(new_names=NewNames(corpus=corpus_names(rows))) as service:
        edited = edit_marked(service, "natural_names", original)
        assert {rename.new for rename in edited.renames} == {"width"}
        assert verdict_on_edited(service, original, edited).reason is None


def test_an_export_list_keeps_its_names(typescript):
    original = marked(program("C2_export_list"), "number")
    found = proven(typescript, "rename_vars+rename_types", original)
    assert "export { helper_1 as helper, type Shape_1 as Shape };" in found


def test_an_annotation_behind_a_line_break_goes_with_it(typescript):
    original = marked(program("C4_arrow_behind_a_line_break"), "string")
    proven(typescript, "delete_annotations", original)
    deleted = edit_marked(typescript, "delete_annotations", original)
    assert marked_text(deleted) == "export const f = (a: «string») => a;\n"
    commented = "export const f = (a: «string») // a\n  : string => a, g: string\n = f('');"
    proven(typescript, "delete_annotations", commented)
    deleted = edit_marked(typescript, "delete_annotations", commented)
    assert marked_text(deleted) == commented.replace("g: string", "g")


def test_no_meaningless_name_is_an_english_word(typescript):
    listed = (ROOT / "config" / "names.txt").read_text().split()
    assert len(listed) > 1400 and not set(listed) & set(ENGLISH)
    names = ", ".join(f"a{index}: number" for index in range(2800))
    edited = edit_marked(typescript, "rename_vars", f"function f({names}): «void» {{}}")
    assert len(edited.renames) == 2801
    assert not {rename.new for rename in edited.renames} & set(ENGLISH)
