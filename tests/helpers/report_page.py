"""A report of one section, and its page."""

from collections.abc import Container, Mapping
from dataclasses import replace
from typing import Any

from fimscope.report.contents import Passage, Report
from fimscope.report.findings import Finding
from fimscope.report.page import build_page
from fimscope.report.sections import Section, SectionTable
from fimscope.statistics.verdicts import Verdict

SECTION = Section(
    title="What a test does",
    question="Does it fail?",
    findings=[Finding("it fails", Verdict.UNDECIDED, "+1.0 (-1.0 to +3.0)", "code that is right")],
    method="It is run.",
    control="It is run on wrong code.",
    cites=["holm1979procedure"],
    reading=["It fails.", "It should."],
    figures=[("test.svg", "A test.")],
    tables=[SectionTable("Runs", ["run", "failed"], [["first", "1"], ["a|b", "0"]])],
    sources=["tests.parquet"],
    numbers={"n": 2, "p": 0.5},
    power="Two runs are few.",
    curve=("curve.svg", "A curve."),
    explorer="edit=x&outcome=broken",
    explorer_of={"curve.svg": "group=test"},
)
EMPTY = replace(
    SECTION, findings=[], reading=[], figures=[], tables=[], sources=[], power="", curve=None
)


def report_of(*sections: Section, passage: str = "") -> Report:
    """A report of these sections, and one passage."""
    return Report(
        "T", "What is asked?", "`m` is a model.", "", [*sections], [Passage("P", passage)]
    )


def page_of(
    svgs: Mapping[str, str] | None = None,
    /,
    files: Container[str] = (),
    passage: str = "",
    **section: Any,
) -> str:
    """The page of a report whose one section is EMPTY but for what is given."""
    report = report_of(replace(EMPTY, **section), passage=passage)
    return build_page(report, svgs or {}, files, "docs")
