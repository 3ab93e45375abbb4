"""strip_comments and add_distractor: what they write, what they leave, and the proof of it."""

import itertools

import pytest

from fimscope.typescript.results import TypeScriptError
from marked import edit_marked, marked_text, verdict_on_edited
from typescript_cases import HOSTS, STRIPPED


@pytest.mark.parametrize("case", STRIPPED)
def test_comments_go_and_nothing_else(typescript, case):
    original, expected = STRIPPED[case]
    edited = edit_marked(typescript, "strip_comments", original)
    assert marked_text(edited) == expected
    assert edited.prefix[edited.name_start :].startswith(edited.name)
    assert all(rename.kind == "comment" and rename.new == "" for rename in edited.renames)
    verdict = verdict_on_edited(typescript, original, edited)
    assert verdict.reason is None, verdict.detail


def test_a_program_without_comments_is_refused(typescript):
    with pytest.raises(TypeScriptError) as raised:
        edit_marked(typescript, "strip_comments", "const f = (a: «string») => '// no';")
    assert raised.value.reason == "nothing_to_edit"


@pytest.mark.parametrize(("case", "count"), list(itertools.product(HOSTS, (1, 3, 13))))
def test_distractors_are_whole_and_can_be_taken_out(typescript, case, count):
    original = HOSTS[case]
    edited = edit_marked(typescript, f"add_distractor@k{count}", original)
    assert len(edited.renames) == count
    text = marked_text(edited)
    for rename in edited.renames:
        assert rename.kind == "distractor" and text.count(rename.new) == 1
        text = text.replace(rename.new, "")
    assert text == original
    assert ("\r\n" in original) == ("\r\n" in edited.renames[0].new)
    verdict = verdict_on_edited(typescript, original, edited)
    assert verdict.reason is None, verdict.detail


def test_distractors_stand_away_from_the_hole_where_there_is_room(typescript):
    original = "import a from 'b';\nlet b;\nlet c;\nfunction f(a: «any») {}\nlet d;\nlet e;\n"
    places = set()
    for seed in range(12):
        edited = edit_marked(typescript, "add_distractor", original, seed)
        before = marked_text(edited).split(edited.renames[0].new)[0]
        places.add(before.rstrip().rpartition("\n")[2])
    assert places == {"import a from 'b';", "let b;", "let d;", "let e;"}
