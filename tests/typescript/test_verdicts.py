"""What answers are, by the compiler: pairs of types worked out by hand, and what no type is."""

import json
import subprocess
from pathlib import Path

import pytest

from fimscope.typescript import process
from fimscope.typescript.process import find_node
from fimscope.typescript.results import TypeScriptError, Verdict
from marked import hole_of, split_marked

pytestmark = pytest.mark.node

DATA = json.loads((Path(__file__).parent / "data" / "verdicts.json").read_text("utf-8"))
PAIRS = [tuple(pair) for pair in DATA["pairs"]]
MODULES = Path(process.__file__).parent
ROOT = Path(__file__).parents[2]
WHERE = {"modules": MODULES, "helpers": ROOT / "tests" / "helpers"}


def asked(typescript, context, gold, answer):
    marked = context.replace("«»", f"«{gold}»")
    prefix, gold, suffix = split_marked(marked)
    kind = hole_of(typescript, marked).kind
    return {"prefix": prefix, "gold": gold, "suffix": suffix, "kind": kind, "answer": answer}


def verdicts_of(typescript, context, gold, *answers):
    return typescript.verdicts([asked(typescript, context, gold, answer) for answer in answers])


@pytest.fixture(scope="module")
def holes(typescript):
    return [
        asked(typescript, DATA["contexts"][name], gold, answer) for name, gold, answer, *_ in PAIRS
    ]


def test_the_pairs_have_the_verdicts_worked_out_by_hand(typescript, holes):
    assert len({pair[:3] for pair in PAIRS}) == len(PAIRS) >= 60
    found = [
        verdict
        for start in range(0, len(holes), 8)
        for verdict in typescript.verdicts(holes[start : start + 8])
    ]
    for pair, verdict in zip(PAIRS, found, strict=True):
        expected = (pair[3], pair[4] if len(pair) > 4 else False)
        assert (verdict.verdict, verdict.is_any) == expected, (pair, verdict)


def test_a_hole_alone_has_the_verdict_that_it_has_among_others(typescript, holes):
    some = holes[5::9]
    assert [typescript.verdicts([hole])[0] for hole in some] == typescript.verdicts(some)


def test_equivalence_is_symmetric(typescript):
    """Each context judges the pairs the other way round, where their types have no errors."""
    for name, gold, answer, verdict, *_ in PAIRS:
        if verdict in ("equivalent", "checks") and name != "predicate":
            [found] = verdicts_of(typescript, DATA["contexts"][name], answer, gold)
            assert (found.verdict == "equivalent") == (verdict == "equivalent"), (gold, answer)


# Of the holes on stdin, by each compiler: the errors with the gold and with the answer in the hole,
# and whether each test of the pair holds.
BOTH = """
import { text as read } from "node:stream/consumers";
import { javascriptErrors } from "%(helpers)s/javascript_errors.mjs";
import { anyTest, equivalenceTest, holds } from "%(modules)s/assignability.mjs";
import { annotationAt } from "%(modules)s/holes.mjs";
import { nativeErrors, TOGETHER } from "%(modules)s/native.mjs";
import { parse } from "%(modules)s/program.mjs";

function byNative(texts) {
  const found = [];
  for (let at = 0; at < texts.length; at += TOGETHER) {
    found.push(...nativeErrors(texts.slice(at, at + TOGETHER)));
  }
  return found;
}

const rows = JSON.parse(await read(process.stdin)).map(({ prefix, gold, suffix, answer }) => {
  const nodeOf = (type) => annotationAt(parse(prefix + type + suffix), { prefix, gold: type }).node;
  const [one, other] = [gold, answer].map(nodeOf);
  const tests = [equivalenceTest(one, other), anyTest(prefix, other, suffix)].filter(Boolean);
  return { texts: [prefix + gold + suffix, prefix + answer + suffix], tests };
});
const texts = rows.flatMap((row) => [...row.texts, ...row.tests.map(({ text }) => text)]);
const places = (errors) => errors.map(({ start, length, code }) => [start, length, code]);
const found = [byNative, javascriptErrors].map((compile) => {
  const errors = new Map(compile(texts).map((each, index) => [texts[index], each]));
  return rows.map((row) => ({
    errors: row.texts.map((text) => places(errors.get(text)).map(String).sort()),
    holds: row.tests.map((test) => holds(test, errors.get(test.text))),
  }));
});
console.log(JSON.stringify(found));
"""


def test_typescript_7_and_6_judge_alike(holes):
    done = subprocess.run(
        [find_node(), "--input-type=module", "--eval", BOTH % WHERE],
        input=json.dumps(holes),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    by_native, by_javascript = json.loads(done.stdout)
    assert len({str(row["holds"]) for row in by_native}) > 2
    for pair, native, javascript in zip(PAIRS, by_native, by_javascript, strict=True):
        assert native == javascript, pair


PLAIN = "export function f(a: «»): number { return a.length; }\nf('');\n"
NO_TYPE = [
    "",
    " string",
    "string ",
    "string // a comment",
    "/* */",
    "string) { return 1; }\nfunction g(a: string",
    "string, b: number",
    "string = 'a'",
    "string; }",
    "Map<string",
    "{ length: number",
    "string */ /* ",
    "(",
    "])}>",
    "'unterminated",
    "`${",
    "string\0",
    "\x1b[31mstring",
    "\ud800",
    "string?",
    "<|fim_middle|>",
    "[" * 15_000 + "]" * 15_000,
    "(" * 5_000,
    "a is string",
    "string\u2028} {",
]


def test_what_is_no_single_type_fails_whatever_it_holds(typescript):
    found = verdicts_of(typescript, PLAIN, "string", *NO_TYPE, "ArrayLike<string>")
    assert [verdict.verdict for verdict in found] == ["fails"] * len(NO_TYPE) + ["checks"]
    assert all(verdict.detail for verdict in found[:-1])


TRICKS = [
    "$check0<string, string>",
    "{ a: $check0Any }",
    "string[] // @ts-ignore\n | number",
    "// @ts-nocheck\nstring",
    "/* @ts-ignore */ string[]",
    "typeof a",
    "typeof f",
    "Parameters<typeof f>[0]",
    "import('fs').PathLike",
    "'*/'",
    "T extends infer U ? U : never",
    "this",
]


def test_an_answer_cannot_make_itself_equivalent(typescript):
    for context in (PLAIN, "// @ts-nocheck\n" + PLAIN, "// @ts-ignore\n" + PLAIN):
        for verdict in verdicts_of(typescript, context, "string", *TRICKS):
            assert verdict.verdict in ("checks", "fails"), (context, verdict)


@pytest.mark.parametrize("where", ["// @ts-nocheck\n", "/* @ts-nocheck */ ", "//\n//@ts-nocheck\n"])
def test_a_program_that_asks_not_to_be_checked_is_checked(typescript, where):
    answers = {"string": "same", "(string)": "equivalent", "bigint[]": "fails", "any": "checks"}
    for context in (PLAIN, where + PLAIN):
        found = verdicts_of(typescript, context, "string", *answers)
        assert [verdict.verdict for verdict in found] == list(answers.values())
        assert found[-1].is_any


def test_a_line_whose_errors_are_not_told_hides_no_difference(typescript):
    ignored = "// @ts-ignore\n" + PLAIN
    one, other = verdicts_of(typescript, ignored, "string[]", "Array<string>", "number[]")
    assert (one.verdict, other.verdict) == ("equivalent", "checks")


def test_a_type_that_the_compiler_gives_up_fails_and_a_deep_one_does_not(typescript):
    deep = "[" * 450 + "string" + "]" * 450
    wide = " & ".join(f"({' | '.join(f'{{ a{i}: {j} }}' for j in range(60))})" for i in range(4))
    found = verdicts_of(typescript, PLAIN.replace("f('')", ""), "string", deep, wide)
    assert [verdict.verdict for verdict in found] == ["checks", "fails"]


def test_errors_that_the_program_has_anyhow_do_not_count(typescript):
    context = "function f(a: «»): string { return a; }\nconst y: number = 'a';"
    found = verdicts_of(typescript, context, "number", "bigint", "number[]", "(number)")
    assert [verdict.verdict for verdict in found] == ["checks", "checks", "equivalent"]


def test_a_hole_without_annotation_has_no_verdict_and_spares_the_others(typescript):
    bad = {"prefix": "const x = ", "gold": "1", "suffix": ";", "kind": "parameter", "answer": "2"}
    good = asked(typescript, PLAIN, "string", "string")
    first, second = typescript.verdicts([bad, good])
    assert isinstance(first, TypeScriptError) and first.reason == "hole_moved"
    assert second == Verdict("same", None, False, "builtin")


FORMS = {
    "builtin": ["string", "unknown", "null", "void", "this", "(number)"],
    "name": ["Point", "T", "Hex.Hex", "Date"],
    "array": ["string[]", "readonly T[]", "[a: string, b?: number]", "Map<string, string>[]"],
    "generic": ["Array<string>", "Promise<void>", "Hex.Of<1>"],
    "union": ["string | undefined", "(A | B)", "'a' | 'b'"],
    "function": ["() => void", "new (a: string) => T", "(<T>(a: T) => T)"],
    "other": ["{ a: string }", "A & B", "keyof T", "typeof f", "'a'", "`a`", "T['a']"],
}


def test_the_form_of_a_gold(typescript):
    for form, golds in FORMS.items():
        for gold in golds:
            [verdict] = verdicts_of(typescript, "function f<T>(a: «»): void {}", gold, gold)
            assert (verdict.verdict, verdict.form) == ("same", form), gold
