"""Whatever comes in, a proven variant or a reason comes out: never a crash, never a hang."""

import re
from collections import Counter
from functools import cache, reduce
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fimscope.edits import EDIT_NAMES
from fimscope.schemas import REASONS
from fimscope.typescript import TypeScript, TypeScriptError

ROOT = Path(__file__).parents[2]
FILES = (
    "immer/src/utils/plugins.ts",
    "rxjs/src/internal/Subject.ts",
    "rxjs/src/internal/util/isPromise.ts",
    "mobx/src/types/observablevalue.ts",
    "@noble/hashes/src/hmac.ts",
    "multiformats/src/bytes.ts",
)
NESTED = (
    ("(", "1", ")"),
    ("[", "", "]"),
    ("{", "", "}"),
    ("let a: (", "any", ");"),
    ("-+", "1", ""),
)
HOSTILE = (
    *"\0\u2028\u2029\ufeff\u200b\u202e\uffff😀𝒳ﬁ\r\n\t`'\"\\#@{}()[]<>;,:=/*?!.",
    *(
        "e\u0301",
        "\r\n",
        "${",
        "`${`${",
        "/*",
        "*/",
        "//",
        "<!--",
        "-->",
        "#!",
        "<div>",
        "</",
        "<T,>",
    ),
    *("=>", "?.", "??", "...", "\\u{61}", "// @ts-expect-error\n", "// @ts-nocheck\n", "async "),
    *("await ", "yield ", "this", "arguments", "eval('a')", "with (a) ", "infer T", "asserts a"),
    *(
        "is ",
        "unique symbol",
        "declare global {}",
        "abstract ",
        "export =",
        "namespace N { ",
        "var a",
    ),
    *(
        "enum E { a }",
        "@d ",
        ": any",
        "<A>(b)",
        "class { #p = 1 }",
        "label: ",
        "using x = ",
        "import ",
    ),
)
NAMES = ("𝒳", "e\u0301", "Date", "arguments", "$_", "undefined", "async", "type", "of", "\\u0061b")
LINES = (
    *("const 𝒳 = '😀', e\u0301 = 𝒳;", "label: for (;;) break label;", "declare const Date: any;"),
    *("enum Fresh { a, b = a }", "namespace Fresh { export const a = 1; }", "type Fresh<T> = T;"),
    *("function fresh(this: Date, ...a: any[]): asserts a {}", "var fresh = 1; var fresh = 2;"),
    *("class Fresh<const T> { #p = 1; constructor(readonly q: T) {} set s(v: T) {} }", "// \u202e"),
    *("({ a: 1, ...{} } satisfies object);", "export { type Fresh };", "/** @param {string} a */"),
    *(
        "for (const [a, { b = 1, ...c }] of [] as any) c(a, b);",
        "`${(a: any) => a}`;",
        "import 'x';",
    ),
    *("function fresh(a: string): void; function fresh(a: any): any {}", "// @ts-expect-error"),
)
SHARE = st.floats(0, 1, exclude_max=True)
MUTATION = st.one_of(
    # Anywhere: most of these break the syntax.
    st.tuples(st.just("delete"), SHARE, st.integers(1, 60)),
    st.tuples(st.just("duplicate"), SHARE, st.integers(1, 200)),
    st.tuples(st.just("swap"), SHARE, SHARE, st.integers(1, 40)),
    st.tuples(st.just("insert"), SHARE, st.sampled_from(HOSTILE)),
    st.tuples(st.just("truncate"), SHARE),
    # At words and lines: most of these change what the program means.
    st.tuples(st.just("word"), SHARE, SHARE),
    st.tuples(st.just("word"), SHARE, SHARE),
    st.tuples(st.just("name"), SHARE, st.sampled_from(NAMES)),
    st.tuples(st.just("everywhere"), SHARE, st.sampled_from(NAMES)),
    st.tuples(st.just("line"), SHARE, st.integers(0, 2)),
    st.tuples(st.just("add"), SHARE, st.sampled_from(LINES)),
    st.tuples(st.just("add"), SHARE, st.sampled_from(LINES)),
    st.tuples(st.just("comment"), SHARE, st.sampled_from(HOSTILE)),
    st.tuples(st.just("nest"), SHARE, st.sampled_from(NESTED), st.integers(1, 400)),
)
FAILED_PROOF = ("does_not_parse", "other_errors", "other_javascript", "other_text", "hole_moved")
WORD = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


@pytest.fixture(scope="module")
def typescript():
    with TypeScript(20.0) as service:
        yield service


@cache
def read(file: str) -> str:
    return (ROOT / "node_modules" / file).read_text(encoding="utf-8")


def mutated(text: str, mutation: tuple) -> str:
    """The text after a mutation; its places are shares of the text's length."""
    kind, share, *rest = mutation
    at = int(share * len(text))
    if kind == "delete":
        return text[:at] + text[at + rest[0] :]
    if kind == "duplicate":
        return text[: at + rest[0]] + text[at:]
    if kind == "swap":
        other, length = int(rest[0] * len(text)), rest[1]
        first, second = sorted((at, other))
        second = max(second, first + length)
        a, b = text[first : first + length], text[second : second + length]
        return text[:first] + b + text[first + length : second] + a + text[second + length :]
    if kind == "insert":
        return text[:at] + rest[0] + text[at:]
    if kind == "truncate":
        return text[:at]
    if kind in ("word", "name", "everywhere"):
        words = list(WORD.finditer(text))
        if not words:
            return text
        word = words[int(share * len(words))]
        if kind == "everywhere":
            return re.sub(rf"\b{re.escape(word[0])}\b", lambda _: rest[0], text)
        new = rest[0] if kind == "name" else words[int(rest[0] * len(words))][0]
        return text[: word.start()] + new + text[word.end() :]
    lines = text.splitlines(keepends=True)
    at = int(share * len(lines))
    if kind == "line":
        return "".join([*lines[:at], *lines[at : at + 1] * rest[0], *lines[at + 1 :]])
    if kind == "add":
        added = rest[0]
    elif kind == "comment":
        added = f"/* {rest[0].replace('*/', '')} */"
    else:
        (left, middle, right), depth = rest
        added = f";{left * depth}{middle}{right * depth};"
    return "".join([*lines[:at], added, "\n", *lines[at:]])


def outcome(typescript: TypeScript, text: str, edit: str, choice: int) -> str:
    """How a program fares: `proven`, or the reason why it does not get so far."""
    try:
        found = typescript.holes(text)
        for hole in found.holes:
            assert hole.prefix + hole.gold + hole.suffix == text
            assert hole.prefix[hole.name_start :].startswith(hole.name)
        if not found.holes:
            return found.rejected[0].reason if found.rejected else "no_annotation"
        hole = found.holes[choice % len(found.holes)]
        edited = typescript.edit(
            edit, hole.prefix, hole.gold, hole.suffix, hole.name_start, seed=choice
        )
        assert edited.gold == hole.gold
        assert edited.prefix[edited.name_start :].startswith(edited.name)
        verdict = typescript.check(
            (hole.prefix, hole.gold, hole.suffix),
            (edited.prefix, edited.gold, edited.suffix),
            edited.renames,
        )
    except TypeScriptError as error:
        assert error.detail
        return error.reason
    passed = (
        verdict.parses and verdict.same_errors and verdict.same_javascript and verdict.same_text
    )
    assert passed == (verdict.reason is None) or verdict.reason == "hole_moved"
    return verdict.reason or "proven"


def test_a_mutated_file_gives_a_proven_variant_or_a_reason(typescript):
    outcomes: Counter[str] = Counter()

    @settings(
        max_examples=240,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.sampled_from(FILES),
        st.lists(MUTATION, min_size=1, max_size=2),
        st.sampled_from(EDIT_NAMES),
        st.integers(0, 1000),
    )
    def run(file, mutations, edit, choice):
        text = reduce(mutated, mutations, read(file))
        found = outcome(typescript, text, edit, choice)
        assert found in ("proven", *REASONS)
        outcomes[found] += 1

    run()
    assert outcomes.total() >= 200
    # The mutations do not stop at the parser, and what the editor makes is nearly always right.
    assert outcomes["proven"] >= 50
    assert sum(outcomes[reason] for reason in FAILED_PROOF) <= 2, outcomes


def test_a_file_of_5000_lines_is_edited_and_proven(typescript):
    functions = [
        f"export function step{n}(value{n}: number, other: string[]): string {{\n"
        f"  const local{n} = other.map((item) => item.length + value{n});\n"
        f"  return `${{local{n}.length}} step{n - 1 if n else 0}`;\n"
        f"}}"
        for n in range(1250)
    ]
    text = "\n".join(functions) + "\n"
    assert text.count("\n") == 5000
    found = typescript.holes(text)
    assert len(found.holes) == 3750 and found.rejected == []
    hole = found.holes[1876]
    assert (hole.kind, hole.name, hole.gold) == ("parameter", "other", "string[]")
    for edit in ("rename_vars", "rename_vars+delete_annotations", "strip_comments+rename_vars"):
        assert outcome(typescript, text, edit, 1876) == "proven"


@pytest.mark.parametrize("depth", [100, 1000, 10_000, 100_000])
@pytest.mark.parametrize("nested", NESTED, ids=lambda nested: nested[0])
def test_deep_nesting_gives_a_proven_variant_or_a_reason(typescript, nested, depth):
    left, middle, right = nested
    body = f"{left * depth}{middle}{right * depth}"
    found = outcome(typescript, f"const f = (a: number) => {{ a; {body}; }};", "rename_vars", 0)
    assert found in ("proven", *REASONS)
    if depth == 100 and nested[0] != "let a: (":
        assert found == "proven"
