"""Every kind of signature annotation is an example or counted under a reason."""

import json
import subprocess
from pathlib import Path

import pytest

from fimscope.typescript.process import find_node

pytestmark = pytest.mark.node


ROOT = Path(__file__).parents[2]

UNSUPPORTED = "unsupported_hole"
# A program, and in source order the name and the gold of each hole, or why it is none.
KINDS = {
    "optional": ("function f(a?: string) {}", [("a", "string")]),
    "default": ("function f(a: number = 1) {}", [("a", "number")]),
    "rest": ("function f(...a: string[]) {}", [("a", "string[]")]),
    "rest pattern": ("function f(...[a]: [string]) {}", [(UNSUPPORTED, "[string]")]),
    "destructured object": ("function f({ a }: { a: 1 }) {}", [(UNSUPPORTED, "{ a: 1 }")]),
    "destructured array": ("function f([a]: [1] = [1]) {}", [(UNSUPPORTED, "[1]")]),
    "this": ("function f(this: Date, a: 1) {}", [("this", "Date"), ("a", "1")]),
    "constructor": ("class A { constructor(a: 1, private b: 2) {} }", [("a", "1"), ("b", "2")]),
    "constructor overload": (
        "class A { constructor(a: 1); constructor(a: any) {} }",
        [("a", "1"), ("a", "any")],
    ),
    "setter": ("class A { set s(v: 1) {} }", [("v", "1")]),
    "setter of an object": ("const o = { set s(v: 1) {} };", [("v", "1")]),
    "getter": ("class A { static get g(): 1 { return 1; } }", [("g", "1")]),
    "arrow": ("const f = (a: 1): 2 => 2;", [("a", "1"), ("f", "2")]),
    "async arrow": (
        "const f = async <T,>(a: T): Promise<T> => a;",
        [("a", "T"), ("f", "Promise<T>")],
    ),
    "arrow in an arrow": (
        "const f = (a: 1) => (b: 2): 3 => 3;",
        [("a", "1"), ("b", "2"), (UNSUPPORTED, "3")],
    ),
    "arrow as a field": ("class A { f = (a: 1): 2 => 2; }", [("a", "1"), ("f", "2")]),
    "arrow as an argument": ("g((a: 1): 2 => 2);", [("a", "1"), (UNSUPPORTED, "2")]),
    "arrow as a default": (
        "function f(a: () => void = (b: 1): void => {}) {}",
        [("a", "() => void"), ("b", "1"), (UNSUPPORTED, "void")],
    ),
    "overloads": (
        "function f(a: 1): 2;\nfunction f(a: any): any {}",
        [("a", "1"), ("f", "2"), ("a", "any"), ("f", "any")],
    ),
    "abstract": (
        "abstract class A { abstract m(a: 1): 2; abstract get g(): 3; abstract set g(v: 3); }",
        [("a", "1"), ("m", "2"), ("g", "3"), ("v", "3")],
    ),
    "optional method": ("class A { m?(a: 1): 2; }", [("a", "1"), ("m", "2")]),
    "predicate": (
        "function f(a: unknown): a is string { return !!a; }",
        [("a", "unknown"), ("f", "a is string")],
    ),
    "asserting predicate": (
        "function f(a: unknown): asserts a is 1 {}",
        [("a", "unknown"), ("f", "asserts a is 1")],
    ),
    "predicate of this": ("class A { m(): this is A { return true; } }", [("m", "this is A")]),
    "ambient": ("declare function f(a: 1): 2;", [("a", "1"), ("f", "2")]),
    "namespace": ("namespace N { export function f(a: 1) {} }", [("a", "1")]),
    "generator": (
        "function* f(): Generator<1> {}\nasync function* g(): AsyncGenerator<1> {}",
        [("f", "Generator<1>"), ("g", "AsyncGenerator<1>")],
    ),
    "names that are no identifiers": (
        "class A { #p(): 1 { return 1; } 'q r'(): 2 { return 2; } 3(): 3 {} [s](): 4 {} }",
        [("#p", "1"), ("'q r'", "2"), ("3", "3"), ("[s]", "4")],
    ),
    "nameless": ("export default function (a: 1): 2 {}", [("a", "1"), (UNSUPPORTED, "2")]),
    "class expression": ("const A = class { m(a: 1): 2 {} };", [("a", "1"), ("m", "2")]),
    "decorated": ("class A { m(@d() a: 1) {} }", [("a", "1")]),
    "a function's type as gold": ("function f(a: (b: 1) => 2) {}", [("a", "(b: 1) => 2")]),
    "types have no holes": (
        "type F = (a: 1) => 2;\n"
        "interface I { m(a: 1): 2; new (a: 1): 2; (a: 1): 2; [k: string]: any }\n"
        "class A { [k: string]: any; f: (a: 1) => 2; }\nlet g: new (a: 1) => 2;",
        [],
    ),
}

# For each text on stdin: how many parameters and results of its functions have a type.
COUNT = """
import readline from "node:readline";
import ts from "typescript";

for await (const line of readline.createInterface({ input: process.stdin })) {
  const file = ts.createSourceFile("a.ts", JSON.parse(line), ts.ScriptTarget.ESNext);
  let count = 0;
  const visit = (node) => {
    const isOfType = ts.isTypeElement(node) && !ts.isAccessor(node);
    if (ts.isFunctionLike(node) && !isOfType && !ts.isTypeNode(node)) {
      count += [node, ...node.parameters].filter((part) => part.type !== undefined).length;
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  console.log(count);
}
"""


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_an_example_or_counted(typescript, kind):
    text, expected = KINDS[kind]
    found = typescript.holes(text)
    rows = [(len(hole.prefix), hole.name, hole.gold) for hole in found.holes]
    rows += [(hole.start, hole.reason, hole.gold) for hole in found.rejected]
    assert [row[1:] for row in sorted(rows)] == expected
    for hole in found.holes:
        assert hole.prefix + hole.gold + hole.suffix == text
        assert hole.prefix[hole.name_start :].startswith(hole.name)
    assert all(hole.detail for hole in found.rejected)


def test_no_annotation_of_real_files_is_passed_over(typescript):
    folders = ("rxjs/src/internal", "immer/src", "@math.gl/core/src", "ox/core", "mobx/src/core")
    files = [
        file
        for folder in folders
        for file in sorted((ROOT / "node_modules" / folder).rglob("*.ts"))[:12]
        if not file.name.endswith(".d.ts")
    ]
    texts = [file.read_text(encoding="utf-8") for file in files]
    assert len(texts) > 40
    done = subprocess.run(
        [find_node(), "--input-type=module", "--eval", COUNT],
        input="".join(json.dumps(text) + "\n" for text in texts),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    counts = [int(line) for line in done.stdout.split()]
    found = [typescript.holes(text) for text in texts]
    assert [len(each.holes) + len(each.rejected) for each in found] == counts
    assert sum(counts) > 500
