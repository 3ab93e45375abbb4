"""The page of faults holds the results as the benchmarks wrote them."""

from runpy import run_path

from pages import ROOT


def test_the_page_holds_the_results():
    with_results = run_path(str(ROOT / "benchmarks/docs.py"))["with_results"]
    page = (ROOT / "docs/faults.md").read_text(encoding="utf-8")
    assert page == with_results(page), "the page is old: python benchmarks/docs.py"
    assert page.count("| ---") + page.count("|---") >= 6
