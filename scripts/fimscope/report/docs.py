"""The pages of docs/ to which a report leads, as pages that a browser shows."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.errors import UserError
from fimscope.report.contents import Report
from fimscope.report.styles import style_rule

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

HERE = Path(__file__).parent
PAGE, STYLE = "templates/docs.html.j2", "templates/report.css"
DOCS_PAGES = ("limits.md", "method.md", "source.md")  # that go with every report


def docs_address(page: str) -> str:
    """Where a page of docs/ is shown: `method.md#patching` is at `method.html#patching`."""
    name, mark, place = page.partition("#")
    return f"{name.removesuffix('.md')}.html{mark}{place}"


def docs_pages(report: Report, folder: Path) -> dict[str, str]:
    """File name -> HTML of DOCS_PAGES.

    folder   docs/
    raises   UserError where a page, or the heading in it that the report names, is not there
    """
    pages = {docs_address(name): _docs_page(folder / name) for name in DOCS_PAGES}
    for page in (section.docs for section in report.sections):
        file, _, place = docs_address(page).partition("#")
        if file not in pages or (place and f'id="{place}"' not in pages[file]):
            raise UserError(
                f"{folder / page}: a section leads there; expected one of {', '.join(DOCS_PAGES)} "
                "and, behind #, a heading of it"
            )
    return pages


def _docs_page(path: Path) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise UserError(f"{path}: the report leads there; not readable ({error})") from None
    templates = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return templates.get_template(PAGE).render(
        title=text.partition("\n")[0].removeprefix("# "),
        body=_markdown().render(text),
        colours=style_rule(),
        style=(HERE / STYLE).read_text("utf-8"),
    )


def _markdown() -> "MarkdownIt":
    """Markdown to HTML; headings have the ids of mkdocs, links lead to one another."""
    from markdown_it import MarkdownIt

    def heading(renderer: Any, tokens: Sequence["Token"], place: int, *rest: Any) -> str:
        tokens[place].attrSet("id", _slug(tokens[place + 1].content))
        return renderer.renderToken(tokens, place, *rest)

    def link(renderer: Any, tokens: Sequence["Token"], place: int, *rest: Any) -> str:
        target = str(tokens[place].attrs["href"])
        if target.partition("#")[0] in DOCS_PAGES:
            tokens[place].attrSet("href", docs_address(target))
        elif not re.match("https?://|#", target):
            tokens[place].attrs = {}  # what is not beside it
        return renderer.renderToken(tokens, place, *rest)

    markdown = MarkdownIt("commonmark").enable("table")
    rules: Mapping[str, Any] = {"heading_open": heading, "link_open": link}
    for name, rule in rules.items():
        markdown.add_render_rule(name, rule)
    return markdown


def _slug(heading: str) -> str:
    """A heading's id, as Python-Markdown makes it."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())
