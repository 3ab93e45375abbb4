"""A snippet is read, refused or renamed."""

import pytest

from fimscope.errors import UserError
from fimscope.snippets.snippet import read_snippet, renamed

AREA = "function area(width: <hole>, height: number): number {\n  return width * height;\n}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("function f(a: number) {}", "none found; expected one <hole>"),
        ("function f(a: <hole>, b: <hole>) {}", "2 of them found; expected one <hole>"),
        ("function f(a: <hole> {}", r"no TypeScript \(line 1: ',' expected"),
        ("let x: <hole> = 3;", "does not stand where the type of a parameter or of a return"),
        ("function f({ a }: <hole>) {}", "a destructured parameter has no name"),
        ("const s = '<hole>';", "does not stand where"),
    ],
)
def test_what_is_no_snippet_is_refused_in_one_sentence(typescript, text, said):
    with pytest.raises(UserError, match=said) as error:
        read_snippet(text, typescript)
    assert "\n" not in str(error.value)


def test_the_hole_of_a_parameter_and_of_a_return(typescript):
    found = read_snippet(AREA, typescript)
    assert (found.kind, found.name, found.text) == ("parameter", "width", AREA)
    assert found.prefix[found.name_start :].startswith("width")
    found = read_snippet("class A { get size(): <hole> { return 1; } }", typescript)
    assert (found.kind, found.name) == ("return", "size")


def test_every_renaming_is_another_and_changes_only_names(typescript):
    snippet = read_snippet(AREA, typescript)
    variants = renamed(snippet, typescript, "rename_vars", 5)
    assert len({variant.text for variant in variants}) == 5
    for variant in variants:
        names = dict(variant.names)
        assert set(names) == {"area", "width", "height"}
        back = variant.text
        for old, new in names.items():
            back = back.replace(new, old)
        assert back == AREA
        assert variant.name == names["width"]
        assert variant.prefix[variant.name_start :] == f"{variant.name}: "


def test_one_name_alone(typescript):
    snippet = read_snippet(AREA, typescript)
    variants = renamed(snippet, typescript, "rename_vars@k1", 12)
    assert all(len(variant.names) == 1 for variant in variants)
    assert {variant.names[0][0] for variant in variants} == {"area", "width", "height"}


def test_a_snippet_without_a_name_of_its_own_has_no_renaming(typescript):
    text = "export default class { get size(): <hole> { return 1; } }"
    assert renamed(read_snippet(text, typescript), typescript, "rename_vars", 3) == []
