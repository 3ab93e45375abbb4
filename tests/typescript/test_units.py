"""Syntax units around a hole, their JavaScript, and the parts that a window may cut."""

import pytest

from fimscope.typescript.results import TypeScriptError

CLASS = """\
import type { T } from "t";

/** A box. */
export class Box<V> extends Base implements I {
  private w: number = 1;

  /** Grows. */
  grow(by: «number», /* how */ scale?: V): this {
    // more
    super.grow(by);
    return this;
  }

  other(): void {}
}
"""
GROW = """\
grow(by, /* how */ scale) {
    // more
    super.grow(by);
    return this;
}"""


def units_of(typescript, marked):
    prefix, rest = marked.split("«")
    gold, suffix = rest.split("»")
    return typescript.units(prefix, gold, suffix)


def shown(unit):
    return unit.kind, f"{unit.before}«»{unit.after}", unit.erased


def test_units_of_a_method_are_the_method_the_class_and_the_file(typescript):
    method, whole_class, file = units_of(typescript, CLASS).units
    assert method.kind == "method"
    assert method.before == "grow(by: "
    assert method.after.startswith(", /* how */ scale?: V): this {")
    assert method.after.endswith("    return this;\n  }")
    assert method.erased == GROW
    assert whole_class.kind == "class"
    assert whole_class.before.startswith("export class Box<V>")
    assert whole_class.erased.startswith("export class Box extends Base {\n    w = 1;\n")
    assert "    /** Grows. */\n    grow(by, /* how */ scale) {\n" in whole_class.erased
    assert file.kind == "file"
    assert file.before == CLASS.split("«")[0]
    assert file.erased.startswith("/** A box. */\nexport class Box extends Base {")


@pytest.mark.parametrize(
    ("marked", "smallest"),
    [
        (
            "let a;\nconst f = async (a: «A»): Promise<B> => a as B;",
            (
                "function",
                "const f = async (a: «»): Promise<B> => a as B;",
                "const f = async (a) => a;",
            ),
        ),
        (
            "call(1, (a: «A») => a!);",
            ("function", "(a: «») => a!", "(a) => a"),
        ),
        (
            "const o = { x: 1, f: (a: «A») => a, y: 2 };",
            ("function", "f: (a: «») => a", "f: (a) => a"),
        ),
        (
            "const o = { x: 1, m<T>(a: «T») { return a; }, y: 2 };",
            ("method", "m<T>(a: «») { return a; }", "m(a) { return a; }"),
        ),
        (
            "class A { p: number = 1; f = (a: «A») => a; }",
            ("function", "f = (a: «») => a;", "f = (a) => a;"),
        ),
        (
            "class A { get x(): «number» { return 1; } }",
            ("accessor", "get x(): «» { return 1; }", "get x() { return 1; }"),
        ),
        (
            "class A extends B { constructor(a: «number») { super(a); } }",
            (
                "constructor",
                "constructor(a: «») { super(a); }",
                "constructor(a) { super(a); }",
            ),
        ),
        (
            "function f(a: «string»): void;\nfunction f(a: any) {}",
            ("function", "function f(a: «»): void;\nfunction f(a: any) {}", "function f(a) { }"),
        ),
        (
            "class A { m(a: 1): 1; m(a: «2»): 2; m(a: any) { return a; } n() {} }",
            (
                "method",
                "m(a: 1): 1; m(a: «»): 2; m(a: any) { return a; }",
                "m(a) { return a; }",
            ),
        ),
        (
            "A.b = function (a: «A») { return 1; };",
            (
                "function",
                "A.b = function (a: «») { return 1; };",
                "A.b = function (a) { return 1; };",
            ),
        ),
        (
            "abstract class A { abstract m(a: «A»): void; n() {} }",
            ("method", "abstract m(a: «»): void;", ""),
        ),
        (
            "class A { #x = 1; @dec #m(this: «A») { return this.#x; } }",
            ("method", "@dec #m(this: «») { return this.#x; }", "@dec\n#m() { return this.#x; }"),
        ),
    ],
)
def test_the_smallest_unit_is_the_function_that_owns_the_hole(typescript, marked, smallest):
    units = units_of(typescript, marked).units
    unit = units[0]
    assert (unit.kind, f"{unit.before}«»{unit.after}", unit.erased.strip()) == smallest
    assert units[-1].kind == "file"


def test_enclosing_functions_and_namespaces_are_units(typescript):
    marked = (
        "namespace N {\n  function outer() {\n    const inner = (a: «A») => a;\n  }\n}\nlet z = 1;"
    )
    units = units_of(typescript, marked).units
    assert [unit.kind for unit in units] == ["function", "function", "namespace", "file"]
    assert units[1].before == "function outer() {\n    const inner = (a: "
    assert units[2].after == ") => a;\n  }\n}"


def test_units_grow_and_lie_around_the_hole(typescript):
    prefix, rest = CLASS.split("«")
    suffix = rest.split("»")[1]
    units = units_of(typescript, CLASS).units
    for unit in units:
        assert prefix.endswith(unit.before)
        assert suffix.startswith(unit.after)
    sizes = [len(unit.before) + len(unit.after) for unit in units]
    assert sizes == sorted(sizes)


def test_parts_join_to_the_file_and_cut_no_statement_or_member(typescript):
    units = units_of(typescript, CLASS)
    assert units.before_parts == [
        'import type { T } from "t";\n',
        "\n",
        "/** A box. */\n",
        "export class Box<V> extends Base implements I {\n",
        "  private w: number = 1;\n",
        "\n",
        "  /** Grows. */\n",
        "  grow(by: ",
    ]
    assert units.after_parts == [
        ", /* how */ scale?: V): this {\n",
        "    // more\n    super.grow(by);\n",
        "    return this;\n",
        "  }\n",
        "\n",
        "  other(): void {}\n",
        "}\n",
    ]


def test_a_long_sibling_and_a_comment_are_one_part(typescript):
    marked = (
        "function a() {\n  return `\n`;\n}\n/*\n * b\n */\nfunction b(c: «C») {}\r\nlet d =\n  1;"
    )
    units = units_of(typescript, marked)
    assert units.before_parts == [
        "function a() {\n  return `\n`;\n}\n",
        "/*\n * b\n */\n",
        "function b(c: ",
    ]
    assert units.after_parts == [") {}\r\n", "let d =\n  1;"]


def test_a_hole_where_no_annotation_stands_is_refused(typescript):
    with pytest.raises(TypeScriptError) as raised:
        typescript.units("const a: ", "string", " = 1;")
    assert raised.value.reason == "hole_moved"
