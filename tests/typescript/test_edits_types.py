"""rename_types and alias_types: hard cases against the text written by hand, then proved."""

import pytest

from fimscope.typescript.results import TypeScriptError
from marked import edit_marked, verdict_on_edited, with_old_names
from typescript_cases import ALIASED, RENAMED


def check_edit(typescript, edit, original, expected, kind):
    edited = edit_marked(typescript, edit, original)
    written = {rename.new: rename.old for rename in edited.renames}
    assert all(new[0].isupper() and new.isalpha() for new in written)
    assert {rename.kind for rename in edited.renames} == {kind}
    assert with_old_names(edited) == expected
    assert edited.prefix[edited.name_start :].startswith(edited.name)
    verdict = verdict_on_edited(typescript, original, edited)
    assert verdict.reason is None, verdict.detail


@pytest.mark.parametrize("case", RENAMED)
def test_types_are_renamed_as_expected_and_proved(typescript, case):
    check_edit(typescript, "rename_types", *RENAMED[case], "type")


@pytest.mark.parametrize("case", ALIASED)
def test_builtin_types_become_aliases_and_that_is_proved(typescript, case):
    check_edit(typescript, "alias_types", *ALIASED[case], "alias")


@pytest.mark.parametrize("edit", ["rename_types", "alias_types"])
def test_a_program_without_such_types_is_refused(typescript, edit):
    with pytest.raises(TypeScriptError) as raised:
        edit_marked(typescript, edit, "function f(a: «string», b: any) {}")
    assert raised.value.reason == "nothing_to_edit"
