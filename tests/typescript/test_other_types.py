"""Another type in the hole: what the compiler must say of it is plain to see in each program."""

import pytest

from fimscope.typescript.results import TypeScriptError
from marked import split_marked

PROGRAM = "import 'b';\nexport function f(x: «number») { return x.toPrecision(2); }\nf(1);\n"
VERDICTS = {
    "number": None,
    "any": None,
    "1 | 2": None,
    "string": "TS2339",  # a string has no toPrecision
    "Missing": "TS2304",
    "number,": None,  # a comma after the last parameter is TypeScript
    "(": "TS1",
}


@pytest.mark.parametrize("spelled", VERDICTS)
def test_new_errors(typescript, spelled):
    [error] = typescript.new_errors(*split_marked(PROGRAM), [spelled])
    expected = VERDICTS[spelled]
    assert error is None if expected is None else expected in error


def test_errors_that_were_there_before_do_not_count(typescript):
    parts = split_marked("function f(x: «number»): string { return x; }\nconst y: number = 'a';")
    assert typescript.new_errors(*parts, ["boolean", "string"]) == [None, None]


def test_no_annotation_at_the_hole(typescript):
    with pytest.raises(TypeScriptError, match="hole_moved"):
        typescript.new_errors("const x = ", "1", ";", ["2"])
