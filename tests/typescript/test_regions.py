"""What the parts of a program are to its hole."""

import pytest

from marked import hole_of

# The gold stands between « and »; around the declaration ‹d and ›, around a use ‹u and ›, around
# an annotation ‹a and ›, around a comment ‹c and ›.
CASES = {
    "every place of an annotation": "let v: ‹aA› = 1; const { w }: ‹aB› = v;\n"
    "class C { p: ‹aA›; accessor q?: ‹aB›; m(x?: ‹aA›): ‹aB› { return x!; } }\n"
    "interface I { p: ‹aA›; m(x: ‹aA›): ‹aB›; [k: ‹astring›]: ‹aA›; (x: ‹aA›): ‹aB›; }\n"
    "type F = (x: ‹aA›, ...y: ‹aB[]›) => void;\nfunction f(‹dz›: «C», { w }: ‹aA› = ‹uz›): ‹aB› {"
    " for (const i of <A[]>‹uz›) i as A; try {} catch (e: ‹aany›) {} return ‹uz› satisfies A; }",
    "no colon, no annotation": "type T = { [K in A]: ‹aB› };\n"
    "const g = <U extends T = T>(‹dx›: «U») => ({ y: ‹ux›, z: true ? ‹ux› : <T>‹ux› }) as T;",
    "only the outermost": "function f(‹dx›: «{ a: (y: A) => B }», y: ‹a{ a: (y: A) => B }›) {}",
    "a use in an annotation": "function f(‹dx›: «any»): ‹ux›‹a is typeof ›‹ux› { return ‹ux›; }",
    "a return's name in an annotation": "function ‹df›(): «any» { let v: ‹aReturnType<typeof ›‹uf›"
    "‹a>› = ‹uf›(); }",
    "comments": "#!/usr/bin/env node\n‹c/// <reference lib='dom' />›\n‹c/** @param x: any {x} */›\n"
    "function f(‹c/* a */› ‹dx›: ‹c/* b */› «string» ‹c/* c */›, ‹c// x: any›\n y = 1) {\n"
    "  ‹c// @ts-expect-error›\n  return `// ${‹ux› ‹c/* d */›}` + /[/*]/ + '/* e */'; }\n‹c// end›",
    "comments in types": "function f(‹dx›: «{ /* a */ }», y: ‹a{ /* b */ }›) ‹c/* c */› {}",
    "astral and combining characters": "‹c/* 😀 */› let ‹c//😀›\n é: ‹a'😀'›;\n"
    "const f = (‹d𝒳›: «'😀'», y: ‹aÀ›) => '😀' + ‹u𝒳›;",
    "carriage returns": "‹c// a›\r\nlet v:\r\n  ‹aA\r\n  | B›;\r\nfunction f(‹dx›: «1»)\r\n"
    "{ ‹c/*\r\n*/› ‹ux›; }\r\n",
    "special tokens": '‹c// <fim_middle>›\nfunction f(‹dx›: «1»): ‹a"<fim_suffix>"› {'
    " return ‹ux› + '<|endoftext|>'; }",
}


def marked_regions(part, text, spans):
    for span in reversed([each for each in spans if each.part == part]):
        inside = text[span.start : span.end]
        text = f"{text[: span.start]}‹{span.kind[0]}{inside}›{text[span.end :]}"
    return text


def plain(marked):
    for mark in ("‹d", "‹u", "‹a", "‹c", "›"):
        marked = marked.replace(mark, "")
    return marked


@pytest.mark.parametrize("case", CASES)
def test_regions_are_found(typescript, case):
    hole = hole_of(typescript, plain(CASES[case]))
    spans = typescript.regions(hole.prefix, hole.gold, hole.suffix, hole.name_start)
    prefix = marked_regions("prefix", hole.prefix, spans)
    suffix = marked_regions("suffix", hole.suffix, spans)
    assert f"{prefix}«{hole.gold}»{suffix}" == CASES[case]
    ends = [(span.part, span.end) for span in spans]
    assert all(span.start < span.end for span in spans)
    assert all(
        end <= span.start
        for (part, end), span in zip(ends, spans[1:], strict=False)
        if part == span.part
    )


@pytest.mark.parametrize("case", CASES)
def test_names_are_those_of_places(typescript, case):
    hole = hole_of(typescript, plain(CASES[case]))
    parts = hole.prefix, hole.gold, hole.suffix, hole.name_start
    spans = typescript.regions(*parts)
    places = typescript.places(*parts)
    named = {kind: [] for kind in ("declaration", "use", "annotation", "comment")}
    for span in spans:
        named[span.kind].append((span.part, span.start, span.end))
    assert named["declaration"] == [
        (places.declaration.part, places.declaration.start, places.declaration.end)
    ]
    assert named["use"] == [(use.part, use.start, use.end) for use in places.uses]
