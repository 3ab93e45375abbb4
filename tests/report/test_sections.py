import json

import pytest

from fimscope.errors import UserError
from fimscope.files.digests import dump_json
from fimscope.report.sections import (
    Section,
    SectionTable,
    read_section,
    section_lines,
    write_section,
)

SECTION = Section(
    title="What a test does",
    question="Does it fail?",
    method="It is run.",
    control="It is run on wrong code.",
    cites=["holm1979procedure"],
    reading=["It fails.", "It should."],
    figures=[("test.svg", "A test.")],
    tables=[SectionTable("Runs", ["run", "failed"], [["first", "1"], ["a|b", "0"]])],
    sources=["tests.parquet"],
    numbers={"n": 2, "p": 0.5},
)


def test_a_section_comes_back_as_it_was_written(tmp_path):
    path = tmp_path / "test.json"
    write_section(path, SECTION, {"seed": 1})
    assert read_section(path) == SECTION
    assert json.loads(path.read_text())["manifest"] == {"seed": 1}


def test_a_section_is_its_parts_in_order():
    assert "\n".join(section_lines(SECTION, "figures")) == (
        "## What a test does\n\n*Does it fail?*\n\n![A test.](figures/test.svg)\n\n"
        "It fails. It should.\n\n**Method.** It is run.\n\n"
        "**Control.** It is run on wrong code.\n\nRuns:\n\n"
        "| run | failed |\n| --- | ---: |\n| first | 1 |\n| a\\|b | 0 |\n\n"
        "The numbers come from `tests.parquet`.\n"
    )


@pytest.mark.parametrize("content", ["", "{}", '{"manifest": {}, "title": "x"}', "[1]"])
def test_what_is_no_section_is_named(tmp_path, content):
    path = tmp_path / "broken.json"
    path.write_text(content)
    with pytest.raises(UserError, match=r"broken\.json: damaged"):
        read_section(path)
    path.write_text(dump_json({"manifest": {}, "title": "x"}))
    with pytest.raises(UserError, match=r"broken\.json: not a section"):
        read_section(path)


def test_a_number_that_is_none_is_not_written(tmp_path):
    section = Section(**{**vars(SECTION), "numbers": {"p": float("nan")}})
    with pytest.raises(ValueError, match="JSON"):
        write_section(tmp_path / "nan.json", section, {})
