"""The sites of an edit that the type checker allows: one that it does not is left out alone."""

import json
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.node


ROOT = Path(__file__).parents[2]
MODULES = ROOT / "scripts" / "fimscope" / "typescript"
SITES = MODULES / "edits" / "checked_sites.mjs"
FORESIGHT = MODULES / "foresight.mjs"
# `Bad` stands for an alias that the checker relates otherwise than what it is an alias of.
TEXT = "const a: string = 'a', b: string = 'b';\nconst c: number = 1;\nconst d: bigint = 'e';\n"
ALIASES = {"Good": ("string", "string"), "Bad": ("number", "never"), "Fine": ("bigint", "bigint")}
PROGRAM = f"""
import {{ allowedShare }} from {json.dumps(SITES.as_uri())};
import {{ makeInStep }} from {json.dumps(FORESIGHT.as_uri())};
const [text, aliases, mayVanish] = {{REQUEST}};
const sites = Object.entries(aliases).map(([name, [old, written]]) => ({{
  name,
  starts: [],
  replacements: [
    {{ start: 0, end: 0, text: `type ${{name}} = ${{written}};\\n`, isAdded: true }},
    ...[...text.matchAll(new RegExp(`\\\\b${{old}}\\\\b`, "g"))].map(({{ index }}) => (
      {{ start: index, end: index + old.length, text: name }}
    )),
  ],
}}));
const share = {{ name: "alias_types", dose: 1, count: null }};
const search = allowedShare(text, sites, {{ seed: 0, origin: text }}, share, mayVanish);
const [{{ value: chosen }}] = makeInStep([search]);
process.stdout.write(JSON.stringify(chosen.map(({{ name }}) => name)));
process.exit();
"""


def allowed(text, aliases, may_vanish):
    program = PROGRAM.replace("{REQUEST}", json.dumps([text, aliases, may_vanish]))
    done = subprocess.run(
        ["node", "--input-type=module", "-e", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        timeout=60,
    )
    return json.loads(done.stdout)


def test_one_alias_that_brings_an_error_is_left_out_alone():
    assert allowed(TEXT, ALIASES, False) == ["Good", "Fine"]


@pytest.mark.parametrize(("may_vanish", "expected"), [(True, ["Good", "Any"]), (False, ["Good"])])
def test_one_alias_that_takes_an_error_is_left_out_where_none_may_go(may_vanish, expected):
    aliases = {"Good": ("string", "string"), "Any": ("bigint", "any")}
    assert allowed(TEXT, aliases, may_vanish) == expected
