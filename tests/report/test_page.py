"""The report: one page that stands alone, in which no text of the data becomes markup."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from fimscope.errors import UserError
from fimscope.experiments.accuracy.numbers import confusion_numbers
from fimscope.report.markdown import code, table
from fimscope.report.page import build_page
from fimscope.report.svg import inline_svg
from fimscope.report.theme import save_figure
from plot_wrong_answers import plot_wrong_answers
from synthetic import HOSTILE, predictions_table

VOID = {"meta", "br", "hr", "img", "link", "input"}
SVG = (
    '<?xml version="1.0"?>\n<!DOCTYPE svg>\n<svg xmlns="http://www.w3.org/2000/svg" '
    'xmlns:xlink="http://www.w3.org/1999/xlink" width="10pt" height="5pt" viewBox="0 0 10 5">\n'
    '<metadata>x</metadata><defs><path id="a"/></defs>\n<g id="b"><g clip-path="url(#a)">'
    '<use xlink:href="#a" x="-0.00123" y="1.2345678"/></g><text> a&lt; b</text></g></svg>\n'
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
    lines = [
        "# T",
        "",
        "## A",
        "",
        "![Wrong answers.](figures/w.svg)",
        "",
        *table(["g", "p"], rows),
    ]
    raw = [HOSTILE[0], "", "<img src=x onerror=alert(1)>", "", "[x](javascript:alert(1)) <a:b>"]
    return build_page(
        "\n".join([*lines, *raw]), {"w.svg": (tmp_path / "w.svg").read_text(encoding="utf-8")}
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
    page = build_page("# T\n\n`a/b.parquet` `c.parquet` `d`\n", {}, {"a/b.parquet"})
    assert '<a href="a/b.parquet"><code>a/b.parquet</code></a> <code>c.parquet</code>' in page


def test_what_is_long_is_folded():
    rows = "| a |\n| - |\n" + "| 1 |\n" * 13
    page = build_page(f"# T\n\n{rows}\n```yaml\n" + "<a>: 1\n" * 101 + "```\n\n```\nb\n```\n", {})
    assert re.findall(r"<summary>(.*?)</summary>", page) == ["13 rows", "101 lines"]
    assert "<pre><code>b\n</code></pre>" in page
    assert "&lt;a&gt;: 1" in page


def test_the_page_needs_nothing_else(hostile_page):
    outline = Outline(hostile_page)
    targets = [value for name, value in outline.attributes if name in ("src", "href", "xlink:href")]
    assert targets
    assert all(target.startswith("#") for target in targets)
    assert "default-src 'none'" in hostile_page
    assert "@import" not in hostile_page
    assert not re.search(r"url\((?!#)", hostile_page)


def test_figures_stand_where_the_summary_names_them_with_their_caption():
    page = build_page(
        "# T\n\n## One\n\n![First.](figures/a.svg)\n\n## Two\n\n![Second.](b.svg)\n",
        {"a.svg": SVG, "b.svg": SVG, "unused.svg": SVG},
    )
    outline = Outline(page)
    assert outline.tags.count("svg") == 2
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", page)
    assert captions == ["First.", "Second."]
    assert page.index('id="one"') < page.index("First.") < page.index('id="two"')
    ids = [value for name, value in outline.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    anchors = [value for name, value in outline.attributes if name == "href"]
    assert {anchor.removeprefix("#") for anchor in anchors} <= set(ids)


def test_inline_svg_keeps_the_picture_and_nothing_else():
    assert inline_svg(SVG, "f", 'a "b"') == (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 5" role="img" '
        'aria-label="a &quot;b&quot;"><defs><path id="f-a" /></defs><g clip-path="url(#f-a)">'
        '<use x="0" y="1.23" href="#f-a" /></g><text> a&lt; b</text></svg>'
    )


@pytest.mark.parametrize("text", ["", "<svg", "<html/>"])
def test_what_is_no_svg_is_named(text):
    with pytest.raises(UserError, match=r"f\.svg: .*make the figure again"):
        inline_svg(text, "f", "")


def test_the_images_of_heat_maps_may_be_shown():
    [images] = re.findall(r"img-src ([^;]*)", build_page("# T\n", {}))
    assert images == "data:"


def test_a_missing_figure_is_named():
    with pytest.raises(UserError, match=r"a\.svg: the summary names this figure.*holds: none"):
        build_page("![First.](figures/a.svg)\n", {})


def test_the_page_is_for_small_dark_and_printed_screens():
    page = build_page("# T\n", {})
    for expected in ("width=device-width", "light-dark(", "@media print"):
        assert expected in page
    assert page == build_page("# T\n", {})


@pytest.mark.parametrize(("n_rows", "folded"), [(12, 0), (13, 1)])
def test_a_long_table_is_folded(n_rows, folded):
    rows = [[str(i)] for i in range(n_rows)]
    page = build_page("\n".join(["# T", "", *table(["a"], rows), "", *table(["b"], [["1"]])]), {})
    tags = Outline(page).tags
    assert tags.count("details") == folded
    assert tags.count("tr") == n_rows + 3
    assert (f"<summary>{n_rows} rows</summary>" in page) == bool(folded)
