"""The checks of a variant: planted wrong renames are all caught, right ones all accepted."""

import re
from itertools import product

import pytest

from fimscope.typescript import Rename
from marked import split_marked

# name: (original, variant); the hole stands between « and ».
WRONG_JAVASCRIPT = {
    "one use forgotten": (
        "const f = (a: «number», b: number) => a + b;",
        "const f = (v: «number», a: number) => v + v;",
    ),
    "captured by an inner variable": (
        "function f(a: «number») { const g = (b: number) => a + b; return g; }",
        "function f(v: «number») { const g = (v: number) => v + v; return g; }",
    ),
    "captured by a loop variable": (
        "function f(a: «number») { for (let i = 0; i < a; i++) {} }",
        "function f(i: «number») { for (let i = 0; i < i; i++) {} }",
    ),
    "captured by a catch variable": (
        "function f(a: «any») { try {} catch (b) { a(b); } }",
        "function f(b: «any») { try {} catch (b) { b(b); } }",
    ),
    "captured by a hoisted var": (
        "let n = 0;\nfunction f(a: «number») { n = a; { var q = 1; } return q; }",
        "let n = 0;\nfunction f(a: «number») { n = a; { var n = 1; } return n; }",
    ),
    "shorthand property lost": (
        "const f = (a: «number») => ({ a });",
        "const f = (v: «number») => ({ v });",
    ),
    "shorthand pattern lost": (
        "function f(o: «any») { const { a } = o; return a; }",
        "function f(o: «any») { const { v } = o; return v; }",
    ),
    "shorthand of a parameter lost": (
        "function f({ a = 1 }: any): «number» { return a; }",
        "function f({ v = 1 }: any): «number» { return v; }",
    ),
    "shorthand of an assignment lost": (
        "function f(o: «any») { let a; ({ a = 2 } = o); return a; }",
        "function f(o: «any») { let v; ({ v = 2 } = o); return v; }",
    ),
    "two variables become one": (
        "function f(o: «any») { var a = 1; var b = 2; return a + b + o; }",
        "function f(o: «any») { var v = 1; var v = 2; return v + v + o; }",
    ),
    "one variable becomes two": (
        "function f(o: «any») { var a = 1; var a = 2; return a + o; }",
        "function f(o: «any») { var v = 1; var w = 2; return v + o; }",
    ),
    "two variables exchanged in one place": (
        "const f = (a: «number», b: number) => a - b;",
        "const f = (v: «number», w: number) => w - v;",
    ),
    "one overload's implementation renamed": (
        "function f(a: «string»): void;\nfunction f(a: any) {}\nf('');",
        "function f(a: «string»): void;\nfunction v(a: any) {}\nf('');",
    ),
    "export renamed": (
        "export function f(a: «number») { return a; }",
        "export function v(a: «number») { return a; }",
    ),
    "exported binding renamed": (
        "export const { a, b: [c] }: any = {};\nconst f = (o: «any») => c;",
        "export const { a, b: [v] }: any = {};\nconst f = (o: «any») => v;",
    ),
    "export list renamed": (
        "const f = (a: «number») => a;\nexport { f };",
        "const v = (a: «number») => a;\nexport { v };",
    ),
    "export list of another variable": (
        "const f = (a: «number») => a, g = (a: number) => a;\nexport { f as h, g };",
        "const f = (a: «number») => a, g = (a: number) => a;\nexport { g as h, f as g };",
    ),
    "import name changed": (
        "import { a } from 'm';\nconst f = (o: «any») => a;",
        "import { v } from 'm';\nconst f = (o: «any») => v;",
    ),
    "import path changed": (
        "import { a } from 'm';\nconst f = (o: «any») => a;",
        "import { a } from 'n';\nconst f = (o: «any») => a;",
    ),
    "member renamed": (
        "const f = (a: «any») => a.b;",
        "const f = (a: «any») => a.v;",
    ),
    "method renamed": (
        "class A { m(a: «number») { return a; } }",
        "class A { v(a: «number») { return a; } }",
    ),
    "private name renamed": (
        "class A { #m = 1; f(a: «number») { return this.#m; } }",
        "class A { #v = 1; f(a: «number») { return this.#v; } }",
    ),
    "a global captured": (
        "const f = (a: «any») => isNaN(a);",
        "const f = (isNaN: «any») => isNaN(isNaN);",
    ),
    "a global renamed": (
        "declare const g: any;\nconst f = (a: «any») => g(a);",
        "declare const v: any;\nconst f = (a: «any») => v(a);",
    ),
    "an unknown name captured": (
        "const f = (a: «any») => [typeof x, a];",
        "const f = (x: «any») => [typeof x, x];",
    ),
    "label renamed": (
        "function f(a: «any») { x: for (;;) { break x; } }",
        "function f(a: «any») { y: for (;;) { break y; } }",
    ),
    "inner label taken": (
        "function f(a: «any») { x: for (;;) { y: for (;;) { break x; } } }",
        "function f(a: «any») { x: for (;;) { y: for (;;) { break y; } } }",
    ),
    "text changed": (
        "const f = (a: «any») => 'a';",
        "const f = (a: «any») => 'v';",
    ),
    "template changed": (
        "const f = (a: «any») => `a${a}`;",
        "const f = (v: «any») => `v${v}`;",
    ),
    "regular expression changed": (
        "const f = (a: «any») => /a/g;",
        "const f = (a: «any») => /a/i;",
    ),
    "operator changed": (
        "const f = (a: «number») => a ?? 1;",
        "const f = (a: «number») => a || 1;",
    ),
    "const becomes let": (
        "function f(a: «number») { const b = 1; return b; }",
        "function f(a: «number») { let b = 1; return b; }",
    ),
    "arguments captured": (
        "function f(a: «number») { return arguments.length; }",
        "function f(a: «number») { const g = () => arguments.length; return g(); }",
    ),
    "a named function expression hides another": (
        "const g = 1;\nconst f = function h(a: «number») { return g; };",
        "const g = 1;\nconst f = function g(a: «number») { return g; };",
    ),
    "class field renamed": (
        "class A { p = 1; f(a: «number») { return a; } }",
        "class A { v = 1; f(a: «number») { return a; } }",
    ),
    "enum member renamed": (
        "enum E { a, b }\nconst f = (e: «E») => e;",
        "enum E { a, v }\nconst f = (e: «E») => e;",
    ),
    "decorator moved": (
        "const d = (...a: any[]) => {}, e = d;\nclass A { @d m(a: «any») {} }",
        "const d = (...a: any[]) => {}, e = d;\nclass A { @e m(a: «any») {} }",
    ),
    "a name that eval could look up": (
        "function f(a: «any») { return eval('a'); }",
        "function f(v: «any») { return eval('a'); }",
    ),
}

WRONG_ERRORS = {
    "a type's name captured": (
        "const f = (a: «any») => { const b: Date = a; return b.getTime(); };",
        "const f = (a: «any») => { type Date = {}; const b: Date = a; return b.getTime(); };",
    ),
    "typeof left behind": (
        "const f = (a: «any») => { const b = 1; let c: typeof b; };",
        "const f = (a: «any») => { const v = 1; let c: typeof b; };",
    ),
    "predicate left behind": (
        "function f(a: «unknown»): a is string { return !!a; }",
        "function f(v: «unknown»): a is string { return !!v; }",
    ),
    "annotation lost": (
        "const f = (a: «any»): number => a;\nf(1).x;",
        "const f = (a: «any») => a;\nf(1).x;",
    ),
    "an expected error gone": (
        "const f = (a: «any») => {\n  // @ts-expect-error\n  const b: string = 1;\n};",
        "const f = (a: «any») => {\n  // @ts-expect-error\n  const b: number = 1;\n};",
    ),
    "an error on another line": (
        "const f = (a: «any») => {\n  const b: string = 1;\n  const c: any = 1;\n};",
        "const f = (a: «any») => {\n  const b: any = 1;\n  const c: string = 1;\n};",
    ),
    "type member renamed": (
        "interface I { p: number }\nconst f = (a: «I») => a.p;",
        "interface I { v: number }\nconst f = (a: «I») => a.p;",
    ),
}

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

RIGHT = {
    "nothing": ("const f = (a: «any») => a;", "const f = (a: «any») => a;"),
    "parameter": ("const f = (a: «any») => a;", "const f = (v: «any») => v;"),
    "function": ("function f(a: «any») { f(a); }", "function v(a: «any») { v(a); }"),
    "names exchanged": (
        "const f = (a: «any», b: any) => [a, b];",
        "const f = (b: «any», a: any) => [b, a];",
    ),
    "one new name in two scopes": (
        "const f = (a: «any») => a, g = (b: any) => b;",
        "const f = (v: «any») => v, g = (v: any) => v;",
    ),
    "shadowing undone": (
        "const a = 1;\nfunction f(a: «any») { return a; }\na;",
        "const w = 1;\nfunction f(v: «any») { return v; }\nw;",
    ),
    "harmless shadowing": (
        "const a = 1;\nfunction f(b: «any») { return b; }\na;",
        "const a = 1;\nfunction f(a: «any») { return a; }\na;",
    ),
    "shorthand property": (
        "const f = (a: «any») => ({ a });",
        "const f = (v: «any») => ({ a: v });",
    ),
    "shorthand pattern": (
        "function f(o: «any») { const { a, ...r } = o; return [a, r]; }",
        "function f(o: «any») { const { a: v, ...w } = o; return [v, w]; }",
    ),
    "shorthand parameter with default": (
        "function f({ a = 1 }: any): «number» { return a; }",
        "function f({ a: v = 1 }: any): «number» { return v; }",
    ),
    "shorthand assignment with default": (
        "function f(o: «any») { let a; ({ a = 2 } = o); return a; }",
        "function f(o: «any») { let v; ({ a: v = 2 } = o); return v; }",
    ),
    "longhand becomes shorthand": (
        "const f = (a: «any») => ({ v: a });",
        "const f = (v: «any») => ({ v });",
    ),
    "var twice": (
        "function f(o: «any») { var a = 1; var a = 2; return a; }",
        "function f(o: «any») { var v = 1; var v = 2; return v; }",
    ),
    "overloads": (
        "function f(a: «string»): void;\nfunction f(a: any) {}\nf('');",
        "function v(a: «string»): void;\nfunction v(w: any) {}\nv('');",
    ),
    "export alias": (
        "const f = (a: «any») => a;\nexport { f as h };",
        "const v = (a: «any») => a;\nexport { v as h };",
    ),
    "export list made an alias": (
        "const f = (a: «any») => a;\nexport { f };",
        "const v = (a: «any») => a;\nexport { v as f };",
    ),
    "default export of a variable": (
        "const f = (a: «any») => a;\nexport default f;",
        "const v = (a: «any») => a;\nexport default v;",
    ),
    "import alias": (
        "import { a } from 'm';\nconst f = (o: «any») => a;",
        "import { a as v } from 'm';\nconst f = (o: «any») => v;",
    ),
    "catch and loops": (
        "function f(o: «any») { try {} catch (e) { e; } for (const i of o) i; }",
        "function f(o: «any») { try {} catch (v) { v; } for (const w of o) w; }",
    ),
    "named function expression": (
        "const f = function g(a: «any»): any { return g; };",
        "const f = function v(a: «any»): any { return v; };",
    ),
    "class and its inner name": (
        "class A { static f(a: «any») { return A; } }\nA;",
        "class B { static f(a: «any») { return B; } }\nB;",
    ),
    "predicate": (
        "function f(a: «unknown»): a is string { return !!a; }",
        "function f(v: «unknown»): v is string { return !!v; }",
    ),
    "typeof": (
        "const a = 1;\nconst f = (o: «any») => { let b: typeof a; };",
        "const v = 1;\nconst f = (o: «any») => { let b: typeof v; };",
    ),
    "decorators": (
        "const d = (...a: any[]) => {};\nclass A { @d m(@d a: «any») {} }",
        "const v = (...a: any[]) => {};\nclass A { @v m(@v a: «any») {} }",
    ),
    "a suggestion that names the old variable": (
        "const f = (count: «any») => coun;",
        "const f = (v: «any») => coun;",
    ),
    "comments and spaces": (
        "const f = (a: «any») => a; // a",
        "const f = ( v: «any») =>   v; // v",
    ),
    "type errors kept": (
        "const f = (a: «number») => { const b: string = a; return b; };",
        "const f = (v: «number») => { const w: string = v; return w; };",
    ),
    "private names, generators, using": (
        "class A { #p = 1; async *m(a: «Disposable») { using b = a; yield this.#p; b; } }",
        "class A { #p = 1; async *m(v: «Disposable») { using w = v; yield this.#p; w; } }",
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
