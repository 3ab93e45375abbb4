"""What comments say of a name is renamed with it: the text, and the proof of it."""

import pytest

from fimscope.typescript.results import Rename
from marked import edit_marked, verdict_on, verdict_on_edited, with_old_names

pytestmark = pytest.mark.node


# As in the tests of rename_vars, a new name is written as the old one with a number.
RENAMED = {
    "tags, links and words": (
        "/**\n * Wait for seconds; {@link seconds} of 0, `seconds`, is for ever.\n"
        " * @param seconds - how long, in seconds\n * @param {number} [seconds=1] again */\n"
        "export function wait(seconds: «number») { return seconds; }",
        "/**\n * Wait for seconds_1; {@link seconds_1} of 0, `seconds_1`, is for ever.\n"
        " * @param seconds_1 - how long, in seconds_1\n * @param {number} [seconds_1=1] again */\n"
        "export function wait(seconds_1: «number») { return seconds_1; }",
    ),
    "whole words alone": (
        "function f(text: «string») { // texts, Text, a-text, text-like, $text, #text\n}",
        "function f_1(text_1: «string») { // texts, Text, a-text, text_1-like, $text, #text\n}",
    ),
    "no members, tags, paths and addresses": (
        "// this.text ...text @text ./text https://x.org/text/ text.text text()\n"
        "const f = (text: «string») => text;",
        "// this.text ...text_1 @text ./text https://x.org/text/ text_1.text text_1()\n"
        "const f_1 = (text_1: «string») => text_1;",
    ),
    "English before a name": (
        "// a word, v[a], (a) and `a`, as {@link a}\n/** @param a as a word\n * @param as a */\n"
        "const f = (a: «string», as: any) => [a, as];",
        "// a word, v[a_1], (a_1) and `a_1`, as {@link a_1}\n"
        "/** @param a_1 as a word\n * @param as_1 a */\n"
        "const f_1 = (a_1: «string», as_1: any) => [a_1, as_1];",
    ),
    "each function its own": (
        "/** the size of f */\nfunction f(size: «number») {\n  // size of f\n"
        "  return (size: number) => { /* size of the arrow */ return size; /* again size */ };\n"
        "}\n/** the size of g */\nfunction g(size: number) { return size; }"
        " // the last size, of f\n"
        "/** no size */\nconst h = f;",
        "/** the size_1 of f_1 */\nfunction f_1(size_1: «number») {\n  // size_1 of f_1\n"
        "  return (size_2: number) => { /* size_2 of the arrow */ return size_2;"
        " /* again size_2 */ };\n"
        "}\n/** the size_3 of g_1 */\nfunction g_1(size_3: number) { return size_3; }"
        " // the last size, of f_1\n"
        "/** no size */\nconst h_1 = f_1;",
    ),
    "the function that something makes": (
        "declare function wrap(x: any): any;\n"
        "/** size */\nexport const f = wrap((size: «number») => size);\n"
        "class A {\n  /** size */\n  p = (size: number) => size;\n  /** size */\n"
        "  m(size: number) { return size; }\n  /** size */\n  q = 1;\n}\n"
        "const o = {\n  /** size */\n  r: function (size: number) { return size; },\n};",
        "declare function wrap(x_1: any): any;\n"
        "/** size_1 */\nexport const f = wrap((size_1: «number») => size_1);\n"
        "class A {\n  /** size_2 */\n  p = (size_2: number) => size_2;\n  /** size_3 */\n"
        "  m(size_3: number) { return size_3; }\n  /** size */\n  q = 1;\n}\n"
        "const o_1 = {\n  /** size_4 */\n  r: function (size_4: number) { return size_4; },\n};",
    ),
    "ends of lines and blocks": (
        "function f(\n  left: «number», // the left, not the right\n  right: number, // the right\n"
        ") {\n  const sum = left + right; // the sum\n  {\n    const inner = sum; // inner\n"
        "    // inner too\n  }\n  // no inner, but the sum\n}\n",
        "function f_1(\n  left_1: «number», // the left_1, not the right_1\n"
        "  right_1: number, // the right_1\n) {\n"
        "  const sum_1 = left_1 + right_1; // the sum_1\n  {\n"
        "    const inner_1 = sum_1; // inner_1\n    // inner_1 too\n  }\n"
        "  // no inner, but the sum_1\n}\n",
    ),
    "signatures": (
        "interface I {\n  /** @param size */\n  m(size: number): void;\n}\n"
        "/** @param size */\ntype F = (size: number) => void;\n"
        "/** @param size 1 */\nfunction f(size: «string»): void;\n"
        "/** @param size 2 */\nfunction f(size: any) { size; }",
        "interface I {\n  /** @param size_1 */\n  m(size_1: number): void;\n}\n"
        "/** @param size_2 */\ntype F = (size_2: number) => void;\n"
        "/** @param size_3 1 */\nfunction f_1(size_3: «string»): void;\n"
        "/** @param size_3 2 */\nfunction f_1(size_3: any) { size_3; }",
    ),
    "what another declares": (
        "import { size } from 'm'; // size\nexport const width = size; // width of size\n"
        "function f(x: «any») { const size = x; } // size\n",
        "import { size } from 'm'; // size\nexport const width = size; // width of size\n"
        "function f_1(x_1: «any») { const size_1 = x_1; } // size\n",
    ),
    "in the gold and around it": (
        "function f(size: /* size */ «Array</* size */ any>» /* size */) { return size; }",
        "function f_1(size_1: /* size_1 */ «Array</* size */ any>» /* size_1 */)"
        " { return size_1; }",
    ),
    "no text, no code": (
        "const f = (size: «any») =>"
        " `// size ${ /* size */ size } /* size */` + '// size' + /size/;",
        "const f_1 = (size_1: «any») =>"
        " `// size ${ /* size_1 */ size_1 } /* size */` + '// size' + /size/;",
    ),
}

TYPES = (
    "/** A Box, {@link Box} of T.\n * @template T what a Box holds */\ninterface Box<T> { v: T }\n"
    "/** A Box of T.\n * @template T T */\nfunction f<T>(box: «any», b: Box<T>) {} // Boxes",
    "/** A Box_1, {@link Box_1} of T_1.\n * @template T_1 what a Box_1 holds */\n"
    "interface Box_1<T_1> { v: T_1 }\n"
    "/** A Box_1 of T_2.\n * @template T_2 T_2 */\nfunction f<T_2>(box: «any», b: Box_1<T_2>) {}"
    " // Boxes",
)


def check_edit(typescript, edit, original, expected):
    edited = edit_marked(typescript, edit, original)
    assert with_old_names(edited) == expected
    verdict = verdict_on_edited(typescript, original, edited)
    assert verdict.reason is None, verdict.detail


@pytest.mark.parametrize("case", RENAMED)
def test_mentions_are_renamed_with_their_variable(typescript, case):
    check_edit(typescript, "rename_vars", *RENAMED[case])


def test_mentions_are_renamed_with_their_type(typescript):
    check_edit(typescript, "rename_types", *TYPES)


def test_a_share_renames_the_mentions_of_its_own_names(typescript):
    original = "/** left and right */\nfunction f(left: «any», right: any) {}"
    for seed in range(4):
        edited = edit_marked(typescript, "rename_vars@k1", original, seed)
        [rename] = edited.renames
        code, comment = (edited.prefix + edited.suffix).split("*/")[::-1]
        assert (rename.new in code) and (rename.old == "f" or rename.new in comment)
        assert sum(name in comment for name in ("left", "right")) == 2 - (rename.old != "f")


def test_comments_that_stay_are_renamed_where_others_go(typescript):
    original = "// left 1\nfunction f(left: «any») {\n  // left 2\n  return left; // left 3\n}"
    edited = edit_marked(typescript, "strip_comments@0.5+rename_vars", original)
    assert verdict_on_edited(typescript, original, edited).reason is None
    assert "left" not in edited.prefix + edited.suffix


WRONG = {
    "a word that no rename gives": ("// b", "// c", []),
    "a rename backwards": ("// v", "// a", []),
    "a comment that is new": ("", "// a", []),
    "a comment that is gone": ("// b", "", []),
    "another comment gone": ("// b", "", [Rename("// a", "", "comment")]),
    "one of two equal comments too many": ("// b\n// b", "", [Rename("// b", "", "comment")]),
    "a mark in a comment": ("// b.", "// b!", []),
    "another kind of comment": ("// b", "/* b */", []),
    "two comments exchanged": ("// b\n// c", "// c\n// b", []),
}


@pytest.mark.parametrize("case", WRONG)
def test_other_changes_of_comments_are_caught(typescript, case):
    was, now, renames = WRONG[case]
    code = "\nconst f = (a: «any») => a;"
    edited = "\nconst f = (v: «any») => v;"
    renames = [Rename("a", "v", "parameter"), *renames]
    verdict = verdict_on(typescript, was + code, now + edited, renames)
    assert verdict.reason == "other_text"
    assert verdict.same_errors and verdict.same_javascript


def test_a_comment_goes_with_its_annotation(typescript):
    original = "const f = (a: «any»): /* b */ { c: 1 /* d */ } => a;"
    variant = "const f = (a: «any») => a;"
    gone = [Rename("{ c: 1 /* d */ }", "", "annotation")]
    assert verdict_on(typescript, original, variant, gone).reason is None
    kept = original.replace("/* d */", "/* e */")
    assert verdict_on(typescript, original, kept, []).reason == "other_text"
