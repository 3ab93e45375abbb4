"""The report as one HTML page that needs nothing else."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.errors import UserError
from fimscope.files.digests import script_source
from fimscope.report.contents import Report
from fimscope.report.docs import docs_address
from fimscope.report.glossary import AS_CODE, VERDICTS, WORDS, words_in
from fimscope.report.styles import style_rule
from fimscope.report.svg import inline_svg, why_empty

if TYPE_CHECKING:
    from jinja2 import Environment
    from markdown_it import MarkdownIt
    from markdown_it.token import Token
    from markupsafe import Markup

HERE = Path(__file__).parent
PAGE, PARTS = "templates/report.html.j2", "templates/parts.html.j2"
STYLE, SCRIPT = "templates/report.css", "templates/report.js"
# What is longer is folded until it is asked for, or the page is printed.
MOST_ROWS, MOST_LINES, MOST_SENTENCES = 12, 100, 4
INTERVAL = re.compile(r"(\(?[-+]?[\d.]+%? to [-+]?[\d.]+%?\)?)")  # and a span of points
MOST_OPEN = 8  # rows of a section's first table, to be seen at once


def build_page(
    report: Report, figures: Mapping[str, str], files: Container[str] = (), docs: str = "docs"
) -> str:
    """The page as HTML.

    report    its texts are Markdown; raw HTML and links in them come out as text
    figures   file name -> SVG text; those that the report names are shown
    files     paths beside the page; a code span that is one of them becomes a link to it, and
              summary.md is led to where it is one
    docs      the folder of `docs_pages`, from the page
    raises    UserError for a figure of the report that `figures` lacks
    """
    templates = _templates()
    parts = templates.get_template(PARTS).module
    texts = Texts(parts, files)
    script = (HERE / SCRIPT).read_text("utf-8")
    return templates.get_template(PAGE).render(
        report=report,
        title=report.title.replace("`", ""),
        texts=texts,
        figure=lambda name, caption: _svg(name, caption, figures),
        why_empty=lambda name: why_empty(figures.get(name, "")),
        verdicts=VERDICTS,
        most_open=MOST_OPEN,
        most_sentences=MOST_SENTENCES,
        files=files,
        docs=lambda page: f"{docs}/{docs_address(page)}",
        colours=style_rule(),
        style=(HERE / STYLE).read_text("utf-8"),
        script=script,
        script_source=script_source(script),
    )


class Texts:
    """The Markdown of one page as HTML, its words explained as the page is read from its top."""

    def __init__(self, parts: Any, files: Container[str]):
        self._parts = parts
        self._told: set[str] = set()
        self._markdown = _markdown(parts, files)

    def line(self, text: str) -> "Markup":
        """Text within a line: a word has its meaning on it."""
        return self._html(self._markdown.parseInline(text), define=False)

    def passage(self, text: str) -> "Markup":
        """Text of the page's run: a word that stands first is followed by its meaning."""
        return self._html(self._markdown.parseInline(text), define=True)

    def cell(self, text: str) -> "Markup":
        """Text whose words are left alone; where it breaks into lines, an interval stays whole."""
        tokens = self._markdown.parseInline(text)
        for token in tokens:
            children = token.children or []
            token.children = [piece for child in children for piece in self._keep_whole(child)]
        return self._render(tokens)

    def block(self, text: str) -> "Markup":
        """Paragraphs, lists, tables and code, whose words are left alone."""
        return self._render(self._markdown.parse(text))

    def _html(self, tokens: Sequence["Token"], define: bool) -> "Markup":
        for token in tokens:
            token.children = list(self._explain(token.children or [], define))
        return self._render(tokens)

    def _explain(self, tokens: Sequence["Token"], define: bool) -> Iterator["Token"]:
        """Texts and code spans in pieces; each of the glossary's words is explained once."""
        met: set[str] = set()
        for token in tokens:
            for text, word in _pieces(token):
                if word is None or word in met:
                    yield token.copy(content=text)
                    continue
                met.add(word)
                first = define and word not in self._told
                if define:
                    self._told.add(word)
                meaning = AS_CODE.get(word) or WORDS[word].meaning
                html = self._parts.word(text, meaning, word in AS_CODE, first)
                yield token.copy(type="html_inline", content=str(html))

    def _keep_whole(self, token: "Token") -> Iterator["Token"]:
        if token.type != "text":
            yield token
            return
        for text in INTERVAL.split(token.content):
            if INTERVAL.fullmatch(text):
                yield token.copy(type="html_inline", content=str(self._parts.whole(text)))
            else:
                yield token.copy(content=text)

    def _render(self, tokens: Sequence["Token"]) -> "Markup":
        from markupsafe import Markup

        return Markup(self._markdown.renderer.render(tokens, self._markdown.options, {}))


def _pieces(token: "Token") -> Iterable[tuple[str, str | None]]:
    """The text of a token in pieces, each with the word of the glossary that it is, or None."""
    if token.type == "text":
        return words_in(token.content)
    known = token.type == "code_inline" and token.content in AS_CODE
    return [(token.content, token.content if known else None)]


def _templates() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
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
    markdown.disable(["link", "autolink", "image", "reference", "html_block", "html_inline"])
    markdown.add_render_rule("code_inline", code_span)
    markdown.add_render_rule("fence", code_block)
    markdown.add_render_rule("table_open", open_table)
    markdown.add_render_rule("table_close", close_table)
    return markdown


def _svg(name: str, caption: str, figures: Mapping[str, str]) -> "Markup":
    from markupsafe import Markup

    if name not in figures:
        found = ", ".join(sorted(figures)) or "none"
        raise UserError(f"{name}: the report names this figure; the folder holds: {found}")
    return Markup(inline_svg(figures[name], name.removesuffix(".svg"), re.sub("`", "", caption)))
