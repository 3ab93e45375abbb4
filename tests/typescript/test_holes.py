"""Holes: every kind of signature annotation, its name, its place and its gold."""

import tracemalloc

import pytest

from fimscope.typescript.results import TypeScriptError

PROGRAM = """\ufeffimport { z } from "z"; // 😀 a string: "(a: string)"
const text = `function no(a: string): void {}`;
export function pad(text: string, width: number = 8,
  opt?: z.infer<typeof z>, ...rest: [1, 2][]): string {
  return text;
}
function over(a: string): void;
function over(a: any): void {}
const arrow = async <T,>(a: T): Promise<T> => a;
let later; later = function (a: 1): 2 { return 2; };
const o = { prop: (a: 3): 4 => 4, method(a: 5): 6 { return 6; },
  "a-b": function (): 7 { return 7; } };
abstract class A {
  field = (a: 8): 9 => 9;
  constructor(readonly p: Map<string, number[]>) {}
  get x(): { a: 1; b: 2 } { return null as any; }
  set x(v: { a: 1; b: 2 }) {}
  abstract m(a: (b: string) => void): a is any;
  #secret(this: A): /* why */ string | undefined { return ""; }
  static async *[Symbol.asyncIterator](): AsyncGenerator<𝒳> {}
}
function is(x: unknown): x is string { return !!x; }
A.prototype.x = function (e\u0301: 10): 11 { return 11; } as any;
"""
FOUND = [
    ("parameter", "text", "string"),
    ("parameter", "width", "number"),
    ("parameter", "opt", "z.infer<typeof z>"),
    ("parameter", "rest", "[1, 2][]"),
    ("return", "pad", "string"),
    ("parameter", "a", "string"),
    ("return", "over", "void"),
    ("parameter", "a", "any"),
    ("return", "over", "void"),
    ("parameter", "a", "T"),
    ("return", "arrow", "Promise<T>"),
    ("parameter", "a", "1"),
    ("return", "later", "2"),
    ("parameter", "a", "3"),
    ("return", "prop", "4"),
    ("parameter", "a", "5"),
    ("return", "method", "6"),
    ("return", '"a-b"', "7"),
    ("parameter", "a", "8"),
    ("return", "field", "9"),
    ("parameter", "p", "Map<string, number[]>"),
    ("return", "x", "{ a: 1; b: 2 }"),
    ("parameter", "v", "{ a: 1; b: 2 }"),
    ("parameter", "a", "(b: string) => void"),
    ("return", "m", "a is any"),
    ("parameter", "this", "A"),
    ("return", "#secret", "string | undefined"),
    ("return", "[Symbol.asyncIterator]", "AsyncGenerator<𝒳>"),
    ("parameter", "x", "unknown"),
    ("return", "is", "x is string"),
    ("parameter", "e\u0301", "10"),
]


def test_every_kind_of_annotation_is_a_hole(typescript):
    found = typescript.holes(PROGRAM).holes
    assert [(hole.kind, hole.name, hole.gold) for hole in found] == FOUND


def test_a_hole_is_its_program_in_three_parts_and_name_start_is_its_name(typescript):
    found = typescript.holes(PROGRAM).holes
    for hole in found:
        assert hole.prefix + hole.gold + hole.suffix == PROGRAM
        assert hole.prefix[hole.name_start :].startswith(hole.name)
    assert len({len(hole.prefix) for hole in found}) == len(FOUND)


def test_what_cannot_be_a_hole_has_a_reason(typescript):
    text = (
        "function f({ a }: A, [b]: B, c) {}\n"
        "call((d: D): E => d);\n"
        "export default function (): F {}\n"
        "const { g = (): G => 1 } = o;\n"
        "A.prototype.x = function (): H { return 11; } as any;"
    )
    found = typescript.holes(text)
    assert [(hole.name, hole.gold) for hole in found.holes] == [("d", "D")]
    assert [(hole.kind, hole.gold) for hole in found.rejected] == [
        ("parameter", "A"),
        ("parameter", "B"),
        ("return", "E"),
        ("return", "F"),
        ("return", "G"),
        ("return", "H"),
    ]
    for hole in found.rejected:
        assert hole.reason == "unsupported_hole"
        assert text[hole.start :].startswith(hole.gold)
    assert found.rejected[2].detail.startswith("line 2: ")


def test_signatures_of_types_are_no_holes(typescript):
    found = typescript.holes("interface I { m(a: string): void }\ntype F = (a: string) => void;")
    assert found.holes == found.rejected == []


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_line_ends_stay(typescript, newline):
    text = newline.join(["function f(", "  a: string,", "): void {}", ""])
    first, second = typescript.holes(text).holes
    assert first.prefix == newline.join(["function f(", "  a: "])
    assert second.suffix == f" {{}}{newline}"


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("function f(a: string {}", "line 1: ',' expected."),
        ("const ok = 1;\nclass {", "line 2: '}' expected."),
        ("const f = (a: string) => <div>{a}</div>;", "JSX is not supported"),
    ],
)
def test_a_program_that_is_not_typescript_is_refused(typescript, text, detail):
    with pytest.raises(TypeScriptError) as raised:
        typescript.holes(text)
    assert raised.value.reason == "syntax_error"
    assert raised.value.detail == detail


def test_the_holes_of_a_program_share_its_text(typescript):
    text = "".join(
        f"export function f{n}(a: string): number {{ return {n}; }}\n" for n in range(2000)
    )
    typescript.holes("")
    tracemalloc.start()
    found = typescript.holes(text).holes
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == 4000
    assert peak < 40 * len(text)  # a prefix and a suffix for each would be 4000 times the text
    for hole in found[::500]:
        assert hole.prefix + hole.gold + hole.suffix == text
        assert hole.prefix[hole.name_start :].startswith(hole.name)
