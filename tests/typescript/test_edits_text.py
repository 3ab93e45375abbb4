"""strip_comments and add_distractor: what they write, what they leave, and the proof of it."""

import itertools

import pytest

from fimscope.typescript.results import TypeScriptError
from marked import edit_marked, marked_text, verdict_on_edited

STRIPPED = {
    "documentation": (
        "/**\n * Pads.\n * @param text what\n */\nfunction pad(text: «string») {\n  // first\n"
        "  return text; // last\n}\n// end\n",
        "function pad(text: «string») {\n  return text;\n}\n",
    ),
    "inside a signature": (
        "function f(/* one */ a /* two */ : /* in */ «string» /* out */, // three\n"
        "  b: number /* four */): void {}",
        "function f(a : «string»,\n  b: number): void {}",
    ),
    "in front of the name": (
        "const x = 1; /* a */ /* b */ const f = (/* 😀 */ n: «number») => n;",
        "const x = 1; const f = (n: «number») => n;",
    ),
    "what the compiler reads": (
        "// @ts-nocheck\n/// <reference lib='dom' />\nfunction f(a: «string») {\n"
        "  // @ts-ignore\n  const b: number = a;\n  /* @ts-expect-error */ // why\n"
        "  const c: number = a;\n}",
        "// @ts-nocheck\n/// <reference lib='dom' />\nfunction f(a: «string») {\n"
        "  // @ts-ignore\n  const b: number = a;\n  /* @ts-expect-error */\n"
        "  const c: number = a;\n}",
    ),
    "what only looks like a comment": (
        "const f = (a: «string») => [`/* ${/* yes */ a} */ // no`, '// no', /\\/* no *\\//g]; //",
        "const f = (a: «string») => [`/* ${a} */ // no`, '// no', /\\/* no *\\//g];",
    ),
    "a comment that ends a statement": (
        "function f(a: «any») {\n  return /* \n */ 1;\n}\nlet b = 1 /*\n*/ let c = 2",
        "function f(a: «any») {\n  return \n1;\n}\nlet b = 1 \nlet c = 2",
    ),
    "between tokens that would be one": (
        "const f = (a: «any») => { return/**/typeof/**/a; };\nlet a = 1, b = a+/**/+a, c = a/**/;",
        "const f = (a: «any») => { return typeof a; };\nlet a = 1, b = a+ +a, c = a;",
    ),
    "line ends and the interpreter's line": (
        "#!/usr/bin/env node\r\n// a\r\nfunction f(a: «any») {} // b\r\n\t// c\r\n",
        "#!/usr/bin/env node\r\nfunction f(a: «any») {}\r\n",
    ),
    "inside the gold": (
        "function f(a: «{ b: /* kept */ 1 }», c: /* not kept */ 2) {}",
        "function f(a: «{ b: /* kept */ 1 }», c: 2) {}",
    ),
    "a page of code in a comment": (
        "/*\nfunction g(a: string) {}\n*/\nfunction f(a: «any») { /* } */ }",
        "function f(a: «any») { }",
    ),
}

HOSTS = {
    "overloads": "import a from 'b';\nfunction f(a: string): void; // x\n"
    "function f(a: «any»): void {}\nconst b = 1 // c\nf('')\n",
    "one statement": "export default class { m(a: «number») { return a; } }",
    "line ends": "'use strict';\r\n// first\r\nfunction f(a: «any») {}\r\n",
    "the template's own names": "function clampRatio(ratio: «any») { return joinWords; }\n"
    "const joinWords = 1, isWeekend = 2;\ninterface Rectangle {}\ntype Season = 1;",
    "semicolons left out": "let a = 1\nconst f = (b: «number») => b\n;[1].map(f)\n`x`.trim()",
    "nothing but the hole": "#!/usr/bin/env node\nfunction f(a: «any») {}",
    "what the compiler reads first": "/* license */\n// @ts-nocheck\n/** f */\n"
    "function f(a: «any») { const b: string = 1; }",
    "type errors": "function f(a: «number») { const b: string = a; }\nconst c: string = 1;",
}


@pytest.mark.parametrize("case", STRIPPED)
def test_comments_go_and_nothing_else(typescript, case):
    original, expected = STRIPPED[case]
    edited = edit_marked(typescript, "strip_comments", original)
    assert marked_text(edited) == expected
    assert edited.prefix[edited.name_start :].startswith(edited.name)
    assert all(rename.kind == "comment" and rename.new == "" for rename in edited.renames)
    verdict = verdict_on_edited(typescript, original, edited)
    assert verdict.reason is None, verdict.detail


def test_a_program_without_comments_is_refused(typescript):
    with pytest.raises(TypeScriptError) as raised:
        edit_marked(typescript, "strip_comments", "const f = (a: «string») => '// no';")
    assert raised.value.reason == "nothing_to_edit"


@pytest.mark.parametrize(("case", "count"), list(itertools.product(HOSTS, (1, 3, 13))))
def test_distractors_are_whole_and_can_be_taken_out(typescript, case, count):
    original = HOSTS[case]
    edited = edit_marked(typescript, f"add_distractor@k{count}", original)
    assert len(edited.renames) == count
    text = marked_text(edited)
    for rename in edited.renames:
        assert rename.kind == "distractor" and text.count(rename.new) == 1
        text = text.replace(rename.new, "")
    assert text == original
    assert ("\r\n" in original) == ("\r\n" in edited.renames[0].new)
    verdict = verdict_on_edited(typescript, original, edited)
    assert verdict.reason is None, verdict.detail


def test_distractors_stand_away_from_the_hole_where_there_is_room(typescript):
    original = "import a from 'b';\nlet b;\nlet c;\nfunction f(a: «any») {}\nlet d;\nlet e;\n"
    places = set()
    for seed in range(12):
        edited = edit_marked(typescript, "add_distractor", original, seed)
        before = marked_text(edited).split(edited.renames[0].new)[0]
        places.add(before.rstrip().rpartition("\n")[2])
    assert places == {"import a from 'b';", "let b;", "let d;", "let e;"}
