"""The report in a real browser: from the disk alone, on the screen and on paper."""

from collections import defaultdict
from dataclasses import replace

import pytest

from browser_pages import Watched
from fimscope.report.page import build_page
from fimscope.report.sections import SectionTable
from fimscope.report.theme import save_figure, use_theme
from printed import printed_pieces
from report_page import SECTION, page_of, report_of

A4 = 595  # points
MARGIN = 34  # of a page, points: 12 mm
WIDE = SectionTable(
    "Wide",
    [f"Column{i}x" for i in range(14)],
    [[f"{row}x{i}y 100.0% (96.2 to 100.0) at 24" for i in range(14)] for row in range(40)],
)


@pytest.fixture
def heat(tmp_path) -> str:
    """A figure with an image within it."""
    import matplotlib.pyplot as plt

    use_theme()
    figure, axes = plt.subplots()
    axes.imshow([[0, 1], [2, 3]])
    save_figure(figure, tmp_path / "a.svg", tmp_path / "a.png")
    return (tmp_path / "a.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [1280, 390])
def test_images_are_shown_words_explained_and_tables_sorted(browser, tmp_path, heat, width):
    numbers = SectionTable("N", ["n"], [["10"], ["9"]])
    text = page_of({"a.svg": heat}, figures=[("a.svg", "Heat.")], tables=[numbers, WIDE])
    (tmp_path / "report.html").write_text(text)
    watched = Watched(browser, viewport={"width": width, "height": 900})
    page = watched.page
    page.goto((tmp_path / "report.html").as_uri())
    page.locator("figure image").wait_for(state="attached")
    page.get_by_role("button", name="n", exact=True).click()
    assert page.locator("tbody").first.locator("td").all_inner_texts() == ["9", "10"]
    page.get_by_text("Wide (40 rows)").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    watched.check()  # an image that the policy keeps out is an error on the console
    watched.context.close()


def test_the_findings_of_a_whole_study_fill_one_screen(browser, tmp_path, heat):
    findings = [replace(SECTION.findings[0], claim=f"it fails in way {i}") for i in range(22)]
    report = report_of(replace(SECTION, findings=findings))
    (tmp_path / "report.html").write_text(build_page(report, dict.fromkeys(FIGURES, heat)))
    watched = Watched(browser, viewport={"width": 1280, "height": 1000})
    watched.page.goto((tmp_path / "report.html").as_uri())
    last = watched.page.locator("header .findings li").last.bounding_box()
    assert last["y"] + last["height"] < 1000
    assert watched.page.locator("header figure svg").is_visible()
    watched.check()
    watched.context.close()


FIGURES = ("curve.svg", "test.svg")


@pytest.fixture(scope="module")
def on_paper(browser, tmp_path_factory) -> dict[int, str]:
    """The text of each page of a printed report, without its spaces; all of it on the paper."""
    folder = tmp_path_factory.mktemp("print")
    sections = [
        replace(
            SECTION,
            title=f"Heading{i}x",
            figures=[("test.svg", f"Caption{i}x")] * (i % 2),
            reading=["Filler."] * (3 * i % 17),
        )
        for i in range(40)
    ]
    report = report_of(*sections, replace(SECTION, title="Last", figures=[], tables=[WIDE, WIDE]))
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 1"/>'
    (folder / "report.html").write_text(build_page(report, dict.fromkeys(FIGURES, svg)))
    page = browser.new_page()
    page.goto((folder / "report.html").as_uri())
    pieces = printed_pieces(page.pdf(prefer_css_page_size=True))
    page.close()
    pages: dict[int, str] = defaultdict(str)
    for piece in pieces:
        assert MARGIN - 1 < piece.x < A4 - MARGIN, piece
        pages[piece.page] += piece.text.replace(" ", "")
    return pages


def test_every_column_of_every_table_is_on_the_paper_though_it_is_folded(on_paper):
    text = "".join(on_paper.values())
    n_pages = sum("96.2to100.0" in page for page in on_paper.values())
    for i in range(14):
        assert text.count(f"Column{i}x") >= n_pages > 2  # on each page of each table
        for row in range(40):
            assert text.count(f"{row}x{i}y100.0%(96.2to100.0)at24") >= 2
    assert "Itisrunonwrongcode." in text


def test_no_heading_stands_alone_at_a_pages_end(on_paper):
    text = "".join(on_paper.values())
    headings = [f"Heading{i}x" for i in range(40)]
    assert all(heading in text for heading in headings)
    for page in on_paper.values():
        assert not page.endswith(("Doesitfail?", *headings))
        assert not page.endswith("againstcodethatisright")
    for i in range(1, 40, 2):  # with its figure
        assert [f"Heading{i}x" in page for page in on_paper.values()] == [
            f"Caption{i}x" in page for page in on_paper.values()
        ]
