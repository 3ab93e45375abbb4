"""natural_names and misleading_names: names that the corpus gives to things of a type."""

import pytest

from fimscope.typescript.client import TypeScript
from fimscope.typescript.new_names import NewNames, corpus_names
from fimscope.typescript.results import TypeScriptError
from marked import edit_marked, marked_text, verdict_on_edited
from typescript_cases import EXAMPLES, FUNCTIONS, PARAMETERS

pytestmark = pytest.mark.node


PROGRAM = """\
function f(text: «string», n: number, flags: boolean[], day: Date): string {
  const m = n + 1, s = "s", isOpen = m > 1;
  const g = (): number => 1;
  for (const flag of flags) { const m = flag; m; }
  return text + m + s + isOpen + g() + day;
}
"""


@pytest.fixture(scope="module")
def typescript():
    with TypeScript(new_names=NewNames(corpus=corpus_names(EXAMPLES))) as service:
        yield service


def names_of(edited):
    return {(rename.old, rename.kind): rename.new for rename in edited.renames}


def test_the_names_of_a_corpus_are_counted_by_type():
    rows = [*EXAMPLES, EXAMPLES[0], {"kind": "parameter", "name": "[key]", "gold": "string"}]
    found = corpus_names(reversed(rows))
    assert found == corpus_names(rows)
    assert found["value"]["string"] == {
        **dict.fromkeys(["caption", "label", "title", "value"], 1),
        "text": 2,
    }
    assert found["function"]["string"] == {"getText": 1, "render": 1}


def test_natural_names_are_of_the_same_type(typescript):
    for seed in range(8):
        edited = edit_marked(typescript, "natural_names", PROGRAM, seed)
        names = names_of(edited)
        assert names["f", "function"] in FUNCTIONS["string"]
        assert names["g", "variable"] == "measure"
        assert names["text", "parameter"] in {"label", "title", "value", "caption"}
        assert names["n", "parameter"] in PARAMETERS["number"]
        assert names["s", "variable"] in PARAMETERS["string"]
        assert names["isOpen", "variable"] == "enabled"
        assert names["flags", "parameter"] in PARAMETERS["string[]"]
        assert names["day", "parameter"] in PARAMETERS["Date"]
        assert verdict_on_edited(typescript, PROGRAM, edited).reason is None


def test_misleading_names_suggest_another_type(typescript):
    others = {
        "string": PARAMETERS["string"],
        "number": PARAMETERS["number"],
        "boolean": PARAMETERS["boolean"],
    }
    for seed in range(8):
        edited = edit_marked(typescript, "misleading_names", PROGRAM, seed)
        names = names_of(edited)
        # Strings and numbers are both called `value`: it suggests neither.
        assert "value" not in names.values()
        for name, own in (("text", "string"), ("n", "number"), ("isOpen", "boolean")):
            kind = "variable" if name == "isOpen" else "parameter"
            assert (name, kind) not in names or names[name, kind] not in others[own]
        assert names["f", "function"] in {"measure", "isReady"}
        assert verdict_on_edited(typescript, PROGRAM, edited).reason is None


def test_names_are_the_seeds_and_not_the_holes(typescript):
    first = edit_marked(typescript, "natural_names", PROGRAM)
    assert edit_marked(typescript, "natural_names", PROGRAM) == first
    seeds = {marked_text(edit_marked(typescript, "natural_names", PROGRAM, s)) for s in range(5)}
    assert len(seeds) > 1
    moved = PROGRAM.replace("«string»", "string").replace("n: number", "n: «number»")
    assert edit_marked(typescript, "natural_names", moved).renames == first.renames


def test_variables_of_one_name_and_type_keep_their_shadowing(typescript):
    original = (
        "const m = 1;\nfunction f(a: «any») { const m = 2; { const m = 'x'; m; } return m; }\nm;"
    )
    edited = edit_marked(typescript, "natural_names", original)
    names = [rename.new for rename in edited.renames if rename.old == "m"]
    assert len(names) == 3
    assert len(set(names) & set(PARAMETERS["number"])) == 1
    assert verdict_on_edited(typescript, original, edited).reason is None


def test_a_name_that_the_program_has_or_the_language_keeps_is_not_given(typescript):
    original = "function f(a: «any», b: number, c: number) { return [count, width, value]; }"
    edited = edit_marked(typescript, "natural_names", original)
    assert names_of(edited).get(("b", "parameter")) == "height"
    assert ("c", "parameter") not in names_of(edited)


def test_without_a_corpus_the_edits_are_refused():
    with TypeScript() as service, pytest.raises(TypeScriptError) as raised:
        edit_marked(service, "natural_names", PROGRAM)
    assert raised.value.reason == "edit_failed"
