"""The first type that a completion spells."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

CASES = [
    ("string, width: number) {", "parameter", "string"),
    ("string", "parameter", "string"),
    ("string = 'a', b", "parameter", "string"),
    ("'a' | \"b\" = 3", "parameter", "'a' | \"b\""),
    ("  Map<string, number[]>) {\n", "parameter", "Map<string, number[]>"),
    ("(a: b) => c) {", "parameter", "(a: b) => c"),
    ("{ a: string; b?: 1 }[] | null) {", "parameter", "{ a: string; b?: 1 }[] | null"),
    ("typeof x[number]) {}", "parameter", "typeof x[number]"),
    ("T extends U ? V : W) {", "parameter", "T extends U ? V : W"),
    ("`a${string}`)", "parameter", "`a${string}`"),
    ("/* x */ string)", "parameter", "string"),
    ("string\n[] = 1", "parameter", "string"),
    ("keyof T & string)", "parameter", "keyof T & string"),
    ("void {\n return", "return", "void"),
    ("string => x", "return", "string"),
    ("(a: b) => c => d", "return", "(a: b) => c"),
    ("x is T[] {", "return", "x is T[]"),
    ("asserts x is Foo<T> {}", "return", "asserts x is Foo<T>"),
    ("asserts x {", "return", "asserts x"),
    ("this {", "return", "this"),
    ("Promise<void>;\n", "return", "Promise<void>"),
    ("😀 string", "parameter", ""),
    ("𝒳)", "parameter", "𝒳"),
    ("", "parameter", ""),
    ("", "return", ""),
    (")", "parameter", ""),
    ("{", "return", ""),
    (" {\n  return 1;\n}", "return", ""),
    ("Map<string", "parameter", ""),
    ("Map<string,", "parameter", ""),
    ("string | ", "parameter", ""),
    ("string | )", "parameter", ""),
    ("{ a: string; b", "parameter", ""),
    ("(a: b) =>", "return", ""),
    ("[", "parameter", ""),
    ("'unterminated", "parameter", ""),
    ("...", "parameter", ""),
    ("<fim_suffix>", "parameter", ""),
    ("x is", "return", ""),
    ("?)", "parameter", ""),
    ("string? = null", "parameter", ""),
    ("*)", "parameter", ""),
]


def test_the_first_type_is_what_the_parser_reads(typescript):
    found = typescript.type_texts([(completion, kind) for completion, kind, _ in CASES])
    assert list(zip(CASES, found, strict=True)) == [(case, case[2]) for case in CASES]


# completion, kind, its first type ("" for none), whether that has ended
COMPLETIONS = json.loads((Path(__file__).parent / "data" / "completions.json").read_text("utf-8"))


def test_completions_have_the_types_and_ends_read_by_hand(typescript):
    asked = [(completion, kind) for completion, kind, *_ in COMPLETIONS]
    found = zip(typescript.type_texts(asked), typescript.type_ends(asked), strict=True)
    assert [(*own, *answer) for own, answer in zip(asked, found, strict=True)] == [
        tuple(row) for row in COMPLETIONS
    ]


CONTINUATIONS = [
    "",
    " is string",
    "[]",
    " extends A ? B : C",
    "> x",
    "=> y",
    "?: a",
    ".b",
    "| c",
    "}",
]


@pytest.mark.parametrize("completion, kind", [row[:2] for row in COMPLETIONS + CASES])
def test_what_has_ended_nothing_behind_it_changes(typescript, completion, kind):
    begun = [(completion[:end], kind) for end in range(len(completion) + 1)]
    ended = [
        text for (text, _), is_end in zip(begun, typescript.type_ends(begun), strict=True) if is_end
    ]
    for text in ended:
        rest = completion[len(text) :]
        longer = [(text + more, kind) for more in ("", rest, *CONTINUATIONS)]
        assert len(set(typescript.type_texts(longer))) == 1, text
        assert all(typescript.type_ends(longer)), text


def test_one_completion_alone_gives_what_it_gives_in_a_batch(typescript):
    assert typescript.type_texts([("string | number)", "parameter")]) == ["string | number"]
    assert typescript.type_texts([]) == []


def test_deep_nesting_spares_the_others_of_the_batch(typescript):
    deep = "[" * 15_000 + "]" * 15_000
    assert typescript.type_texts([(deep, "parameter"), ("number)", "parameter")])[1] == "number"


@settings(max_examples=150, deadline=None)
@given(
    st.text(st.sampled_from("ab<>{}[]()|&=:;,'\"`$\\ \n\r\0\ud800\u2028😀?."), max_size=30),
    st.sampled_from(["parameter", "return"]),
)
def test_whatever_a_model_writes_is_answered_with_a_part_of_it(typescript, completion, kind):
    [found] = typescript.type_texts([(completion, kind)])
    assert found in completion
    assert typescript.type_texts([(found, kind)]) == [found]
