"""Where a hole's name is declared and used, in the original and in every variant."""

import pytest

from marked import edit_marked, hole_of

# In a program the hole's gold stands between « and »; around its name's declaration ‹d and › are
# put, around each use ‹u and ›.
CASES = {
    "a parameter": "const a = 0;\nfunction f(‹da›: «string», b = ‹ua›) { { const a = 1; a; }"
    " return { a: ‹ua›, b: b.a }; }\na;",
    "a shorthand property": "function f(‹da›: «string») { return { ‹ua› }; }",
    "a function's return": "‹uf›(1);\nfunction ‹df›(a: number): «string» {"
    " return a ? ‹uf›(a - 1) : ''; }\nexport { ‹uf› as g };",
    "overloads": "function ‹df›(a: 1): «1»;\nfunction ‹uf›(a: any): any { return a; }\n‹uf›(1);",
    "a variable's function": "const ‹df› = (a: 1): «number» => a;\nlet b: typeof ‹uf› = ‹uf›;",
    "a named function expression": "const f = function ‹dg›(): «any» { return ‹ug›; };\nf();",
    "a method": "class A { ‹dm›(): «A» { return this.‹um›(); } }\nnew A().‹um›().‹um›();\nlet m;",
    "a method of an object": "const o = { ‹dm›(): «number» { return 1; } };\no.‹um›();\no['‹um›'];",
    "a private method": "class A { ‹d#m›(): «number» { return this.‹u#m›(); } }",
    "a getter and a setter": "class A { get ‹dv›(): «number» { return 1; } set ‹uv›(x) {}"
    " m() { this.‹uv› = this.‹uv›; } }",
    "a generic class": "class A<T> { ‹dm›(): «T» { return this.‹um›(); } }\n"
    "declare const b: A<1>;\nb.‹um›();",
    "a property": "class A { ‹dp› = (a: 1): «number» => a; m() { return this.‹up›(1); } }",
    "a parameter property": "class A { constructor(private ‹dp›: «number») { ‹up›; }"
    " m() { return this.‹up›; } }",
    "an assigned variable": "let ‹df›: any;\n‹uf› = (a: 1): «number» => a;\n‹uf›(1);",
    "an assigned property": "declare const o: { ‹dq›: any };\no.‹uq› = function (): «number» {"
    " return 1; };",
    "a property of something imported": "import o from 'o';\no.‹dq› = (): «number» => 1;\no.q;",
    "a predicate": "function f(‹dx›: «unknown»): ‹ux› is string { return !!‹ux›; }",
    "a name inside the gold": "function f(b: 1, ‹dx›: «(x: 1) => typeof x») { ‹ux›(b); }",
    "a computed name": "const k = 'k';\nclass A { ‹d[k]›(): «number» { return 1; } }\nk;",
    "this": "function f(‹dthis›: «Date») { return this; }",
    "a rest parameter": "function f(...‹da›: «any[]») { return [...‹ua›]; }",
    "astral characters": "/* 😀 */ const f = (‹d𝒳›: «number») => '😀' + ‹u𝒳›;\n'😀';",
    "escapes": "const f = (‹d\\u0061b›: «number») => ‹uab›;",
    "a parameter named like a type": "interface A {}\nfunction f(‹dA›: «A», b: A) { return ‹uA›; }",
}


def plain(marked):
    return marked.replace("‹d", "").replace("‹u", "").replace("›", "")


def marked_places(part, name, text, places):
    """A part's text with its places marked."""
    spans = [("d", places.declaration), *(("u", use) for use in places.uses)]
    for mark, span in sorted(spans, key=lambda each: -each[1].start):
        if span.part == part:
            assert text[span.start : span.end] == span.text
            text = f"{text[: span.start]}‹{mark}{span.text}›{text[span.end :]}"
    return text


@pytest.mark.parametrize("case", CASES)
def test_places_are_found(typescript, case):
    hole = hole_of(typescript, plain(CASES[case]))
    places = typescript.places(hole.prefix, hole.gold, hole.suffix, hole.name_start)
    prefix = marked_places("prefix", hole.name, hole.prefix, places)
    suffix = marked_places("suffix", hole.name, hole.suffix, places)
    assert f"{prefix}«{hole.gold}»{suffix}" == CASES[case]


@pytest.mark.parametrize(
    "edit", ["rename_vars", "rename_vars+rename_types", "alias_types", "add_distractor@k3"]
)
@pytest.mark.parametrize("case", CASES)
def test_places_of_a_variant_align_with_the_originals(typescript, edit, case):
    hole = hole_of(typescript, plain(CASES[case]))
    before = typescript.places(hole.prefix, hole.gold, hole.suffix, hole.name_start)
    program = f"let other: string;\n{hole.prefix}"
    edited = edit_marked(typescript, edit, f"{program}«{hole.gold}»{hole.suffix}")
    after = typescript.places(edited.prefix, edited.gold, edited.suffix, edited.name_start)
    assert after.declaration.text == edited.name
    assert [use.part for use in after.uses] == [use.part for use in before.uses]
    if edited.name != hole.name and not hole.name.startswith("["):
        old = before.declaration.text.replace("\\u0061", "a")
        assert edited.name in {rename.new for rename in edited.renames if rename.old == old}
        assert {use.text for use in after.uses} <= {edited.name}
