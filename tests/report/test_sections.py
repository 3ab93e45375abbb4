"""A section and a report come back as they were written, and the summary says what was found."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fimscope.errors import UserError
from fimscope.files.digests import dump_json
from fimscope.report.contents import read_report, summary_lines, write_report
from fimscope.report.findings import Finding, verdict_of_many
from fimscope.report.format import say_too_small
from fimscope.report.sections import Section, read_section, write_section
from fimscope.statistics.claims import judge_together
from fimscope.statistics.exact_tests import smallest_shown
from fimscope.statistics.paired import paired_numbers
from fimscope.statistics.significance import ALPHA, HAIR, adjust_together
from fimscope.statistics.verdicts import Verdict
from report_page import SECTION, page_of, report_of

ROOT = Path(__file__).parents[2]


def test_a_section_comes_back_as_it_was_written(tmp_path):
    path = tmp_path / "test.json"
    write_section(path, SECTION, {"seed": 1})
    assert read_section(path) == SECTION
    assert json.loads(path.read_text())["manifest"] == {"seed": 1}


def test_a_report_comes_back_but_for_the_numbers_behind_it(tmp_path):
    report = report_of(SECTION)
    write_report(tmp_path / "report.json", report, {"seed": 1})
    found = read_report(tmp_path / "report.json")
    assert [own.numbers for own in found.sections] == [{}]
    assert found.sections[0].findings == SECTION.findings
    assert found.first_with_curve.curve == ("curve.svg", "A curve.")
    assert found.passages == report.passages


def test_the_summary_has_the_findings_and_the_numbers_that_it_is_given():
    text = "\n".join(summary_lines(report_of(SECTION), SECTION.tables))
    assert "- *undecided*: it fails: +1.0 (-1.0 to +3.0); against code that is right." in text
    assert "| a\\|b | 0 |" in text
    assert SECTION.method not in text


def family(n_programs: int, n_tests: int) -> list[dict]:
    """Rows of sign tests, each of a change that all programs go through."""
    programs = [str(i) for i in range(n_programs)]
    rows = [paired_numbers(np.ones(n_programs), programs) for _ in range(n_tests)]
    judge_together(rows, 0.1)
    return rows


@pytest.mark.parametrize(("n_programs", "n_tests"), [(5, 1), (6, 1), (10, 24), (12, 56), (12, 144)])
def test_what_no_data_could_show_is_said_before_what_was_found(tmp_path, n_programs, n_tests):
    rows = family(n_programs, n_tests)
    can_show = n_tests * 2 ** (1 - n_programs) < ALPHA - HAIR
    assert {row["verdict"] == Verdict.SHOWN for row in rows} == {can_show}
    numbers = {"easy": family(30, 2), "hard": {"deep": [{"test": row} for row in rows]}}
    write_section(tmp_path / "x.json", replace(SECTION, numbers=numbers), {})
    section = read_section(tmp_path / "x.json")
    assert bool(section.too_small) is not can_show
    if not can_show:
        lost = f"{n_tests} of the {n_tests + 2} comparisons of “{SECTION.title}” cannot show"
        assert lost in section.too_small
        assert smallest_shown(n_programs, n_tests) is None
        text = "\n".join(summary_lines(report_of(section), []))
        assert text.index(section.too_small) < text.index("it fails: +1.0")
        page = page_of(too_small=section.too_small, findings=section.findings)
        assert page.index("Too small for its tests") < page.rindex("it fails")


def test_a_family_is_too_small_in_part_where_some_rows_have_fewer_programs():
    rows = [*family(4, 1), *family(20, 1)]
    for row in rows:
        row["least_p"] = 2.0 ** (1 - row["n_programs"])
    adjust_together(rows)
    assert "1 of the 2 comparisons of “How” cannot" in say_too_small("How", {"rows": rows})
    assert "the one comparison of “How” cannot" in say_too_small("How", {"rows": rows[:1]})
    assert say_too_small("How", {"rows": rows[1:]}) == ""


@pytest.mark.parametrize(
    ("verdicts", "of_many"),
    [
        ([Verdict.SHOWN, Verdict.SHOWN_ABSENT], Verdict.SHOWN),
        ([Verdict.SHOWN_ABSENT, Verdict.SHOWN_ABSENT], Verdict.SHOWN_ABSENT),
        ([Verdict.SHOWN_ABSENT, Verdict.UNDECIDED], Verdict.UNDECIDED),
        ([], Verdict.UNDECIDED),
    ],
)
def test_many_are_absent_only_together(verdicts, of_many):
    assert verdict_of_many(verdicts) is of_many


@pytest.mark.parametrize(
    "path",
    sorted(ROOT.glob("scripts/fimscope/experiments/*/section.py")),
    ids=lambda p: p.parent.name,
)
def test_the_page_of_the_docs_that_a_section_names_is_there(path):
    for page, anchor in re.findall(r'docs="([\w.]+)#?([\w-]*)"', path.read_text("utf-8")):
        text = (ROOT / "docs" / page).read_text("utf-8")
        headings = [line.lstrip("# ") for line in text.splitlines() if line.startswith("#")]
        assert {anchor} <= {"", *(heading.lower().replace(" ", "-") for heading in headings)}


@pytest.mark.parametrize("content", ["", "{}", '{"manifest": {}, "title": "x"}', "[1]"])
@pytest.mark.parametrize("read", [read_section, read_report])
def test_what_is_neither_is_named(tmp_path, content, read):
    path = tmp_path / "broken.json"
    path.write_text(content)
    with pytest.raises(UserError, match=r"broken\.json: damaged"):
        read(path)
    path.write_text(dump_json({"manifest": {}, "title": "x"}))
    with pytest.raises(UserError, match=r"broken\.json: not a (section|report)"):
        read(path)


def test_a_verdict_that_is_none_is_refused(tmp_path):
    finding = Finding("it fails", "perhaps", "1", "nothing")
    write_section(tmp_path / "x.json", Section(**{**vars(SECTION), "findings": [finding]}), {})
    with pytest.raises(UserError, match="perhaps"):
        read_section(tmp_path / "x.json")


def test_a_number_that_is_none_is_not_written(tmp_path):
    section = Section(**{**vars(SECTION), "numbers": {"p": float("nan")}})
    with pytest.raises(ValueError, match="JSON"):
        write_section(tmp_path / "nan.json", section, {})
