"""The report as one HTML page that needs nothing else, made from the summary's Markdown."""

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.errors import UserError
from fimscope.files.digests import script_source
from fimscope.report.styles import style_rule
from fimscope.report.svg import inline_svg

if TYPE_CHECKING:
    from jinja2 import Environment
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

HERE = Path(__file__).parent
PAGE, PARTS = "templates/report.html.j2", "templates/parts.html.j2"
STYLE, SCRIPT = "templates/report.css", "templates/report.js"
# What is longer is folded until it is asked for, or the page is printed.
MOST_ROWS, MOST_LINES = 12, 100


def build_page(summary: str, figures: Mapping[str, str], files: Container[str] = ()) -> str:
    """The page as HTML.

    summary   Markdown of write_summary; raw HTML and links in it come out as text
    figures   file name -> SVG text; each must be named by an image in the summary to be shown
    files     paths beside the page; a code span that is one of them becomes a link to it
    raises    UserError for an image of the summary that `figures` lacks
    """
    templates = _templates()
    parts = templates.get_template(PARTS).module
    markdown = _markdown(parts, files)
    tokens = markdown.parse(summary)
    title = next((t.content for t in _after(tokens, "heading_open", "h1")), "Report")
    sections = list(_name_sections(tokens))
    tokens = list(_place_blocks(tokens, parts, sections, figures))
    script = (HERE / SCRIPT).read_text("utf-8")
    return templates.get_template(PAGE).render(
        title=title.replace("`", ""),
        colours=style_rule(),
        style=(HERE / STYLE).read_text("utf-8"),
        body=markdown.renderer.render(tokens, markdown.options, {}),
        script=script,
        script_source=script_source(script),
    )


def _templates() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )


def _markdown(parts: Any, files: Container[str]) -> "MarkdownIt":
    """Markdown to HTML: tables and code blocks by the macros of `parts`, no links, no HTML."""
    from markdown_it import MarkdownIt

    def code_span(_: Any, tokens: Sequence["Token"], place: int, *__: Any) -> str:
        text = tokens[place].content
        return parts.code_span(text, text in files)

    def code_block(_: Any, tokens: Sequence["Token"], place: int, *__: Any) -> str:
        return parts.code_block(tokens[place].content, MOST_LINES)

    def open_table(_: Any, tokens: Sequence["Token"], place: int, *__: Any) -> str:
        end = next(i for i in range(place, len(tokens)) if tokens[i].type == "table_close")
        n_rows = sum(token.type == "tr_open" for token in tokens[place:end]) - 1
        tokens[end].meta["folded"] = n_rows > MOST_ROWS
        return parts.open_table(n_rows, n_rows > MOST_ROWS)

    def close_table(_: Any, tokens: Sequence["Token"], place: int, *__: Any) -> str:
        return parts.close_table(tokens[place].meta["folded"])

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.disable(["link", "autolink", "reference", "html_block", "html_inline"])
    markdown.add_render_rule("code_inline", code_span)
    markdown.add_render_rule("fence", code_block)
    markdown.add_render_rule("table_open", open_table)
    markdown.add_render_rule("table_close", close_table)
    return markdown


def _after(tokens: Sequence["Token"], kind: str, tag: str) -> Iterator["Token"]:
    """The content of every block that opens with this kind and tag."""
    for token, content in pairwise(tokens):
        if token.type == kind and token.tag == tag:
            yield content


def _name_sections(tokens: Sequence["Token"]) -> Iterator[tuple[str, str]]:
    """Give every section heading an id; its id and text."""
    for token, content in pairwise(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            name = re.sub(r"[^a-z0-9]+", "-", content.content.lower()).strip("-")
            token.attrSet("id", name)
            yield name, content.content


def _place_blocks(
    tokens: Sequence["Token"],
    parts: Any,
    sections: Sequence[tuple[str, str]],
    figures: Mapping[str, str],
) -> Iterator["Token"]:
    """The tokens with the contents below the title, and figures for paragraphs of one image."""
    waiting = iter(tokens)
    for token in waiting:
        if token.type == "heading_close" and token.tag == "h1":
            yield from (token, _block(parts.contents(sections)))
            continue
        if token.type != "paragraph_open":
            yield token
            continue
        content, closing = next(waiting), next(waiting)
        children = content.children or []
        if [child.type for child in children] != ["image"]:
            yield from (token, content, closing)
            continue
        name = str(children[0].attrs["src"]).rsplit("/", 1)[-1]
        if name not in figures:
            found = ", ".join(sorted(figures)) or "none"
            raise UserError(f"{name}: the summary names this figure; the folder holds: {found}")
        caption = children[0].content
        svg = inline_svg(figures[name], name.removesuffix(".svg"), caption)
        yield _block(parts.figure(svg, caption))


def _block(html: str) -> "Token":
    from markdown_it.token import Token

    return Token("html_block", "", 0, content=html)
