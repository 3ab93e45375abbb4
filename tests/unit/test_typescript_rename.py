"""rename_vars: hard cases against the text written by hand, each then proved by the checks."""

import math
import re

import pytest

from fimscope.edits import EDIT_NAMES
from fimscope.errors import UserError
from fimscope.new_names import NewNames
from fimscope.typescript import Edited, TypeScript, TypeScriptError
from marked import edit_marked, split_marked, verdict_on_edited, with_old_names

# The hole's gold stands between « and »; in the expected text a variable's new name is written as
# the old one with _1 (the first variable of that name), _2 (the second), ...
CASES = {
    "parameter and function": (
        "function pad(text: «string», width: number) { return text + width; }\npad('a', 1);",
        "function pad_1(text_1: «string», width_1: number) { return text_1 + width_1; }\n"
        "pad_1('a', 1);",
    ),
    "shorthand property": (
        "function f(a: «number») { const b = 1; return { a, b, c: a }; }",
        "function f_1(a_1: «number») { const b_1 = 1; return { a: a_1, b: b_1, c: a_1 }; }",
    ),
    "destructuring shorthand": (
        "function f({ a, b = 2, c: d, ...rest }: any, [e, , ...g]: any): «void» {\n"
        "  a; b; d; rest; e; g;\n}",
        "function f_1({ a: a_1, b: b_1 = 2, c: d_1, ...rest_1 }: any, [e_1, , ...g_1]: any):"
        " «void» {\n  a_1; b_1; d_1; rest_1; e_1; g_1;\n}",
    ),
    "nested destructuring": (
        "function f(o: «any») { const { a: { b, ['c']: [d] }, 'e-f': g } = o; return b + d + g; }",
        "function f_1(o_1: «any») { const { a: { b: b_1, ['c']: [d_1] }, 'e-f': g_1 } = o_1;"
        " return b_1 + d_1 + g_1; }",
    ),
    "assignment pattern": (
        "function f(o: «any») { let a, b; const X = 1; ({ a = X, b } = o); [a, b] = [b, a]; }",
        "function f_1(o_1: «any») { let a_1, b_1; const X_1 = 1; ({ a: a_1 = X_1, b: b_1 } = o_1);"
        " [a_1, b_1] = [b_1, a_1]; }",
    ),
    "rest parameter": (
        "const f = (...args: «string[]») => args.length;",
        "const f_1 = (...args_1: «string[]») => args_1.length;",
    ),
    "parameter named like a global": (
        "function f(name: «string», Map: number) { return name + Map + new Set().size; }",
        "function f_1(name_1: «string», Map_1: number) { return name_1 + Map_1 + new Set().size; }",
    ),
    "parameter named like a type": (
        "interface Box { w: number }\nfunction f(Box: «Box») { return Box.w; }",
        "interface Box { w: number }\nfunction f_1(Box_1: «Box») { return Box_1.w; }",
    ),
    "parameter named like a property": (
        "class A { size = 1; f(size: «number») { this.size = size; return { size: this.size }; } }",
        "class A { size = 1; f(size_1: «number») {"
        " this.size = size_1; return { size: this.size }; } }",
    ),
    "shadowing and closures": (
        "const x = 1;\nfunction f(x: «number») { { const x = 'b'; x; } return () => x; }\nx;",
        "const x_1 = 1;\nfunction f_1(x_2: «number») { { const x_3 = 'b'; x_3; }"
        " return () => x_2; }\nx_1;",
    ),
    "overloads": (
        "function f(a: «string»): void;\nfunction f(a: number): void;\n"
        "function f(a: any): void { a; }\nf(1);",
        "function f_1(a_1: «string»): void;\nfunction f_1(a_1: number): void;\n"
        "function f_1(a_1: any): void { a_1; }\nf_1(1);",
    ),
    "merged with a namespace": (
        "function f(a: «number») { return f.b + a; }\nnamespace f { export const b = 1; }\nf(1);",
        "function f(a_1: «number») { return f.b + a_1; }\n"
        "namespace f { export const b = 1; }\nf(1);",
    ),
    "merged with types": (
        "const A = 1;\ninterface A { q: 1 }\nclass B {}\ninterface B { z: 1 }\n"
        "namespace B { export let c = 1; const d = c; }\n"
        "function f(o: «B») { return [A, B.c, o]; }",
        "const A = 1;\ninterface A { q: 1 }\nclass B {}\ninterface B { z: 1 }\n"
        "namespace B { export let c = 1; const d_1 = c; }\n"
        "function f_1(o_1: «B») { return [A, B.c, o_1]; }",
    ),
    "var twice": (
        "function f(a: «number») { var a; var b = 1; if (a) { var b = 2; } return a + b; }",
        "function f_1(a_1: «number») { var a_1; var b_1 = 1; if (a_1) { var b_1 = 2; }"
        " return a_1 + b_1; }",
    ),
    "hoisting": (
        "g();\nfunction g() { return h(1); }\nfunction h(n: «number») { return v + n; var v = 1; }",
        "g_1();\nfunction g_1() { return h_1(1); }\n"
        "function h_1(n_1: «number») { return v_1 + n_1; var v_1 = 1; }",
    ),
    "enum": (
        "enum E { a = 1, b = a }\nfunction f(e: «E») { return e === E.b; }",
        "enum E { a = 1, b = a }\nfunction f_1(e_1: «E») { return e_1 === E.b; }",
    ),
    "type predicates": (
        "function is(x: «unknown»): x is string { return !!x; }\n"
        "function must(x: unknown): asserts x {}\n"
        "function that(x: unknown): asserts x is 1 {}",
        "function is_1(x_1: «unknown»): x_1 is string { return !!x_1; }\n"
        "function must_1(x_2: unknown): asserts x_2 {}\n"
        "function that_1(x_3: unknown): asserts x_3 is 1 {}",
    ),
    "predicate as the gold": (
        "function is(x: unknown): «x is string» { return !!x; }",
        "function is_1(x: unknown): «x is string» { return !!x; }",
    ),
    "typeof in the gold": (
        "const k = 1, m = 2;\nfunction f(a: «typeof k», b: typeof m) { return k + a + b; }",
        "const k = 1, m_1 = 2;\nfunction f_1(a_1: «typeof k», b_1: typeof m_1) {"
        " return k + a_1 + b_1; }",
    ),
    "function type in the gold": (
        "function f(cb: «(err: Error) => void», err: Error) { cb(err); }",
        "function f_1(cb_1: «(err: Error) => void», err_1: Error) { cb_1(err_1); }",
    ),
    "this and arguments": (
        "function f(this: Date, a: «number») { return this.getTime() + a + arguments.length; }",
        "function f_1(this: Date, a_1: «number») {"
        " return this.getTime() + a_1 + arguments.length; }",
    ),
    "named function expression": (
        "const f = function g(n: «number»): number { return n ? g(n - 1) : 0; };",
        "const f_1 = function g_1(n_1: «number»): number { return n_1 ? g_1(n_1 - 1) : 0; };",
    ),
    "types only": (
        "type G<T> = T extends (arg: infer U) => infer R ? [first: U, R] : never;\n"
        "function f<T>(a: «G<T>», G: number) { return [a, G]; }",
        "type G<T> = T extends (arg_1: infer U) => infer R ? [first: U, R] : never;\n"
        "function f_1<T>(a_1: «G<T>», G_1: number) { return [a_1, G_1]; }",
    ),
    "named like its own type parameter": (
        "function f<T>(a: «string», T: T) { return [a, T]; }",
        "function f_1<T>(a_1: «string», T: T) { return [a_1, T]; }",
    ),
    "index signatures and mapped types": (
        "interface D { [key: string]: unknown }\ntype M = { [k in 'a']: k };\n"
        "function f(key: «D», k: M) { return [key, k]; }",
        "interface D { [key_1: string]: unknown }\ntype M = { [k in 'a']: k };\n"
        "function f_1(key_2: «D», k_1: M) { return [key_2, k_1]; }",
    ),
    "exports": (
        "export function f(a: «number») { return g(a); }\nfunction g(a: number) { return a; }\n"
        "const c = 1, d = 2;\nexport { c, d as e };\nexport const [h, { i }]: any = [];\nh; i;",
        "export function f(a_1: «number») { return g_1(a_1); }\n"
        "function g_1(a_2: number) { return a_2; }\n"
        "const c_1 = 1, d_1 = 2;\nexport { c_1 as c, d_1 as e };\n"
        "export const [h, { i }]: any = [];\nh; i;",
    ),
    "default export": (
        "export default function f(a: «number») { return f(a); }",
        "export default function f(a_1: «number») { return f(a_1); }",
    ),
    "exported expression": (
        "const f = (a: «number») => a;\nexport default f;",
        "const f_1 = (a_1: «number») => a_1;\nexport default f_1;",
    ),
    "imports": (
        "import d, { a as b, c, type T } from 'm';\nimport * as ns from 'm';\n"
        "export { a } from 'm';\nfunction f(a: «T») { return [d, b, c, ns.a, { c, a }]; }",
        "import d, { a as b, c, type T } from 'm';\nimport * as ns from 'm';\n"
        "export { a } from 'm';\nfunction f_1(a_1: «T») { return [d, b, c, ns.a, { c, a: a_1 }]; }",
    ),
    "ambient names": (
        "declare global { var g: number; function h(p: string): void }\n"
        "declare const k: number;\ndeclare function m(q: number): void;\n"
        "export function f(a: «number») { m(a); h(''); return g + k; }",
        "declare global { var g: number; function h(p_1: string): void }\n"
        "declare const k: number;\ndeclare function m(q_1: number): void;\n"
        "export function f(a_1: «number») { m(a_1); h(''); return g + k; }",
    ),
    "parameter properties": (
        "class A { constructor(private x: «number», y: number) { this.x = x + y; } }",
        "class A { constructor(private x: «number», y_1: number) { this.x = x + y_1; } }",
    ),
    "members and private names": (
        "class A { #p = 1; static s = 2; get v() { return this.#p; } set v(v: «number»)"
        " { this.#p = v; } m() { const p = 1; return p + A.s + this.v; } }",
        "class A { #p = 1; static s = 2; get v() { return this.#p; } set v(v_1: «number»)"
        " { this.#p = v_1; } m() { const p_1 = 1; return p_1 + A.s + this.v; } }",
    ),
    "decorators": (
        "function dec(t: any, c: any) {}\nclass A { @dec m(a: «number») { return a; } }",
        "function dec_1(t_1: any, c_1: any) {}\n"
        "class A { @dec_1 m(a_1: «number») { return a_1; } }",
    ),
    "labels": (
        "function f(a: «number») { a: for (const b of [a]) { if (b) continue a; break a; } }",
        "function f_1(a_1: «number») {"
        " a: for (const b_1 of [a_1]) { if (b_1) continue a; break a; } }",
    ),
    "loops and catch": (
        "function f(o: «any») { for (let i = 0; i < 3; i++) i; for (const k in o) k;\n"
        "for (const { v } of o) v; try { o(); } catch (err) { err; } try {} catch ({ message })"
        " { message; } }",
        "function f_1(o_1: «any») { for (let i_1 = 0; i_1 < 3; i_1++) i_1;"
        " for (const k_1 in o_1) k_1;\n"
        "for (const { v: v_1 } of o_1) v_1; try { o_1(); } catch (err_1) { err_1; }"
        " try {} catch ({ message: message_1 }) { message_1; } }",
    ),
    "generators and async": (
        "async function* g(n: «number») { for await (const x of [n]) yield x; yield* g(n); }",
        "async function* g_1(n_1: «number») {"
        " for await (const x_1 of [n_1]) yield x_1; yield* g_1(n_1); }",
    ),
    "defaults that use parameters": (
        "function f(a: «number», b = a, { c } = { c: b }) { return c; }",
        "function f_1(a_1: «number», b_1 = a_1, { c: c_1 } = { c: b_1 }) { return c_1; }",
    ),
    "properties of functions": (
        "const f = (a: «number») => a;\nf.count = 1;\nf.count + f(2);",
        "const f_1 = (a_1: «number») => a_1;\nf_1.count = 1;\nf_1.count + f_1(2);",
    ),
    "astral and combining characters": (
        "/* 😀 */ const 𝒳 = '😀e\u0301';\n"
        "function f(é: «number», u\u0308n: string) { return é + u\u0308n + 𝒳; }",
        "/* 😀 */ const 𝒳_1 = '😀e\u0301';\n"
        "function f_1(é_1: «number», u\u0308n_1: string) { return é_1 + u\u0308n_1 + 𝒳_1; }",
    ),
    "escape in an identifier": (
        "function f(\\u0061b: «number») { return { ab }; }",
        "function f_1(ab_1: «number») { return { ab: ab_1 }; }",
    ),
    "carriage returns": (
        "function f(\r\n  a: «number»,\r\n) {\r\n  return a;\r\n}\r\n",
        "function f_1(\r\n  a_1: «number»,\r\n) {\r\n  return a_1;\r\n}\r\n",
    ),
    "byte order mark": (
        "\ufeffconst f = (a: «number») => a;",
        "\ufeffconst f_1 = (a_1: «number») => a_1;",
    ),
    "code in a template literal": (
        "const f = (a: «string») => `const a = ${a} + \\${a}`;",
        "const f_1 = (a_1: «string») => `const a = ${a_1} + \\${a}`;",
    ),
    "comments": (
        "/** @param a {@link a} */\nfunction f(a: «number») {\n"
        "  // @ts-expect-error a\n  const b: string = a;\n  return b; // a\n}",
        "/** @param a_1 {@link a_1} */\nfunction f_1(a_1: «number») {\n"
        "  // @ts-expect-error a\n  const b_1: string = a_1;\n  return b_1; // a\n}",
    ),
    "using and satisfies": (
        "function f(d: «Disposable») { using r = d; return r satisfies Disposable; }",
        "function f_1(d_1: «Disposable») { using r_1 = d_1; return r_1 satisfies Disposable; }",
    ),
    "auto-accessors and static blocks": (
        "class A { accessor x = 1; static { const y = 1; y; }"
        " m(a: «number») { return a + this.x; } }",
        "class A { accessor x = 1; static { const y_1 = 1; y_1; }"
        " m(a_1: «number») { return a_1 + this.x; } }",
    ),
    "require and export assignment": (
        "import fs = require('fs');\nconst f = (a: «string») => fs.read(a);\nexport = f;",
        "import fs = require('fs');\nconst f_1 = (a_1: «string») => fs.read(a_1);\nexport = f_1;",
    ),
    "contextual keywords": (
        "let of = 1, get = 2;\nfunction f(async: «number») { return { async, of, get }; }",
        "let of_1 = 1, get_1 = 2;\nfunction f_1(async_1: «number») {"
        " return { async: async_1, of: of_1, get: get_1 }; }",
    ),
    "namespace exports": (
        "namespace N { export const a = 1; const b = a; export function g(c: «number»)"
        " { return a + b + c; } }\nN.g(N.a);",
        "namespace N { export const a = 1; const b_1 = a; export function g(c_1: «number»)"
        " { return a + b_1 + c_1; } }\nN.g(N.a);",
    ),
    "destructured in a signature without a body": (
        "type F = ({ a, b }: any, c: number) => void;\ndeclare function g({ a }: any): void;\n"
        "function h({ a }: any): «void»;\nfunction h({ a }: any) { a; }",
        "type F = ({ a, b }: any, c_1: number) => void;\ndeclare function g({ a }: any): void;\n"
        "function h_1({ a }: any): «void»;\nfunction h_1({ a: a_1 }: any) { a_1; }",
    ),
    "computed name": (
        "const key = 'k';\nclass A { [key](a: number): «number» { return a; } }",
        "const key_1 = 'k';\nclass A { [key_1](a_1: number): «number» { return a_1; } }",
    ),
    "type errors stay": (
        "function f(a: «number») { const b: string = a; unknown(b); return b.lengt; }",
        "function f_1(a_1: «number») { const b_1: string = a_1; unknown(b_1); return b_1.lengt; }",
    ),
}


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
