"""The report: one page that stands alone, in which no text of the data becomes markup."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import pytest

from fimscope.errors import UserError
from fimscope.experiments.accuracy.numbers import confusion_numbers
from fimscope.report.docs import docs_pages
from fimscope.report.findings import Finding
from fimscope.report.format import say_too_small
from fimscope.report.glossary import glossary_lines
from fimscope.report.head import say_size
from fimscope.report.markdown import code, table
from fimscope.report.page import build_page
from fimscope.report.sections import SectionTable
from fimscope.report.svg import inline_svg
from fimscope.report.theme import save_figure, use_theme, write_message
from fimscope.statistics.verdicts import Verdict
from pages import ROOT
from plot_wrong_answers import plot_wrong_answers
from report_page import EMPTY, SECTION, page_of, report_of
from synthetic import HOSTILE, predictions_table

VOID = {"meta", "br", "hr", "img", "link", "input"}
SVG = (
    '<?xml version="1.0"?>\n<!DOCTYPE svg>\n<svg xmlns="http://www.w3.org/2000/svg" '
    'xmlns:xlink="http://www.w3.org/1999/xlink" width="10pt" height="5pt" viewBox="0 0 10 5">\n'
    '<metadata>x</metadata><defs><path id="a"/></defs>\n<g id="b"><g clip-path="url(#a)">'
    '<use xlink:href="#a" x="-0.00123" y="1.2345678"/></g>'
    '<text transform="rotate(-0 1.5 2)"> a&lt; b</text>'
    '<path transform="rotate(-90 1 2)" d="M 0.26 -1 L 1e-05 2 z"/></g></svg>\n'
)


class Outline(HTMLParser):
    """Collects the elements, their attributes and ids, and checks that all are closed."""

    def __init__(self, page: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def hostile_page(tmp_path) -> str:
    """A report on a model that answers with markup."""
    numbers = confusion_numbers(
        predictions_table([(text, text + "x", False) for text in HOSTILE]), "original"
    )
    save_figure(plot_wrong_answers([numbers]), tmp_path / "w.svg", tmp_path / "w.png")
    rows = [[code(pair["gold"]), code(pair["predicted"])] for pair in numbers["commonest"]]
    raw = [HOSTILE[0], "<img src=x onerror=alert(1)>", "[x](javascript:alert(1)) <a:b>"]
    return page_of(
        {"w.svg": (tmp_path / "w.svg").read_text(encoding="utf-8")},
        figures=[("w.svg", "Wrong answers." + raw[0])],
        findings=[Finding(*[f"{text} {rows[0][0]}" for text in raw], control=raw[0])],
        reading=raw,
        tables=[SectionTable(raw[0], ["g", "p"], [*rows, raw[:2]], note=raw[1])],
        passage="\n\n".join(raw),
    )


def test_text_of_the_data_is_escaped(hostile_page):
    assert "</script><script>alert(1)</script>" not in hostile_page
    assert "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;" in hostile_page
    outline = Outline(hostile_page)
    assert not {"img", "iframe", "link"} & set(outline.tags)
    assert outline.tags.count("script") == 1
    assert not [name for name, _ in outline.attributes if name.startswith("on")]


def test_only_the_pages_own_script_may_run(hostile_page):
    [script] = re.findall(r"<script>(.*?)</script>", hostile_page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in hostile_page


def test_no_markup_can_send_the_reader_or_their_input_elsewhere(hostile_page):
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', hostile_page)[1]
    directives = [directive.strip() for directive in policy.split(";")]
    # These two do not fall back on default-src.
    assert {"default-src 'none'", "base-uri 'none'", "form-action 'none'"} <= set(directives)


def test_a_table_that_stands_beside_the_page_is_a_link():
    page = page_of(files={"a/b.parquet"}, sources=["a/b.parquet", "c.parquet"])
    assert '<a href="a/b.parquet"><code>a/b.parquet</code></a>, <code>c.parquet</code>' in page


def test_what_is_long_in_a_passage_is_folded():
    rows = "\n".join(table(["a"], [["1"]] * 13))
    page = page_of(passage=f"{rows}\n```yaml\n" + "<a>: 1\n" * 101 + "```\n\n```\nb\n```\n")
    assert re.findall(r"<summary>(\d.*?)</summary>", page) == ["13 rows", "101 lines"]
    assert "<pre><code>b\n</code></pre>" in page
    assert "&lt;a&gt;: 1" in page


def test_a_quoted_title_stays_as_it_is():
    title = "What each point would say of the hole"
    page = page_of(title=title, too_small=say_too_small(title, {"least_adjusted_p": 1.0}))
    assert f"the one comparison of “{title}” cannot" in page


def test_the_page_needs_nothing_else(hostile_page):
    outline = Outline(hostile_page)
    targets = [value for name, value in outline.attributes if name in ("src", "href", "xlink:href")]
    assert targets
    beside = ("#", "explorer.html", "summary.md", "docs/method.html", "docs/limits.html")
    assert all(target.startswith(beside) for target in targets)
    assert "default-src 'none'" in hostile_page
    assert "@import" not in hostile_page
    assert not re.search(r"url\((?!#)", hostile_page)


def test_the_docs_to_which_a_report_leads_are_pages_that_a_browser_shows():
    sections = [replace(EMPTY, docs=docs) for docs in ("source.md", "method.md#patching")]
    report = report_of(*sections)
    pages = docs_pages(report, ROOT / "docs")
    assert sorted(pages) == ["limits.html", "method.html", "source.html"]
    outlines = {name: Outline(page) for name, page in pages.items()}
    led = {value for name, value in Outline(build_page(report, {})).attributes if name == "href"}
    led = {target.removeprefix("docs/") for target in led if target.startswith("docs/")}
    assert "method.html#patching" in led
    for page, outline in outlines.items():
        hrefs = {value for name, value in outline.attributes if name == "href"}
        led |= {f"{page}{href}" if href.startswith("#") else href for href in hrefs}
    for target in led:
        name, _, place = target.partition("#")
        assert name in outlines or target.startswith("https://"), target
        assert not place or ("id", place) in outlines[name].attributes, target


def test_a_style_that_recurs_is_said_once_and_by_its_own_name():
    drawn = '<path style="fill: none" d="M 0 0"/>'
    svg = SVG.replace("<text ", f'{drawn}{drawn}<text style="stroke: red" ')
    found = inline_svg(svg, "a", "A")
    [(name, rule)] = re.findall(r"\.(s[0-9a-f]{8})\{(.*?)\}", found)
    assert rule == "fill: none" and found.count(f'class="{name}"') == 2
    assert found.count('style="') == 1 and 'style="stroke: red"' in found
    assert f".{name}{{fill: none}}" in inline_svg(svg.replace("red", "blue"), "b", "B")


@pytest.mark.parametrize("docs", ["nothing.md", "method.md#nothing"])
def test_docs_that_are_not_there_are_named(docs):
    with pytest.raises(UserError, match=docs):
        docs_pages(report_of(replace(EMPTY, docs=docs)), ROOT / "docs")


def test_every_section_leads_to_docs_that_are_there():
    files = (ROOT / "scripts/fimscope/experiments").glob("*/section.py")
    named = {d for path in files for d in re.findall(r'docs="(.*)"', path.read_text("utf-8"))}
    assert len(named) > 5
    docs_pages(report_of(*[replace(EMPTY, docs=docs) for docs in named]), ROOT / "docs")


def test_figures_stand_in_their_sections_with_their_captions():
    figures = {"a.svg": SVG, "b.svg": SVG, "unused.svg": SVG}
    page = page_of(figures, figures=[("a.svg", "First."), ("b.svg", "Second.")])
    outline = Outline(page)
    assert outline.tags.count("svg") == 2
    captions = re.findall(r"<figcaption>(.*?) <a", page)
    assert captions == ["First.", "Second."]
    ids = [value for name, value in outline.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    anchors = [value for name, value in outline.attributes if name == "href"]
    assert {own.removeprefix("#") for own in anchors if own.startswith("#")} <= set(ids)


def test_what_an_element_of_a_figure_names_is_there(tmp_path):
    """A clip of curves, markers, and the pattern of a hatch, which a style names."""
    use_theme()
    figure, axes = plt.subplots()
    axes.plot([0, 1], marker="s")
    axes.bar([0, 1], [1, 2], hatch=["///", "..."], color="white", edgecolor="black")
    save_figure(figure, tmp_path / "a.svg", tmp_path / "a.png")
    found = inline_svg((tmp_path / "a.svg").read_text("utf-8"), "a", "")
    ids = re.findall(r'id="([^"]*)"', found)
    named = re.findall(r"url\(#(.*?)\)", found) + re.findall(r'href="#([^"]*)"', found)
    assert len(ids) == len(set(ids)) and set(named) == set(ids)
    assert len(re.findall(r"fill: url\(#", found)) == 2


def test_a_figure_with_nothing_to_draw_is_a_sentence_that_says_why(tmp_path):
    for name, texts in (("empty", ["no <runs>", "no <runs>"]), ("half", ["no <runs>", None])):
        use_theme()
        figure, panels = plt.subplots(1, 2)
        for axes, text in zip(panels, texts, strict=True):
            write_message(axes, text) if text else axes.plot([0, 1])
        save_figure(figure, tmp_path / f"{name}.svg", tmp_path / f"{name}.png")
    svgs = {path.name: path.read_text("utf-8") for path in tmp_path.glob("*.svg")}
    named = [("half.svg", "Half."), ("empty.svg", "All.")]
    page = page_of(svgs, figures=named)
    said = "No figure, as there is nothing to draw (no &lt;runs&gt;): All."
    assert said in page and page.count("<svg") == 1 and "<details><summary>Figure" not in page
    assert Outline(page).tags.count("figure") == 1
    assert said in page_of(svgs, figures=named[1:], curve=named[0])


def test_the_head_the_section_and_the_explorers_address_are_there():
    page = build_page(report_of(SECTION), {"curve.svg": SVG, "test.svg": SVG})
    head, section = page.split("</header>")
    assert "A curve." in head
    assert '<a href="#what-a-test-does">it fails</a>' in head
    for part in (head, section):
        assert "+1.0 (-1.0 to +3.0)" in part
        assert "code that is right" in part
    assert 'id="what-a-test-does"' in section
    assert 'href="explorer.html#/?edit=x&amp;outcome=broken"' in section
    assert 'href="explorer.html#/?group=test"' in head
    order = ["it fails", "<svg", "It should.", "Two runs are few.", "Runs (2 rows)", "It is run."]
    assert sorted(order, key=section.index) == order


def test_a_small_study_says_so_right_under_its_title():
    report = replace(report_of(EMPTY), warning=say_size(31))
    page = build_page(report, {})
    assert re.search(r"</h1>\s*<p class=\"warning\"[^>]*>This study is small: 31 programs", page)
    assert 'class="warning"' not in build_page(report_of(EMPTY), {})


def test_the_first_screen_of_a_small_study_folds_what_is_undecided():
    [open_claim] = SECTION.findings
    found = [replace(open_claim, claim=f"it is {v}", verdict=v) for v in Verdict]
    report = report_of(replace(SECTION, figures=[], curve=None, findings=[open_claim, *found]))
    claims = r'<span class="claim"><a[^>]*>([^<]*)</a>'
    in_order = ["it fails", *(f"it is {verdict}" for verdict in Verdict)]
    head, _ = build_page(report, {}).split("</header>")
    assert re.findall(claims, head) == in_order and "<details>" not in head
    head, section = build_page(replace(report, warning="Small."), {}).split("</header>")
    first, folded = head.split("<details><summary>Undecided in a study this small: 2 claims<")
    assert re.findall(claims, first) == ["it is shown", "it is shown absent"]
    assert re.findall(claims, folded) == ["it fails", "it is undecided"]
    assert section.count('class="verdict undecided"') == 2


def test_a_word_is_explained_where_it_stands_first_and_on_it_after():
    page = page_of(
        question="Is the gold at point 12, and +3.0 points more golds?",
        reading=["The gold under `restore`.", "With `restore` at points 1 to 3, 0.5 of it."],
        method="The gold again.",
    )
    assert page.count("<dfn>gold</dfn> <span") == 1
    assert page.index("<dfn>gold</dfn>") < page.index('title="the type that stood in the hole')
    assert "<dfn>point 12</dfn>" in page
    assert "+3.0 points more" in page
    assert "<dfn><code>restore</code></dfn>" in page
    assert re.search(r"<abbr [^>]*><code>restore</code></abbr>", page)
    assert re.search(r"<abbr [^>]*>points 1 to 3</abbr>, 0\.5", page)


def test_words_of_sampling_and_the_kind_of_a_hole_are_explained_in_texts_and_heads_of_tables():
    page = page_of(
        question="Is a greedy answer of a sample better than a guess?",
        reading=["The commonest of that kind and name.", "By kind of gold; a t test of that kind."],
        tables=[SectionTable("A", ["a", "pass@10", "10 guesses"], [["x", "1", "2"]])],
    )
    for word in ("greedy", "sample", "guess", "kind"):
        assert page.count(f"<dfn>{word}</dfn>") == 1
    assert "of that <dfn>kind</dfn>" in page
    assert re.findall(r"<th[^>]*>.*?<abbr[^>]*>(.*?)</abbr></th>", page) == ["pass@10", "guesses"]
    assert "- **pass@k**: how often" in "\n".join(glossary_lines([]))


def test_inline_svg_keeps_the_picture_and_nothing_else():
    assert inline_svg(SVG, "f", 'a "b"') == (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 5" role="img" '
        'aria-label="a &quot;b&quot;"><defs><path id="f-0" /></defs><g clip-path="url(#f-0)">'
        '<use x="0" y="1.2" href="#f-0" /></g><text> a&lt; b</text>'
        '<path transform="rotate(-90 1 2)" d="M0.3 -1L1e-05 2z" /></svg>'
    )


@pytest.mark.parametrize("text", ["", "<svg", "<html/>"])
def test_what_is_no_svg_is_named(text):
    with pytest.raises(UserError, match=r"f\.svg: .*make the figure again"):
        inline_svg(text, "f", "")


def test_the_images_of_heat_maps_may_be_shown():
    [images] = re.findall(r"img-src ([^;]*)", page_of())
    assert images == "data:"


def test_a_missing_figure_is_named():
    with pytest.raises(UserError, match=r"a\.svg: the report names this figure.*holds: none"):
        page_of(figures=[("a.svg", "First.")])


def test_the_page_is_for_small_dark_and_printed_screens():
    page = page_of()
    for expected in ("width=device-width", "light-dark(", "@media print"):
        assert expected in page
    assert page == page_of()


@pytest.mark.parametrize(("n_rows", "opened"), [(8, 1), (9, 0)])
def test_only_a_sections_first_table_is_open_and_only_if_short(n_rows, opened):
    long = SectionTable("A", ["a"], [[str(i)] for i in range(n_rows)])
    page = page_of(tables=[long, SectionTable("B", ["b"], [["1"]]), SectionTable("C", ["c"], [])])
    assert page.count("<details open>") == opened
    assert f"<summary>A ({n_rows} rows)</summary>" in page
    assert "<summary>B (1 row)</summary>" in page
    assert "<summary>C" not in page


@pytest.mark.parametrize(
    ("cell", "whole"),
    [
        ("62.5% (52.0 to 71.9) at 12", ["(52.0 to 71.9)"]),
        ("+0.19 (-0.5 to +3.5); 0.002", ["(-0.5 to +3.5)"]),
        ("points 0 to 1, 3 to 8", ["0 to 1", "3 to 8"]),
        ("`a (1 to 2)` to x", []),  # code is as it is
        ("10% to 20% <b>", ["10% to 20%"]),
    ],
)
def test_a_cell_that_breaks_into_lines_keeps_its_intervals_whole(cell, whole):
    page = page_of(tables=[SectionTable("A", ["a", "b"], [["x", cell]])])
    assert re.findall('<span class="whole">(.*?)</span>', page) == whole
    Outline(page)
