"""rename_types and alias_types: hard cases against the text written by hand, then proved."""

import pytest

from fimscope.typescript import TypeScriptError
from marked import edit_marked, verdict_on_edited, with_old_names

RENAMED = {
    "all kinds": (
        "interface I { a: T }\ntype T = E | C;\nclass C<P> implements J { p!: P }\n"
        "interface J {}\nenum E { a }\nfunction f<G extends I>(x: «number», y: G): T {"
        " return E.a; }",
        "interface I_1 { a: T_1 }\ntype T_1 = E_1 | C_1;\nclass C_1<P_1> implements J_1 {"
        " p!: P_1 }\n"
        "interface J_1 {}\nenum E_1 { a }\nfunction f<G_1 extends I_1>(x: «number», y: G_1): T_1 {"
        " return E_1.a; }",
    ),
    "what the gold mentions stays": (
        "interface Box<T> { v: T }\ntype Pair<T> = [T, T];\n"
        "function f<T, U>(a: «Box<T>», b: Pair<U>): Box<U> { return a as any; }",
        "interface Box<T_1> { v: T_1 }\ntype Pair_1<T_2> = [T_2, T_2];\n"
        "function f<T, U_1>(a: «Box<T>», b: Pair_1<U_1>): Box<U_1> { return a as any; }",
    ),
    "named in the gold's own type": (
        "type K = 'a';\nfunction f(a: «{ [P in K]: P }», b: K) {}\ntype P = 1;",
        "type K = 'a';\nfunction f(a: «{ [P in K]: P }», b: K) {}\ntype P_1 = 1;",
    ),
    "class, interface and namespace merged": (
        "class A {}\ninterface A { q: 1 }\ninterface B<T> { a: T }\ninterface B<T> { b: T }\n"
        "class C {}\nnamespace C { export type D = 1 }\nconst E = 1;\ntype E = 1;\n"
        "function f(a: «number», b: A, c: B<1>, d: C.D, e: E) {}",
        "class A_1 {}\ninterface A_1 { q: 1 }\ninterface B_1<T_1> { a: T_1 }\n"
        "interface B_1<T_1> { b: T_1 }\n"
        "class C {}\nnamespace C { export type D = 1 }\nconst E = 1;\ntype E = 1;\n"
        "function f(a: «number», b: A_1, c: B_1<1>, d: C.D, e: E) {}",
    ),
    "type parameters of every kind": (
        "type G<T> = T extends (a: infer U) => infer R ? { [K in keyof U]: R } : never;\n"
        "const f = <const T,>(a: «number», b: T): G<T> => b as any;",
        "type G_1<T_1> = T_1 extends (a: infer U_1) => infer R_1 ? { [K_1 in keyof U_1]: R_1 }"
        " : never;\nconst f = <const T_2,>(a: «number», b: T_2): G_1<T_2> => b as any;",
    ),
    "shadowed type parameters": (
        "class A<T> { m<T>(a: «number», b: T): T { return b; } p!: T }",
        "class A_1<T_1> { m<T_2>(a: «number», b: T_2): T_2 { return b; } p!: T_1 }",
    ),
    "a type named like a value": (
        "interface item { v: 1 }\nfunction f(item: «number», b: item) { return { item }; }",
        "interface item_1 { v: 1 }\nfunction f(item: «number», b: item_1) { return { item }; }",
    ),
    "classes as values": (
        "class A { static s = 1 }\nclass B extends A {}\nconst C = class D { m() { return D; } };\n"
        "function f(a: «number», b: typeof A) { return { A, b: new B(), c: A.s,"
        " d: a instanceof A }; }",
        "class A_1 { static s = 1 }\nclass B_1 extends A_1 {}\n"
        "const C = class D_1 { m() { return D_1; } };\n"
        "function f(a: «number», b: typeof A_1) { return { A: A_1, b: new B_1(), c: A_1.s,"
        " d: a instanceof A_1 }; }",
    ),
    "exports": (
        "export interface A {}\nclass B {}\ntype C = A;\nenum D { x }\nexport { B, D as E };\n"
        "export type { C as F };\nexport default class G { m(a: «number», b: C): G {"
        " return this; } }",
        "export interface A {}\nclass B_1 {}\ntype C_1 = A;\nenum D_1 { x }\n"
        "export { B_1 as B, D_1 as E };\nexport type { C_1 as F };\nexport default class G {"
        " m(a: «number», b: C_1): G { return this; } }",
    ),
    "ambient types": (
        "declare global { interface Window { w: 1 } type Q = 1 }\ndeclare class A {}\n"
        "declare module 'm' { interface B {} }\ndeclare namespace N { type C = 1 }\ntype D = A;\n"
        "export function f(a: «number», b: Window, c: N.C, d: D) {}",
        "declare global { interface Window { w: 1 } type Q = 1 }\ndeclare class A {}\n"
        "declare module 'm' { interface B {} }\ndeclare namespace N { type C = 1 }\ntype D_1 = A;\n"
        "export function f(a: «number», b: Window, c: N.C, d: D_1) {}",
    ),
    "imports and namespaces": (
        "import { T as U, type V } from 'm';\nimport W = N.X;\n"
        "namespace N { export type X = Y; type Y = 1 }\n"
        "function f(a: «number», b: U, c: V, d: W, e: N.X) {}",
        "import { T as U, type V } from 'm';\nimport W = N.X;\n"
        "namespace N { export type X = Y_1; type Y_1 = 1 }\n"
        "function f(a: «number», b: U, c: V, d: W, e: N.X) {}",
    ),
    "enum reverse lookup and const enum": (
        "enum E { a = 1, b = a }\nconst enum F { c }\n"
        "function f(e: «number»): string { return E[E.a] + F.c + E[e]; }",
        "enum E_1 { a = 1, b = a }\nconst enum F_1 { c }\n"
        "function f(e: «number»): string { return E_1[E_1.a] + F_1.c + E_1[e]; }",
    ),
    "this, predicates and templates": (
        "type T = `a${U}`;\ntype U = 'b';\nclass A { is(a: unknown): this is A { return !!a; }\n"
        "m(this: A, a: «number»): asserts a is 1 {} }",
        "type T_1 = `a${U_1}`;\ntype U_1 = 'b';\n"
        "class A_1 { is(a: unknown): this is A_1 { return !!a; }\n"
        "m(this: A_1, a: «number»): asserts a is 1 {} }",
    ),
    "comments, strings, astral characters, line ends": (
        "type 𝒯é = 1;\r\n/** @template 𝒯é {@link 𝒯é} */\r\n"
        "function f(a: «number», b: 𝒯é) { return '𝒯é😀'; }",
        "type 𝒯é_1 = 1;\r\n/** @template 𝒯é_1 {@link 𝒯é_1} */\r\n"
        "function f(a: «number», b: 𝒯é_1) { return '𝒯é😀'; }",
    ),
}

ALIASED = {
    "keywords": (
        "import a from 'm';\nfunction f(a: «string», b: string | number, c: (x: boolean) => void):"
        " bigint[] { return <any>b as symbol as object; }",
        "import a from 'm';\ntype string_1 = string;\ntype number_1 = number;\n"
        "type boolean_1 = boolean;\ntype bigint_1 = bigint;\ntype symbol_1 = symbol;\n"
        "type object_1 = object;\n"
        "function f(a: «string», b: string_1 | number_1, c: (x: boolean_1) => void): bigint_1[] {"
        " return <any>b as symbol_1 as object_1; }",
    ),
    "the library's types": (
        "function f(a: «Date», b: Date, c: Error): Date { return new Date(+b) ?? c; }",
        "type Date_1 = Date;\ntype Error_1 = Error;\n"
        "function f(a: «Date», b: Date_1, c: Error_1): Date_1 { return new Date(+b) ?? c; }",
    ),
    "with arguments": (
        "async function f(a: «number»): Promise<void> {"
        " new Map<any, Set<any>>() as Map<any, any>; }",
        "type Promise_1<A> = Promise<A>;\ntype Set_1<A> = Set<A>;\ntype Map_1<A, B> = Map<A, B>;\n"
        "async function f(a: «number»): Promise_1<void> {"
        " new Map<any, Set_1<any>>() as Map_1<any, any>; }",
    ),
    "what an alias cannot stand for": (
        "type J = 1 | Array<J>;\ninterface D { [k: string]: 1; readonly u: unique symbol }\n"
        "class E extends Error implements Date2 {}\ninterface Date2 extends PromiseLike<1> {}\n"
        "const c = [1] as const;\nfunction f(a: «number», b: Record<'a', 1>, d: Date) {}",
        "type Date_1 = Date;\ntype J = 1 | Array<J>;\n"
        "interface D { [k: string]: 1; readonly u: unique symbol }\n"
        "class E extends Error implements Date2 {}\ninterface Date2 extends PromiseLike<1> {}\n"
        "const c = [1] as const;\nfunction f(a: «number», b: Record<'a', 1>, d: Date_1) {}",
    ),
    "a type of the program's own": (
        "interface Date { q: 1 }\nfunction f(a: «number», b: Date, c: string) {}",
        "type string_1 = string;\ninterface Date { q: 1 }\n"
        "function f(a: «number», b: Date, c: string_1) {}",
    ),
    "after directives and line ends": (
        "#!/usr/bin/env node\r\n'use strict'; // on\r\nfunction f(a: «any», b: string) {}",
        "#!/usr/bin/env node\r\n'use strict'; // on\r\ntype string_1 = string;\r\n"
        "function f(a: «any», b: string_1) {}",
    ),
    "byte order mark": (
        "\ufefffunction f(a: «any», b: string) {}",
        "\ufefftype string_1 = string;\nfunction f(a: «any», b: string_1) {}",
    ),
    "type errors stay": (
        "function f(a: «any», b: string): number { return b; }",
        "type string_1 = string;\ntype number_1 = number;\n"
        "function f(a: «any», b: string_1): number_1 { return b; }",
    ),
}


def check_edit(typescript, edit, original, expected, kind):
    edited = edit_marked(typescript, edit, original)
    written = {rename.new: rename.old for rename in edited.renames}
    assert all(new[0].isupper() and new.isalpha() for new in written)
    assert {rename.kind for rename in edited.renames} == {kind}
    assert with_old_names(edited) == expected
    assert edited.prefix[edited.name_start :].startswith(edited.name)
    verdict = verdict_on_edited(typescript, original, edited)
    assert verdict.reason is None, verdict.detail


@pytest.mark.parametrize("case", RENAMED)
def test_types_are_renamed_as_expected_and_proved(typescript, case):
    check_edit(typescript, "rename_types", *RENAMED[case], "type")


@pytest.mark.parametrize("case", ALIASED)
def test_builtin_types_become_aliases_and_that_is_proved(typescript, case):
    check_edit(typescript, "alias_types", *ALIASED[case], "alias")


@pytest.mark.parametrize("edit", ["rename_types", "alias_types"])
def test_a_program_without_such_types_is_refused(typescript, edit):
    with pytest.raises(TypeScriptError) as raised:
        edit_marked(typescript, edit, "function f(a: «string», b: any) {}")
    assert raised.value.reason == "nothing_to_edit"
