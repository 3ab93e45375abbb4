"""How edits are spelled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edit_examples import read_names
from fimscope.errors import UserError
from fimscope.typescript.edit_names import (
    DOSES,
    EDIT_NAMES,
    EditStep,
    canonical_edit,
    parse_edit,
    spell_edit,
)


@pytest.mark.parametrize(
    ("text", "steps", "canonical"),
    [
        ("original", [], "original"),
        ("rename_vars", [EditStep("rename_vars")], "rename_vars"),
        ("rename_vars@0.5", [EditStep("rename_vars", 0.5)], "rename_vars@0.5"),
        ("rename_vars@.250", [EditStep("rename_vars", 0.25)], "rename_vars@0.25"),
        ("rename_vars@1.0", [EditStep("rename_vars")], "rename_vars"),
        ("rename_vars@k3", [EditStep("rename_vars", count=3)], "rename_vars@k3"),
        ("add_distractor", [EditStep("add_distractor", count=1)], "add_distractor"),
        ("add_distractor@k2", [EditStep("add_distractor", count=2)], "add_distractor@k2"),
        (
            "delete_annotations@0.5+rename_types+rename_vars",
            [
                EditStep("rename_vars"),
                EditStep("rename_types"),
                EditStep("delete_annotations", 0.5),
            ],
            "rename_vars+rename_types+delete_annotations@0.5",
        ),
        (
            "add_distractor+natural_names+strip_comments",
            [
                EditStep("strip_comments"),
                EditStep("natural_names"),
                EditStep("add_distractor", count=1),
            ],
            "strip_comments+natural_names+add_distractor",
        ),
    ],
)
def test_an_edit_is_read_and_spelled(text, steps, canonical):
    assert parse_edit(text) == steps
    assert canonical_edit(text) == canonical
    assert parse_edit(canonical) == steps


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rename_var", "edits: 'rename_var' is no edit; did you mean 'rename_vars'?"),
        ("rename_vars+alias_type", "'alias_type' in 'rename_vars+alias_type' is no edit"),
        ("original+rename_vars", "'original' in 'original+rename_vars' is no edit"),
        ("", "'' is no edit"),
        ("rename_vars+", "'' in 'rename_vars+' is no edit"),
        ("rename_vars@", "'' in 'rename_vars@' is no share of the sites; expected one of 0.25"),
        ("rename_vars@0.3", "'0.3' in 'rename_vars@0.3' is no share"),
        ("rename_vars@nan", "'nan' in 'rename_vars@nan' is no share"),
        ("rename_vars@0", "'0' in 'rename_vars@0' is no share"),
        ("rename_vars@k0", "'k0' in 'rename_vars@k0' is no share"),
        ("rename_vars@.", "'.' in 'rename_vars@.' is no share"),
        ("add_distractor@0.5", "'0.5' in 'add_distractor@0.5' is not how many"),
        ("rename_vars+rename_vars@0.5", "rename_vars and rename_vars, which change the same"),
        ("rename_aligned+rename_types", "joins rename_aligned with what moves tokens; expected it"),
        ("rename_vars+rename_aligned", "rename_vars and rename_aligned, which change the same"),
        ("rename_vars+natural_names", "rename_vars and natural_names, which change the same"),
    ],
)
def test_what_is_no_edit_is_explained(text, message):
    with pytest.raises(UserError) as raised:
        parse_edit(text, "edits")
    assert message in str(raised.value)


STEPS = st.builds(EditStep, st.sampled_from(EDIT_NAMES[:-1]), st.sampled_from(DOSES)) | st.builds(
    lambda name, count: EditStep(name, count=count), st.sampled_from(EDIT_NAMES), st.integers(1, 99)
)


@given(st.lists(STEPS, min_size=1, max_size=4))
def test_a_join_is_one_whatever_order_it_is_written_in(steps):
    text = spell_edit(steps)
    try:
        canonical = canonical_edit(text)
    except UserError as error:
        assert "same sites" in str(error) or "moves tokens" in str(error)
        return
    assert canonical_edit(spell_edit(steps[::-1])) == canonical
    assert sorted(parse_edit(canonical), key=str) == sorted(steps, key=str)


def test_a_list_of_names_is_read_and_checked(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("kilo\nmira\n\nzeno", encoding="utf-8")
    assert read_names(path) == ("kilo", "mira", "zeno")
    path.write_text("kilo\nMira", encoding="utf-8")
    with pytest.raises(UserError, match="names.txt: 'Mira' found; expected"):
        read_names(path)
