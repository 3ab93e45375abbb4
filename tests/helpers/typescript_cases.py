"""Hard programs for the edits, `«»` around the hole, and what must or must not come of them."""

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

DELETED = {
    "what can be inferred": (
        "function f(a: «string»): number { const b: number = a.length, c : string = a;"
        " return b + c.length; }",
        "function f(a: «string») { const b = a.length, c = a; return b + c.length; }",
    ),
    "what cannot stays": (
        "function f(a: «string», b: number, ...c: string[]): void {}\n"
        "const e: string[] = [], i = () => e;\nconst g = (h: number) => h;",
        "function f(a: «string», b: number, ...c: string[]) {}\n"
        "const e: string[] = [], i = () => e;\nconst g = (h: number) => h;",
    ),
    "defaults and contextual types": (
        "type F = (x: string) => number;\nconst f: F = (x): number => x.length;\n"
        "[1].map((n: number, i: number): string => `${n}${i}`);\n"
        "function g(a: «string», b: number = 1, c?: string): string { return a + b + c; }",
        "type F = (x: string) => number;\nconst f: F = (x) => x.length;\n"
        "[1].map((n, i) => `${n}${i}`);\n"
        "function g(a: «string», b = 1, c?: string) { return a + b + c; }",
    ),
    "a literal that must not widen": (
        "type K = 'a' | 'b';\ndeclare function take(k: K[]): void;\n"
        "function f(a: «number») { const k: K[] = ['a']; take(k); const n: number = 1; return n; }",
        "type K = 'a' | 'b';\ndeclare function take(k: K[]): void;\n"
        "function f(a: «number») { const k: K[] = ['a']; take(k); const n = 1; return n; }",
    ),
    "a recursive function": (
        "function f(a: «number»): number { return a ? f(a - 1) : 0; }\n"
        "const g = (): string => 'g';",
        "function f(a: «number»): number { return a ? f(a - 1) : 0; }\nconst g = () => 'g';",
    ),
    "classes": (
        "abstract class A { p: number = 1; q!: string; r: number; declare s: string;\n"
        "abstract t: number; constructor(public x: string, y: number = 1) { this.r = y; }\n"
        "get g(): number { return 1; } set g(v: number) {} m(this: A, a: «string»): number {"
        " return 1; } abstract n(): string; }",
        "abstract class A { p = 1; q!: string; r; declare s: string;\n"
        "abstract t: number; constructor(public x: string, y = 1) { this.r = y; }\n"
        "get g() { return 1; } set g(v) {} m(this: A, a: «string») {"
        " return 1; } abstract n(): string; }",
    ),
    "predicates that narrow": (
        "function is(a: unknown, c: «number»): a is string { return !!a; }\n"
        "function f(b: unknown): number { if (is(b, 1)) return b.length; return 0; }",
        "function is(a: unknown, c: «number»): a is string { return !!a; }\n"
        "function f(b: unknown) { if (is(b, 1)) return b.length; return 0; }",
    ),
    "overloads and ambient declarations": (
        "function f(a: «string»): string;\nfunction f(a: any): any { return a; }\n"
        "declare const d: string;\ndeclare function g(): number;\ninterface I { p: string }",
        "function f(a: «string»): string;\nfunction f(a: any) { return a; }\n"
        "declare const d: string;\ndeclare function g(): number;\ninterface I { p: string }",
    ),
    "several lines, comments, catch and line ends": (
        "function f(a: «any»): {\r\n  b: number,\r\n} {\r\n  try {} catch (e: unknown) { e; }\r\n"
        "  const c: /* why */ string = ''; // c\r\n  return { b: 1 };\r\n}\r\nf(1).c;",
        "function f(a: «any») {\r\n  try {} catch (e) { e; }\r\n"
        "  const c = ''; // c\r\n  return { b: 1 };\r\n}\r\nf(1).c;",
    ),
    "type errors stay": (
        "function f(a: «any»): number { missing(); return 1; }\nconst b: string = 1;\n"
        "const c: Missing = 2;",
        "function f(a: «any») { missing(); return 1; }\nconst b = 1;\nconst c = 2;",
    ),
}

PARAMETERS = {
    "string": ["text", "label", "title", "value", "caption"],
    "number": ["class", "count", "width", "value", "height"],
    "boolean": ["enabled", "isOpen"],
    "string[]": ["lines", "words"],
    "Date": ["birthday", "deadline"],
    "(x: string) => void": ["callback"],
}

FUNCTIONS = {"string": ["getText", "render"], "number": ["measure"], "boolean": ["isReady"]}

EXAMPLES = [
    {"kind": kind, "name": name, "gold": gold}
    for kind, types in (("parameter", PARAMETERS), ("return", FUNCTIONS))
    for gold, names in types.items()
    for name in names
]

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
