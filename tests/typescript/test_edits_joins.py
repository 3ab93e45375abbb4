"""Joins of many edits on every hard case of the single ones, and on a very long file."""

import pytest

from fimscope.typescript.client import TypeScript
from fimscope.typescript.new_names import NewNames, corpus_names
from fimscope.typescript.results import TypeScriptError
from marked import edit_marked, verdict_on_edited
from typescript_cases import ALIASED, CASES, DELETED, EXAMPLES, HOSTS, RENAMED, RIGHT, STRIPPED

JOINS = (
    "rename_vars+rename_types+delete_annotations",
    "strip_comments+natural_names+rename_types+alias_types+mask_annotations+add_distractor@k3",
    "rename_vars@0.5+rename_types@0.5+alias_types@0.5+delete_annotations@0.5",
)
PROGRAMS = {
    **{
        f"{kind}: {case}": pair[0]
        for kind, cases in (
            ("variables", CASES),
            ("checks", RIGHT),
            ("types", RENAMED),
            ("aliases", ALIASED),
            ("annotations", DELETED),
            ("comments", STRIPPED),
        )
        for case, pair in cases.items()
    },
    **HOSTS,
    "documented": "/**\n * @param param what\n * @template T of it\n * @returns {T} it\n */\n"
    "function f<T>(param: «T»): T { return param; }",
}


@pytest.fixture(scope="module")
def typescript():
    with TypeScript(new_names=NewNames(corpus=corpus_names(EXAMPLES))) as service:
        yield service


@pytest.mark.parametrize("join", JOINS)
def test_joins_pass_every_check(typescript, join):
    failed = {}
    for case, program in PROGRAMS.items():
        try:
            edited = edit_marked(typescript, join, program)
        except TypeScriptError as error:
            failed[case] = error.reason
            continue
        verdict = verdict_on_edited(typescript, program, edited)
        assert verdict.reason is None, f"{case}: {verdict.detail}"
        assert edited.prefix[edited.name_start :].startswith(edited.name)
    assert set(failed.values()) <= {"nothing_to_edit"}
    assert len(failed) < 10


def test_a_file_of_5000_lines(typescript):
    block = (
        "interface I% { p: string }\n"
        "/** Of %. */\n"
        "function f%(a%: number, b: I%): string {\n"
        "  const c: number = a%, d = { a%, b };\n"
        "  return b.p + c + d.a%;\n"
        "}\n"
    )
    program = "".join(block.replace("%", str(i)) for i in range(840))
    program = program.replace("a400: number", "a400: «number»")
    assert program.count("\n") > 5000
    edited = edit_marked(typescript, JOINS[0], program)
    kinds = [rename.kind for rename in edited.renames]
    assert (kinds.count("function"), kinds.count("type")) == (840, 840)
    assert kinds.count("annotation") == 840 * 2
    assert verdict_on_edited(typescript, program, edited).reason is None
