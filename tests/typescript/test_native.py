"""The native compiler's errors: those of the JavaScript compiler, even where a process dies."""

import json
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from fimscope.typescript import process
from fimscope.typescript.process import NodeService, find_node

pytestmark = pytest.mark.node


MODULES = Path(process.__file__).parent
ROOT = Path(__file__).parents[2]
WHERE = {"modules": MODULES, "helpers": ROOT / "tests" / "helpers"}

# Programs with errors of every kind that a variant can have or lose.
PROGRAMS = {
    "none": "export const f = (a: number): string => `${a}`;",
    "no module": "const a: string = 1;",
    "syntax": "const f = (a: number => a;",
    "wrong type": "const a: string = 1, b: number = 'b';\nconst c: Date = a;",
    "unknown name": "const f = (a: string) => b.length + coun;\nconst count = 1;",
    "unknown member": "const f = (a: string) => a.lenght;",
    "two of one kind on a line": "const a: string = 1, b: string = 2;",
    "declared twice": "let a = 1;\nlet a = 2;\nclass B {}\nclass B {}",
    "implicit any": "function f(a) { return a; }",
    "nothing returned": "function f(): number {}",
    "used too early": "a;\nlet a = 1;",
    "never assigned": "let a: number;\na.toFixed();",
    "missing modules": "import { z } from './z';\nimport q from 'q';\nconst f = (a: z) => q(a);",
    "expected error": "// @ts-expect-error\nconst a: string = 1;",
    "unexpected calm": "// @ts-expect-error\nconst a: string = '';",
    "ignored": "// @ts-nocheck\nconst a: string = 1;",
    "overloads": "function f(a: string): void;\nfunction f(a: number) {}\nf(true);",
    "globals": "declare global { interface Window { mine: number } }\nwindow.mine;\nexport {};",
    "not those globals": "window.mine;",
    "another module": "declare module 'x' { export const y: number }\nexport {};",
    "unused label": "function f(a: any) { x: for (;;) {} }",
    "decorators": "const d = (a: any, b: any) => {};\nclass A { @d m() {} @d get x() {} }",
    "private": "class A { #a = 1 }\nnew A().#a;",
    "this": "function f(this: string) { return this.lenght; }\nf();",
    "await": "function f() { await 1; }",
    "astral": "const 𝒳 = '😀'; const a: string = 1;\n'😀'; const b: string = 2;",
    "line ends": "const a: URL = 1;\r\nconst b: URL = 2;\rconst c: URL = 3;\u2028const d: A = 4;",
    "byte order mark": "\ufeffconst a: string = 1;",
    "lone surrogate": "const a: string = 1; '\ud800';\nconst b: string = 2;",
    "nul": "const a: string = 1;\0\nconst b: string = 2;",
    "lib": '/// <reference lib="webworker" />\nnew Map<string>();\nconst a: Temporal = 1;',
    "no file is read": '/// <reference path="/etc/hosts" />\nimport "/program/tsconfig.json";',
    "empty": "",
    "deep": "const a: string = " + "[" * 300 + "]" * 300 + ";",
    "enum": "enum E { a, b }\nconst f = (e: E) => E[e].lenght;\nconst g: E = 7;",
    "satisfies": "const a = { b: 1 } satisfies Record<string, string>;",
    "generic": "function f<const T extends string>(a: T): T { return 'x'; }",
}

# One line for each text on stdin: the errors of the native compiler and of the JavaScript one.
BOTH = """
import readline from "node:readline";
import { javascriptErrors } from "%(helpers)s/javascript_errors.mjs";
import { nativeErrors } from "%(modules)s/native.mjs";

const places = (text, errors) => errors.map(({ start, length, code }) => [start, length, code]);
for await (const line of readline.createInterface({ input: process.stdin })) {
  const text = JSON.parse(line);
  const [[native], [javascript]] = [nativeErrors([text]), javascriptErrors([text])];
  console.log(JSON.stringify([places(text, native), places(text, javascript)]));
}
"""


def both_errors(texts):
    """For each text the (start, length, code) of its errors, by either compiler, sorted."""
    done = subprocess.run(
        [find_node(), "--input-type=module", "--eval", BOTH % WHERE],
        input="".join(json.dumps(text) + "\n" for text in texts),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return [[sorted(errors) for errors in json.loads(line)] for line in done.stdout.splitlines()]


def test_both_compilers_find_the_same_errors():
    found = dict(zip(PROGRAMS, both_errors(PROGRAMS.values()), strict=True))
    for name, (native, javascript) in found.items():
        assert native == javascript, name
    codes = {code for native, _ in found.values() for _, _, code in native}
    assert len(codes) > 20
    assert found["globals"][0] == [] and found["not those globals"][0] != []
    assert found["none"][0] == found["ignored"][0] == []
    assert len(found["two of one kind on a line"][0]) == 2


def test_both_compilers_find_the_same_errors_in_real_files():
    files = sorted((ROOT / "node_modules" / "zod" / "src" / "v4" / "core").glob("*.ts"))[:12]
    texts = [file.read_text(encoding="utf-8") for file in files if file.stat().st_size < 60_000]
    assert len(texts) > 5
    found = both_errors(texts)
    assert all(native == javascript for native, javascript in found)
    assert any(native for native, _ in found)


def error_check(service, n):
    hole = {
        "prefix": f"const b{n}: string = 1;\nconst f = (a: ",
        "gold": "any",
        "suffix": ") => a;",
    }
    return service.ask("check", original=hole, variant={**hole, "suffix": ") => a; "}, renames=[])


def test_a_native_compiler_that_dies_is_replaced_and_no_check_is_lost():
    service = NodeService(60)
    try:
        assert error_check(service, 0)["reason"] is None
        for n in range(1, 4):
            [native] = native_compilers(service)
            native.send_signal(signal.SIGKILL)
            native.wait(10)
            assert error_check(service, n)["reason"] is None
            assert native_compilers(service) != [native]
    finally:
        service.stop()


def native_compilers(service):
    children = psutil.Process(service.pid).children(recursive=True)
    return [child for child in children if child.name() == "tsc"]
