"""The last lines of a run, of numbers that a study wrote."""

from dataclasses import replace

import pytest

from fimscope.files.digests import dump_json
from fimscope.report.contents import write_report
from fimscope.terminal.closing import closing_lines, say_finding
from pages import ROOT
from report_page import EMPTY, SECTION, report_of
from write_figures import read_studies

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def numbers():
    config = {"model": {"name": "embedded"}, "prompt": {"golds": "single_token"}}
    named = {"config": config}
    return read_studies(ROOT / "docs/studies")["embedded"] | named


def test_four_lines_say_what_was_found_and_where_it_is(numbers, tmp_path):
    results = tmp_path / "embedded"
    results.mkdir()
    (results / "figures.json").write_text(dump_json(numbers))
    write_report(results / "report.json", report_of(EMPTY, SECTION), {})
    accuracy, finding, pages, after = closing_lines(results)
    [change] = numbers["changes"]
    assert f"of {change['n']} holes by its first token; rename_vars breaks" in accuracy
    assert f"mends {change['n_mended']}" in accuracy
    assert accuracy.endswith(f"{change['difference']['verdict']}.")
    assert finding == "Undecided: it fails: +1.0 (-1.0 to +3.0); against code that is right."
    assert f"{results}/report.html" in pages
    assert pages.endswith("snakemake explorer")
    assert "docs/source.md" in after
    (results / "explorer").mkdir()
    (results / "explorer/index.html").touch()
    assert closing_lines(results)[2].endswith("explorer/index.html")


def test_what_was_not_asked_is_said():
    assert "is not told" in say_finding(report_of(EMPTY))
    assert "is not told" in say_finding(report_of(replace(SECTION, findings=[])))
