"""The pages hold the results as the benchmarks wrote them."""

from runpy import run_path

from pages import ROOT


def test_the_pages_hold_the_results():
    docs = run_path(str(ROOT / "benchmarks/docs.py"))
    faults, method = (page.read_text(encoding="utf-8") for page in docs["PAGES"])
    for page in (faults, method):
        assert page == docs["with_results"](page), "a page is old: python benchmarks/docs.py"
    assert faults.count("| ---") + faults.count("|---") >= 6
    assert "| rate | 0.3 | 0.9 |" in method
