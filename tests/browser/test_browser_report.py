"""The report in a real browser: from the disk alone, its heat maps shown."""

import pytest

from browser_pages import Watched
from fimscope.report.markdown import table
from fimscope.report.page import build_page
from fimscope.report.theme import save_figure, use_theme


@pytest.fixture
def report(tmp_path) -> str:
    """A report with an image within its figure and a table; its address."""
    import matplotlib.pyplot as plt

    use_theme()
    figure, axes = plt.subplots()
    axes.imshow([[0, 1], [2, 3]])
    save_figure(figure, tmp_path / "a.svg", tmp_path / "a.png")
    lines = ["# T", "", "## A", "", "![Heat.](a.svg)", "", *table(["n"], [["10"], ["9"]])]
    svg = (tmp_path / "a.svg").read_text(encoding="utf-8")
    (tmp_path / "report.html").write_text(build_page("\n".join(lines), {"a.svg": svg}))
    return (tmp_path / "report.html").as_uri()


@pytest.mark.parametrize("width", [1280, 390])
def test_images_are_shown_and_tables_sorted(browser, report, width):
    watched = Watched(browser, viewport={"width": width, "height": 900})
    page = watched.page
    page.goto(report)
    page.locator("figure image").wait_for(state="attached")
    page.get_by_role("button", name="n").click()
    assert page.locator("tbody td").all_inner_texts() == ["9", "10"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    watched.check()  # an image that the policy keeps out is an error on the console
    watched.context.close()
