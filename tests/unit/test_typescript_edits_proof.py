"""The proof of each edit: planted wrong variants are all caught, right ones all accepted."""

import pytest

from fimscope.typescript import Rename
from marked import verdict_on


def renamed(**names):
    return [Rename(old, new, "type") for old, new in names.items()]


def annotations(*old, new=""):
    return [Rename(each, new, "annotation") for each in old]


def alias(**names):
    return [Rename(old, new, "alias") for new, old in names.items()]


def distractor(*added):
    return [Rename("", each, "distractor") for each in added]


ADDED = "\nfunction zu(q: number): number { return q; }"
TYPED = "interface A { p: string }\ninterface B { p: string }\nfunction f(a: «any», b: A, c: B) {}"

WRONG = {
    # rename_types
    "one use of a type forgotten": (
        "type A = 1;\nfunction f(a: «any», b: A) {}",
        "type V = 1;\nfunction f(a: «any», b: A) {}",
        renamed(A="V"),
    ),
    "another type of the same shape": (
        TYPED,
        "interface V { p: string }\ninterface B { p: string }\nfunction f(a: «any», b: B, c: V) {}",
        renamed(A="V"),
    ),
    "two types exchanged in one place": (
        TYPED,
        "interface B { p: string }\ninterface A { p: string }\nfunction f(a: «any», b: A, c: B) {}",
        renamed(A="B", B="A"),
    ),
    "captured by a type parameter": (
        "type A = 1;\nfunction f<T>(a: «any», b: A): T { return a; }",
        "type T = 1;\nfunction f<T>(a: «any», b: T): T { return a; }",
        renamed(A="T"),
    ),
    "an inner type parameter takes the outer's uses": (
        "class A<T> { m<U>(a: «any», b: T, c: U) {} }",
        "class A<V> { m<V>(a: «any», b: V, c: V) {} }",
        renamed(T="V", U="V"),
    ),
    "a global type hidden": (
        "interface A {}\nfunction f(a: «any», b: Date) {}",
        "interface Date {}\nfunction f(a: «any», b: Date) {}",
        renamed(A="Date"),
    ),
    "a class forgotten where it is a value": (
        "class A {}\nfunction f(a: «any», b: A) { return A; }",
        "class V {}\nfunction f(a: «any», b: V) { return A; }",
        renamed(A="V"),
    ),
    "a class's shorthand lost": (
        "class A {}\nfunction f(a: «any») { return { A }; }",
        "class V {}\nfunction f(a: «any») { return { V }; }",
        renamed(A="V"),
    ),
    "an exported class renamed": (
        "export class A {}\nfunction f(a: «any») {}",
        "export class V {}\nfunction f(a: «any») {}",
        renamed(A="V"),
    ),
    "an enum's member renamed": (
        "enum E { a }\nfunction f(a: «any») { return E.a; }",
        "enum V { b }\nfunction f(a: «any») { return V.b; }",
        renamed(E="V"),
    ),
    "a member of an interface renamed": (
        "interface A { p: 1 }\nfunction f(a: «any») {}",
        "interface A { q: 1 }\nfunction f(a: «any») {}",
        [],
    ),
    "a member made optional": (
        "interface A { p: 1 }\nfunction f(a: «any») {}",
        "interface A { p?: 1 }\nfunction f(a: «any») {}",
        [],
    ),
    "a parameter made optional": (
        "function f(a: «any», b: 1) {}",
        "function f(a: «any», b?: 1) {}",
        [],
    ),
    "a field made private": (
        "class A { p = 1; m(a: «any») {} }",
        "class A { private p = 1; m(a: «any») {} }",
        [],
    ),
    "an array type that is one no more": (
        "function f(a: «any», b: string[]) {}",
        "function f(a: «any», b: string) {}",
        [],
    ),
    "a union made an intersection": (
        "function f(a: «any», b: string | {}) {}",
        "function f(a: «any», b: string & {}) {}",
        [],
    ),
    "arguments of a type exchanged": (
        "function f(a: «any», b: Map<string, number>) {}",
        "function f(a: «any», b: Map<number, string>) {}",
        [],
    ),
    "a cast taken away": (
        "function f(a: «any») { return a as string; }",
        "function f(a: «any») { return a; }",
        [],
    ),
    "an assertion taken away": (
        "function f(a: «any») { return a!; }",
        "function f(a: «any») { return a; }",
        [],
    ),
    "another type imported": (
        "import type { A } from 'm';\nfunction f(a: «any», b: A) {}",
        "import type { C as A } from 'm';\nfunction f(a: «any», b: A) {}",
        [],
    ),
    "a type imported from elsewhere": (
        "import type { A } from 'm';\nfunction f(a: «any», b: A) {}",
        "import type { A } from 'n';\nfunction f(a: «any», b: A) {}",
        [],
    ),
    "another type exported": (
        "type A = 1;\ntype B = 1;\nexport type { A as C };\nfunction f(a: «any») {}",
        "type A = 1;\ntype B = 1;\nexport type { B as C };\nfunction f(a: «any») {}",
        [],
    ),
    "a type exported under another name": (
        "type A = 1;\nexport type { A };\nfunction f(a: «any») {}",
        "type V = 1;\nexport type { V };\nfunction f(a: «any») {}",
        renamed(A="V"),
    ),
    "an exported type renamed": (
        "export type A = 1;\nfunction f(a: «any», b: A) {}",
        "export type V = 1;\nfunction f(a: «any», b: V) {}",
        renamed(A="V"),
    ),
    "another module declared": (
        "declare module 'm' { type A = 1 }\nfunction f(a: «any») {}",
        "declare module 'n' { type A = 1 }\nfunction f(a: «any») {}",
        [],
    ),
    # alias_types
    "an alias of another type": (
        "function f(a: «any», b: string) {}",
        "type V = number;\nfunction f(a: «any», b: V) {}",
        alias(V="string"),
    ),
    "an alias that is said to be of another type": (
        "function f(a: «any», b: string) {}",
        "type V = number;\nfunction f(a: «any», b: V) {}",
        alias(V="number"),
    ),
    "an alias in the place of another type": (
        "function f(a: «any», b: string, c: number) {}",
        "type V = string;\nfunction f(a: «any», b: V, c: V) {}",
        alias(V="string"),
    ),
    "an alias whose arguments are exchanged": (
        "function f(a: «any», b: Map<1, 2>) {}",
        "type V<A, B> = Map<B, A>;\nfunction f(a: «any», b: V<1, 2>) {}",
        alias(V="Map"),
    ),
    "an alias that a type parameter hides": (
        "function f<T>(a: «any», b: string, c: T) {}",
        "type V = string;\nfunction f<V>(a: «any», b: V, c: V) {}",
        [*alias(V="string"), *renamed(T="V")],
    ),
    "an alias that is not declared": (
        "function f(a: «any», b: string) {}",
        "function f(a: «any», b: V) {}",
        alias(V="string"),
    ),
    "an alias that is not reported": (
        "function f(a: «any», b: string) {}",
        "type V = string;\nfunction f(a: «any», b: V) {}",
        [],
    ),
    "an exported alias": (
        "function f(a: «any», b: string) {}",
        "export type V = string;\nfunction f(a: «any», b: V) {}",
        alias(V="string"),
    ),
    # delete_annotations, mask_annotations
    "an annotation that is needed": (
        "function f(a: «any») { const b: 'x'[] = ['x'], c: 'x' = b[0]; }",
        "function f(a: «any») { const b = ['x'], c: 'x' = b[0]; }",
        annotations("'x'[]"),
    ),
    "a parameter's annotation": (
        "function f(a: «any», b: number) {}",
        "function f(a: «any», b) {}",
        annotations("number"),
    ),
    "an annotation that is not reported": (
        "function f(a: «any») { const b: number = 1, c: number = 2; }",
        "function f(a: «any») { const b = 1, c = 2; }",
        annotations("number"),
    ),
    "an annotation that is reported and stands": (
        "function f(a: «any») { const b: number = 1, c: number = 2; }",
        "function f(a: «any») { const b = 1, c: number = 2; }",
        annotations("number", "number"),
    ),
    "an annotation that is another": (
        "function f(a: «any») { const b: number = 1; }",
        "function f(a: «any») { const b: unknown = 1; }",
        annotations("number", new="unknown"),
    ),
    "an annotation where none was": (
        "function f(a: «any») { const b = 1, c: number = 2; }",
        "function f(a: «any») { const b: any = 1, c = 2; }",
        annotations("number"),
    ),
    "a type inside an annotation masked": (
        "function f(a: «any», b: Map<string, 1>) {}",
        "function f(a: «any», b: Map<any, 1>) {}",
        annotations("string", new="any"),
    ),
    "a default that went with its annotation": (
        "function f(a: «any», b: number = 1) {}",
        "function f(a: «any», b?: any) {}",
        annotations("number", new="any"),
    ),
    "an error that masking brings": (
        "type F = (x: string) => void;\nfunction f(a: «any», g: F) { g = (x) => x.length; }",
        "type F = (x: string) => void;\nfunction f(a: «any», g: any) { g = (x) => x.length; }",
        annotations("F", new="any"),
    ),
    "the gold itself": (
        "function f(a: «string») {}",
        "function f(a: «any») {}",
        annotations("string", new="any"),
    ),
    # strip_comments
    "a directive gone": (
        "function f(a: «any») {\n  // @ts-ignore\n  const b: string = 1;\n}",
        "function f(a: «any») {\n  const b: string = 1;\n}",
        [Rename("// @ts-ignore", "", "comment")],
    ),
    "code gone with a comment": (
        "function f(a: «any») { /* b */ f(a); /* c */ }",
        "function f(a: «any») { }",
        [Rename("/* b */", "", "comment")],
    ),
    "a comment that ended a statement": (
        "function f(a: «any») { return /*\n*/ a; }",
        "function f(a: «any») { return a; }",
        [Rename("/*\n*/", "", "comment")],
    ),
    "a comment that was none": (
        "function f(a: «any») { return `/* b */`; }",
        "function f(a: «any») { return ``; }",
        [Rename("/* b */", "", "comment")],
    ),
    # add_distractor
    "a distractor that is not reported": (
        "function f(a: «any») {}",
        f"function f(a: «any») {{}}{ADDED}",
        [],
    ),
    "a distractor with other changes": (
        "function f(a: «any») { return 1; }",
        f"function f(a: «any») {{ return 2; }}{ADDED}",
        distractor(ADDED),
    ),
    "a distractor that runs": (
        "function f(a: «any») {}",
        "function f(a: «any») {}\nf(1);",
        distractor("\nf(1);"),
    ),
    "a distractor whose constant runs": (
        "function f(a: «any») {}",
        "function f(a: «any») {}\nconst zu = f(1);",
        distractor("\nconst zu = f(1);"),
    ),
    "a distractor that captures a global": (
        "function f(a: «any») { return isNaN(a); }",
        "function f(a: «any») { return isNaN(a); }\nfunction isNaN(q: number) { return false; }",
        distractor("\nfunction isNaN(q: number) { return false; }"),
    ),
    "a distractor that hides a global type": (
        "function f(a: «any», b: Date) {}",
        "function f(a: «any», b: Date) {}\ninterface Date { q: 1 }",
        distractor("\ninterface Date { q: 1 }"),
    ),
    "a distractor that is exported": (
        "function f(a: «any») {}",
        "function f(a: «any») {}\nexport const zu = 1;",
        distractor("\nexport const zu = 1;"),
    ),
    "a distractor with a type error": (
        "function f(a: «any») {}",
        "function f(a: «any») {}\nconst zu: string = 1;",
        distractor("\nconst zu: string = 1;"),
    ),
    "a distractor inside a function": (
        "function f(a: «any») { }",
        "function f(a: «any») { function zu() {} }",
        distractor("function zu() {} "),
    ),
    "a distractor around the hole": (
        "function f(a: «any») {}",
        "function f(a: any) {}\nfunction zu(q: «any») {}",
        distractor("\nfunction zu(q: any) {}"),
    ),
    "half a distractor": (
        "function f(a: «any») {}",
        f"function f(a: «any») {{}}{ADDED}",
        distractor(ADDED[:20]),
    ),
    "an empty distractor": (
        "function f(a: «any») {}",
        "function f(a: «any») {}",
        distractor(""),
    ),
    # the exported switch
    "an export that is not reported": (
        "export function f(a: «any») {}",
        "export function v(a: «any») {}",
        [Rename("f", "v", "function")],
    ),
    "an export reported under another name": (
        "export function f(a: «any») {}",
        "export function v(a: «any») {}",
        [Rename("f", "v", "function"), Rename("f", "w", "export")],
    ),
    # joins
    "one part of a join is wrong": (
        "type A = 1;\nfunction f(a: «any», b: A) { const c: A = b; return c; }",
        "type V = 1;\nfunction f(v: «any», w: V) { const c = w; return v; }",
        [*renamed(A="V", a="v", b="w"), *annotations("A")],
    ),
}

RIGHT = {
    "types exchanged everywhere": (
        TYPED,
        "interface B { p: string }\ninterface A { p: string }\nfunction f(a: «any», b: B, c: A) {}",
        renamed(A="B", B="A"),
    ),
    "type parameters of one new name": (
        "class A<T> { m<U>(a: «any», c: U) {} n(b: T) {} }",
        "class A<V> { m<V>(a: «any», c: V) {} n(b: V) {} }",
        renamed(T="V", U="V"),
    ),
    "a class and its uses": (
        "class A {}\nfunction f(a: «any», b: A) { return { A }; }",
        "class V {}\nfunction f(a: «any», b: V) { return { A: V }; }",
        renamed(A="V"),
    ),
    "an enum": (
        "enum E { a, b = a }\nfunction f(a: «any», b: E.a) { return E[E.b]; }",
        "enum V { a, b = a }\nfunction f(a: «any», b: V.a) { return V[V.b]; }",
        renamed(E="V"),
    ),
    "a type exported as before": (
        "type A = 1;\nexport type { A as B };\nfunction f(a: «any») {}",
        "type V = 1;\nexport type { V as B };\nfunction f(a: «any») {}",
        renamed(A="V"),
    ),
    "an exported type that is reported": (
        "export type A = 1;\nfunction f(a: «any», b: A) {}",
        "export type V = 1;\nfunction f(a: «any», b: V) {}",
        [*renamed(A="V"), Rename("A", "V", "export")],
    ),
    "imported types renamed here": (
        "import type D, { A } from 'm';\nimport type * as N from 'n';\n"
        "function f(a: «any», b: A, c: D, d: N.E) {}",
        "import type V, { A as W } from 'm';\nimport type * as X from 'n';\n"
        "function f(a: «any», b: W, c: V, d: X.E) {}",
        renamed(A="W", D="V", N="X"),
    ),
    "inferred and mapped types": (
        "type G<T> = T extends (infer U)[] ? { [K in keyof U]: K } : 1;\nfunction f(a: «any») {}",
        "type V<W> = W extends (infer X)[] ? { [Y in keyof X]: Y } : 1;\nfunction f(a: «any») {}",
        renamed(G="V", T="W", U="X", K="Y"),
    ),
    "an alias": (
        "function f(a: «string», b: string[]) {}",
        "function f(a: «string», b: V[]) {}\ntype V = string;",
        alias(V="string"),
    ),
    "an alias with arguments": (
        "function f(a: «any», b: Map<string, Set<1>>) {}",
        "type V<A, B> = Map<A, B>;\ntype W = string;\nfunction f(a: «any», b: V<W, Set<1>>) {}",
        alias(V="Map", W="string"),
    ),
    "an annotation over several lines": (
        "function f(a: «any») {\n  const b: {\n    c: 1 } = a;\n  b.d;\n}",
        "function f(a: «any») {\n  const b = a;\n  b.d;\n}",
        annotations("{\n    c: 1 }"),
    ),
    "an error that went with its annotation": (
        "function f(a: «any») { const b: Missing = 1; const c: string = 2; }",
        "function f(a: «any») { const b = 1; const c: string = 2; }",
        annotations("Missing"),
    ),
    "a masked annotation": (
        "function f(a: «any», b: string[], ...c: 1[]) {}",
        "function f(a: «any», b: any, ...c: any) {}",
        annotations("string[]", "1[]", new="any"),
    ),
    "comments over several lines": (
        "/*\n * f\n */\nfunction f(a: «any») {\n  // b\n  const b: string = 1;\n}\n",
        "function f(a: «any») {\n  const b: string = 1;\n}\n",
        [Rename("/*\n * f\n */", "", "comment"), Rename("// b", "", "comment")],
    ),
    "a distractor in front of type errors": (
        "let a: string = 1;\nfunction f(b: «any»): number {}\nf(1).c;",
        f"let a: string = 1;{ADDED}\nfunction f(b: «any»): number {{}}\nf(1).c;",
        distractor(ADDED),
    ),
    "two distractors": (
        "function f(b: «any») {}",
        f"type Zo = 1;\nfunction f(b: «any») {{}}{ADDED}",
        distractor("type Zo = 1;\n", ADDED),
    ),
    "an export that is reported": (
        "export function f(a: «any») { return f; }",
        "export function v(a: «any») { return v; }",
        [Rename("f", "v", "function"), Rename("f", "v", "export")],
    ),
    "a join of everything": (
        "/* a */\ntype A = 1;\nfunction f(a: «any», b: A, c: string) { const d: A = b; return d; }",
        "type W = string;\ntype V = 1;\n"
        f"function f(v: «any», w: V, c: W) {{ const d = w; return d; }}{ADDED}",
        [
            *renamed(A="V", a="v", b="w"),
            *annotations("A"),
            *alias(W="string"),
            *distractor(ADDED),
            Rename("/* a */", "", "comment"),
        ],
    ),
}


@pytest.mark.parametrize("case", RIGHT)
def test_a_right_variant_passes(typescript, case):
    verdict = verdict_on(typescript, *RIGHT[case])
    assert verdict.reason is None, verdict.detail
    assert verdict.parses and verdict.same_errors and verdict.same_javascript and verdict.same_text


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_variant_is_caught(typescript, case):
    verdict = verdict_on(typescript, *WRONG[case])
    assert verdict.reason in ("other_errors", "other_javascript", "other_text", "hole_moved")
    assert verdict.detail
