"""Every fast path of the proof gives what the slow one gives."""

import json
import random
import subprocess
from pathlib import Path

import pytest

from fimscope.typescript import (
    process,
)
from fimscope.typescript.client import TypeScript
from fimscope.typescript.new_names import NewNames
from fimscope.typescript.process import find_node
from fimscope.typescript.results import TypeScriptError
from planted import planted
from typescript_cases import RIGHT, WRONG_ERRORS, WRONG_JAVASCRIPT

pytestmark = pytest.mark.node


MODULES = Path(process.__file__).parent
ROOT = Path(__file__).parents[2]
FILES = [
    "rxjs/src/internal/operators/retry.ts",
    "multiformats/src/bytes.ts",
    "@tanstack/query-core/src/utils.ts",
    "ox/core/Hex.ts",
]

# For each pair on stdin: whether it is the same stripped, and what sets apart what is emitted.
JAVASCRIPT = """
import { parse } from "%(modules)s/program.mjs";
import { differenceWhenEmitted, isSameWhenStripped } from "%(modules)s/proof.mjs";
const edit = { exports: new Map(), isFixed: false };
const pairs = JSON.parse(await new Response(process.stdin).text());
// The proof goes on with nothing else: a tool that is no checker may read more than the compiler.
const parsed = pairs.filter(([, after]) => parse(after).parseDiagnostics.length === 0);
const verdicts = parsed.map(([before, after]) => [
  isSameWhenStripped(before, after, edit),
  differenceWhenEmitted(before, after, edit) ?? null,
]);
console.log(JSON.stringify(verdicts));
"""


def run_node(script: str, asked: object) -> list:
    done = subprocess.run(
        [find_node(), "--disable-warning=ExperimentalWarning", "--input-type=module", "-e", script],
        input=json.dumps(asked),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def unmarked(pair: tuple[str, str]) -> list[str]:
    return [text.replace("«", "").replace("»", "") for text in pair]


def test_what_is_the_same_when_stripped_is_so_when_emitted():
    cases = [unmarked(pair) for each in (RIGHT, WRONG_JAVASCRIPT) for pair in each.values()]
    verdicts = run_node(JAVASCRIPT % {"modules": MODULES}, cases)
    stripped = [is_same for is_same, _ in verdicts]
    emitted = [difference is None for _, difference in verdicts]
    assert [
        pair for pair, fast, slow in zip(cases, stripped, emitted, strict=True) if fast > slow
    ] == []
    # The fast path is taken: most that are the same are so when stripped.
    assert sum(stripped) > 0.8 * sum(emitted)


MORE_THAN_TYPES = """import { deep, type Shape } from "./shapes.js";
import "./effect.js";
const enum Size { small = 1, large = small * 2, name = "a" }
export enum Colour { red, green = deep(2), blue = green + 1 }
export namespace Boxes {
  export const first = <Shape>{ width: 1 };
  export let count: number = first.width;
  export namespace Inner { export function open(a: Size): Colour { return a + count; } }
  console.log(Inner.open(Size.small));
}
abstract class Base<T> { abstract area(): number; declare tag: string; static kept = 3; }
export class Box extends Base<Shape> {
  extra? = Colour.red;
  constructor(public width: number, private readonly height = width * 2, plain = 4) {
    super();
    this.extra = plain as Colour;
  }
  area() { return this.width * this.height; }
}
"""


@pytest.mark.parametrize("file", [*FILES, None])
def test_no_planted_change_is_the_same_when_stripped_alone(file):
    if file is None:
        text = MORE_THAN_TYPES
    else:
        text = (ROOT / "node_modules" / file).read_text(encoding="utf-8")
    changes = planted(text)
    chosen = random.Random(0).sample(changes, min(150, len(changes)))
    pairs = [[text, text[: each["start"]] + each["text"] + text[each["end"] :]] for each in chosen]
    verdicts = run_node(JAVASCRIPT % {"modules": MODULES}, [[text, text + "\n"], *pairs])
    assert verdicts[0] == [True, None]
    assert all(difference is None for is_same, difference in verdicts if is_same)
    assert any(not is_same for is_same, _ in verdicts)
    assert any(is_same for is_same, _ in verdicts[1:])


# For the texts on stdin: their errors one by one, and together.
ERRORS = """
import { foresee } from "%(modules)s/foresight.mjs";
import { nativeErrors } from "%(modules)s/native.mjs";
import { errorsOf } from "%(modules)s/program.mjs";
const texts = JSON.parse(await new Response(process.stdin).text());
const alone = texts.map((text) => nativeErrors([text])[0]);
foresee({ texts });
const answer = JSON.stringify([alone, texts.map(errorsOf)]);
process.stdout.write(answer, () => process.exit());
"""
REACHING_OUT = [
    "declare global { interface Window { mine: number } }\nexport {};",
    "export namespace N { export const a = 1 }\ndeclare module 'm' { export const y: number }",
    '/// <reference lib="webworker" />\nexport const s = WorkerGlobalScope;',
    "export as namespace Mine;\nexport const a = 1;",
]
REACHED = ["window.mine;", "import { y } from 'm';\ny.z;", "WorkerGlobalScope;", "Mine.a;"]
# Whatever the texts' files are called, an import of one is an import of nothing.
IMPORTING = [
    f"import {{ y as z }} from './{name}{n}';\nexport const a: string = z, y = 1;"
    for name in ("program", "fimscope_text_")
    for n in range(16)
]


# For each text on stdin: whether it may be read together with others.
ALONE = """
import { isModuleAlone } from "%(modules)s/foresight.mjs";
const texts = JSON.parse(await new Response(process.stdin).text());
console.log(JSON.stringify(texts.map(isModuleAlone)));
"""
GLOBAL = "interface Window { mine: number }"
# Each adds to the globals, whatever stands between its words.
REACHING_APART = [
    f"declare global /* a */ /* b * / */ // c \n{{ {GLOBAL} }}\nexport {{}};",
    f"declare\nglobal\u2028{{ {GLOBAL} }}",
    f"export const a: = 1;\ndeclare global {{ {GLOBAL} }}",
    "declare module // m\r'm' { export const y: number }",
    'declare module/**/"m" { export const y: number }',
    "export const a = 1;\nexport as/* x */namespace Mine;",
]
# Words of one kind are in comments, names and members, or their text has an error.
HARMLESS = [
    "declare const a: number; // a module of the global namespace\nexport const b: string = a;",
    "export const f = (a: number => a; // declare module",
    "namespace N { export const global = 1 }\nexport const b: string = N.global = ;",
    "const o = { module: 1, global: 2, namespace: [] };\no as unknown as any; o.module.x.y;",
]


def test_only_what_reaches_out_is_read_alone():
    texts = [*REACHING_OUT, *REACHING_APART, *REACHED, *HARMLESS]
    n = len(REACHING_OUT) + len(REACHING_APART)
    assert run_node(ALONE % {"modules": MODULES}, texts) == [False] * n + [True] * (len(texts) - n)


def test_errors_found_together_are_those_found_alone():
    cases = [each for cases in (RIGHT, WRONG_ERRORS) for each in cases.values()]
    folder = ROOT / "node_modules" / "zod" / "src" / "v4" / "core"
    files = [file for file in sorted(folder.glob("*.ts")) if file.stat().st_size < 60_000][:10]
    texts = [
        *(text for case in cases for text in unmarked(case)),
        *(text for pair in zip(REACHING_OUT, REACHED, strict=True) for text in pair),
        *(
            text
            for pair in zip(REACHING_APART, HARMLESS + REACHED[:2], strict=True)
            for text in pair
        ),
        *(file.read_text(encoding="utf-8") for file in files),
        "const f = (a: number => a;",
        *IMPORTING,
    ]
    alone, together = run_node(ERRORS % {"modules": MODULES}, texts)
    assert alone == together
    assert sum(map(bool, alone)) > 20
    for text in REACHED:
        assert alone[texts.index(text)] != []


# For each text on stdin: which of all checkers of names it has, counted in the order of first use.
SHARED = """
import { expectNames, scoped } from "%(modules)s/program.mjs";
const texts = JSON.parse(await new Response(process.stdin).text());
expectNames(texts);
const checkers = texts.map((text) => scoped(text).checker);
const known = [...new Set(checkers)];
console.log(JSON.stringify(checkers.map((checker) => known.indexOf(checker))));
"""


def test_names_of_many_texts_are_read_some_at_a_time():
    texts = [f"export const a{n} = {n};" for n in range(40)]
    shared = run_node(SHARED % {"modules": MODULES}, texts)
    assert shared == [n // 16 for n in range(40)]


# For each text on stdin: the listed names that are fresh in it, by the module and one by one.
NAMES = """
import { configureNames, freshNames } from "%(modules)s/edits/names.mjs";
const [listed, texts] = JSON.parse(await new Response(process.stdin).text());
configureNames(2, listed);
const fresh = texts.map((text) => {
  const lowered = text.toLowerCase();
  const plain = listed.filter((name) => !lowered.includes(name.toLowerCase()));
  const names = freshNames(text, "key");
  return [plain.toSorted(), plain.map(() => names.next().value).toSorted()];
});
console.log(JSON.stringify(fresh));
"""


def test_names_are_fresh_where_they_are_part_of_nothing():
    words = ["zu", "bix", "bixo", "karo", "fumeti", "Lomu", "bixomeku", "tanko"]
    texts = [
        "const a = 1;",
        "const bixo = zub;",
        "// a KARO and fume_ti\nlet lomU2 = bixome;",
        "xbixomekux; t a n k o; tank\u00f6; zu",
        (ROOT / "node_modules/zod/src/v4/core/util.ts").read_text(encoding="utf-8"),
    ]
    found = run_node(NAMES % {"modules": MODULES}, [words, texts])
    assert all(plain == names for plain, names in found)
    assert [len(plain) for plain, _ in found[:3]] == [8, 5, 4]


def test_what_is_deleted_beside_a_hole_does_not_hang_on_the_holes_before(typescript):
    text = (ROOT / "node_modules/immer/src/utils/common.ts").read_text(encoding="utf-8")
    holes = typescript.holes(text).holes[:12]

    def deleted(service, hole):
        parts = hole.prefix, hole.gold, hole.suffix
        edited = service.edit("delete_annotations", *parts, hole.name_start, 0)
        verdict = service.check(parts, (edited.prefix, edited.gold, edited.suffix), edited.renames)
        assert verdict.reason is None
        return edited.prefix, edited.gold, edited.suffix

    forwards = [deleted(typescript, hole) for hole in holes]
    with TypeScript() as fresh:
        backwards = [deleted(fresh, hole) for hole in reversed(holes)]
    assert forwards == backwards[::-1]
    with TypeScript() as fresh:
        assert deleted(fresh, holes[5]) == forwards[5]
    # Every hole keeps its own annotation, and nearly all else of the program is the same.
    assert len(set(map("".join, forwards))) > 1


TRICKY = [
    "declare global { interface Window { a: number } }\nexport const f = (a: string): number => 1;",
    "const g: string = 1;\nfunction f(a: string): Missing { return a.lenght; }",
    "export namespace N { export const f = (a: number): number => a; }\nlet x: string = N.f(1);",
    "import { y } from './program1';\nexport function f(a: y): y { return a; }",
    "export function f(first: number): number { return eval('first'); }",
]


@pytest.mark.parametrize(
    "edit",
    ["rename_vars", "delete_annotations", "mask_annotations@0.5", "rename_types+alias_types"],
)
def test_edits_and_proofs_together_are_those_of_each_alone(typescript, edit):
    texts = [*TRICKY, *((ROOT / "node_modules" / file).read_text("utf-8") for file in FILES)]
    holes = [hole for text in texts for hole in typescript.holes(text).holes[:3]]
    names = ("prefix", "gold", "suffix", "name_start")
    rows = [{name: getattr(hole, name) for name in names} for hole in holes]
    rows.append({**rows[0], "gold": "no type"})

    def outcome(service, row):
        try:
            return service.edit(edit, *(row[name] for name in names), 0)
        except TypeScriptError as error:
            return str(error)

    def proof(service, row, edited):
        parts = [(row["prefix"], row["gold"], row["suffix"])]
        parts.append((edited.prefix, edited.gold, edited.suffix))
        return service.check(*parts, edited.renames)

    with TypeScript() as plain:
        alone = [outcome(plain, row) for row in rows]
    with TypeScript() as service:
        together = service.edits(edit, rows, 0)
    together = [str(each) if isinstance(each, TypeScriptError) else each for each in together]
    assert together == alone
    assert any(isinstance(each, str) for each in alone)

    # Right variants, and one that reads another row's text: a wrong one.
    done = [(row, each) for row, each in zip(rows, alone, strict=True) if not isinstance(each, str)]
    pairs = [*done, (done[0][0], done[-1][1])]
    with TypeScript() as plain:
        proofs = [proof(plain, row, edited) for row, edited in pairs]
    with TypeScript() as service:
        service.foresee(
            text
            for row, edited in pairs
            for text in (
                row["prefix"] + row["gold"] + row["suffix"],
                edited.prefix + edited.gold + edited.suffix,
            )
        )
        foreseen = [proof(service, row, edited) for row, edited in pairs]
    assert foreseen == proofs
    assert foreseen[-1].reason is not None
    assert all(each.reason is None for each in foreseen[:-1])


# For each text on stdin: where its places begin after more and more of its sites have changed,
# moved from where they were and found anew; and how many sites are not parsed as before.
PLACES = """
import { placeStarts } from "%(modules)s/error_places.mjs";
import { deleteAnnotations, maskAnnotations } from "%(modules)s/edits/annotations.mjs";
import { movedStarts } from "%(modules)s/edits/checked_sites.mjs";
import { replace } from "%(modules)s/edits/sites.mjs";
import { makeInStep } from "%(modules)s/foresight.mjs";
const texts = JSON.parse(await new Response(process.stdin).text());
const all = { name: "test", dose: 1, count: null };
const answer = texts.flatMap((text) => [deleteAnnotations, maskAnnotations].map((edit) => {
  const search = edit(text, { start: -1, end: -1 }, { seed: 0, origin: text }, all);
  const [{ value: sites }] = makeInStep([search]);
  const kept = sites.filter(({ keepsSyntax }) => keepsSyntax);
  const pairs = [0.2, 0.5, 0.9, 1].map((share) => {
    const some = kept.slice(0, Math.ceil(share * kept.length)).flatMap((site) => site.replacements);
    return [movedStarts(placeStarts(text), some), placeStarts(replace(text, some))];
  });
  return { n: kept.length, others: sites.length - kept.length, pairs };
}));
process.stdout.write(JSON.stringify(answer), () => process.exit());
"""
GETTER = "export class A {\n  get: number\n  foo() { return 1 }\n}\nexport let b: number = 1"


def test_places_moved_by_a_change_are_those_found_anew():
    texts = [(ROOT / "node_modules" / file).read_text(encoding="utf-8") for file in FILES]
    *found, getter_deleted, getter_masked = run_node(
        PLACES % {"modules": MODULES}, [*texts, GETTER]
    )
    for each in [*found, getter_deleted, getter_masked]:
        assert all(moved == anew for moved, anew in each["pairs"])
    assert sum(each["n"] for each in found) > 50
    # `get` and a line break in front of `foo` would be a getter.
    assert getter_masked["n"] == 1 and getter_masked["others"] == 1


# For each text on stdin: its comments by the module, and in front of and behind every token.
COMMENTS = """
import ts from "typescript";
import { commentsOf } from "%(modules)s/comments.mjs";
const texts = JSON.parse(await new Response(process.stdin).text());
function* tokensOf(node) {
  const children = node.getChildren();
  if (children.length === 0) yield node;
  for (const child of children) yield* tokensOf(child);
}
const answer = texts.map((text) => {
  const options = { languageVersion: 99, jsDocParsingMode: ts.JSDocParsingMode.ParseNone };
  const file = ts.createSourceFile("/a.ts", text, options, true);
  const plain = new Map();
  for (const token of tokensOf(file)) {
    const before = ts.getLeadingCommentRanges(text, token.pos) ?? [];
    const behind = ts.getTrailingCommentRanges(text, token.end) ?? [];
    for (const { pos, end } of [...before, ...behind]) {
      plain.set(pos, end);
    }
  }
  const found = commentsOf(text).map(({ start, end }) => [start, end]);
  return [found, [...plain].sort(([a], [b]) => a - b)];
});
console.log(JSON.stringify(answer));
"""
NO_COMMENTS = (
    "#!/usr/bin/env node // none\n"
    'const a = "// none", b = `/* none ${a /* one */} // none`, c = /\\/\\/ none/g; // two\n'
    "const d = 1 / /* three */ 2, e = /x//2; /** four */ f(/* five */);\n// six"
)


def test_comments_are_those_around_all_tokens():
    texts = [(ROOT / "node_modules" / file).read_text(encoding="utf-8") for file in FILES]
    found = run_node(COMMENTS % {"modules": MODULES}, [NO_COMMENTS, *texts])
    assert all(comments == plain for comments, plain in found)
    assert len(found[0][0]) == 6
    assert sum(len(comments) for comments, _ in found) > 50


def test_a_renamed_hole_has_the_name_that_stands_there(typescript):
    text = 'const key = "a";\nexport const o = { [key]: (first: number): number => first };\n' + (
        ROOT / "node_modules/immer/src/utils/common.ts"
    ).read_text(encoding="utf-8")
    names = set()
    for hole in typescript.holes(text).holes:
        edited = typescript.edit(
            "rename_vars", hole.prefix, hole.gold, hole.suffix, hole.name_start, 0
        )
        variant = edited.prefix + edited.gold + edited.suffix
        there = {each.start: each.name for each in typescript.holes(variant).holes}
        assert edited.name == there[len(edited.prefix)]
        names.add(edited.name)
    assert any(name.startswith("[") and name != "[key]" for name in names)


def test_a_name_that_breaks_the_program_is_refused_by_the_parser():
    text = "export function f(first: number) { return first }"
    start = text.index("number")
    parts = text[:start], "number", text[start + 6 :]
    keyword = NewNames(listed=("delete",))
    with TypeScript(new_names=keyword) as service, pytest.raises(TypeScriptError) as raised:
        service.edit("rename_vars", *parts, name_start=18, seed=0)
    assert raised.value.reason == "syntax_error"


def test_an_escape_does_not_hide_a_lookup_of_names(typescript):
    text = "export function f(first: number) { return \\u0065val('first') }"
    start = text.index("number")
    with pytest.raises(TypeScriptError, match="edit_failed"):
        typescript.edit("rename_vars", text[:start], "number", text[start + 6 :], 18, 0)


def test_the_original_itself_is_proven_as_another_text_would_be(typescript):
    text = (ROOT / "node_modules/immer/src/utils/common.ts").read_text(encoding="utf-8")
    first, second = typescript.holes(text).holes[:2]
    parts = [(hole.prefix, hole.gold, hole.suffix) for hole in (first, second)]
    verdict = vars(typescript.check(parts[0], parts[0], []))
    # What is compared in full: a line that ends the program is no difference.
    longer = (*parts[0][:2], parts[0][2] + "\n")
    assert verdict == vars(typescript.check(parts[0], longer, []))
    assert verdict["reason"] is None and verdict["same_text"]
    assert typescript.check(parts[0], parts[1], []).reason == "hole_moved"
