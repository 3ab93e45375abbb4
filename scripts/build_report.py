"""Build the report: the summary and its figures as one HTML page that needs nothing else."""

import base64
import hashlib
import html
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.colours import style_rule
from fimscope.digests import read_sealed
from fimscope.errors import UserError
from fimscope.steps import run_step, step_parser
from fimscope.svg import inline_svg
from fimscope.tables import replacing

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

# What is longer is folded until it is asked for, or the page is printed.
MOST_ROWS, MOST_LINES = 12, 100

# A click on a column's head sorts a table by it: numbers by the first number in a cell.
SCRIPT = """
for (const head of document.querySelectorAll("th")) {
  const button = document.createElement("button");
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const body = head.closest("table").tBodies[0];
    const falling = head.getAttribute("aria-sort") === "ascending";
    const value = (row) => row.cells[head.cellIndex].textContent.trim();
    const number = (text) => parseFloat(text.replace("\u2212", "-"));
    const compare = (a, b) => {
      const [x, y] = [number(a), number(b)];
      if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y) || a.localeCompare(b);
      return x - y;
    };
    const rows = [...body.rows].sort((a, b) => compare(value(a), value(b)));
    body.append(...(falling ? rows.reverse() : rows));
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", falling ? "descending" : "ascending");
  });
}
addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("details")) fold.open = true;
});
"""
SCRIPT_HASH = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
# No other script can run in the page and nothing can be fetched or sent, whatever text the tables
# held; what a <base> or a <form> asks for does not fall back on default-src. Images: the heat maps
# within the figures.
POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    f"script-src 'sha256-{SCRIPT_HASH}'; base-uri 'none'; form-action 'none'"
)
STYLE = (
    style_rule()
    + """
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.55 system-ui, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin-top: 1.75rem; }
a { color: var(--link); }
nav ol { padding-left: 1.5rem; columns: 2 18rem; }
code { font: .88em ui-monospace, Menlo, Consolas, monospace; background: var(--tint);
  padding: .1em .25em; border-radius: 3px; overflow-wrap: anywhere; }
figure { margin: 1.25rem 0; }
.card { border: 1px solid var(--line); border-radius: 6px;
  padding: .75rem; overflow-x: auto; }
.card svg { display: block; width: 100%; min-width: 36rem; height: auto; }
figcaption { color: var(--faint); font-size: .9rem; margin-top: .4rem; }
.hint { display: none; color: var(--faint); font-size: .8rem; margin: 1rem 0 .25rem; }
@media (max-width: 40rem) { .hint { display: block; } }
.wide { overflow-x: auto; margin: 1rem 0; width: fit-content; max-width: 100%; background:
  linear-gradient(to right, var(--paper) 50%, transparent) left / 3rem 100% no-repeat local,
  linear-gradient(to left, var(--paper) 50%, transparent) right / 3rem 100% no-repeat local,
  linear-gradient(to right, var(--shade), transparent) left / .8rem 100% no-repeat scroll,
  linear-gradient(to left, var(--shade), transparent) right / .8rem 100% no-repeat scroll; }
summary { cursor: pointer; color: var(--link); font-size: .9rem; }
th button { all: unset; cursor: pointer; }
th button:focus-visible { outline: 2px solid var(--link); }
th[aria-sort=ascending] button::after { content: " \25B2"; font-size: .7em; }
th[aria-sort=descending] button::after { content: " \25BC"; font-size: .7em; }
pre { background: var(--tint); padding: .75rem; overflow-x: auto; border-radius: 6px; }
pre code { padding: 0; }
table { border-collapse: collapse; font-size: .85rem; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: left;
  white-space: nowrap; }
th { background: color-mix(in srgb, var(--ink) 5%, transparent); }
td code { overflow-wrap: normal; }
@media (max-width: 40rem) {
  th:first-child, td:first-child { position: sticky; left: 0; max-width: 9rem;
    white-space: normal; background: var(--paper); }
}
@media print { :root { color-scheme: light; } nav { display: none; }
  .card { overflow: visible; }
  .card svg { min-width: 0; } }
"""
)


def build_report(summary: str, figures: Mapping[str, str], files: Container[str] = ()) -> str:
    """The page as HTML.

    summary   Markdown of write_summary; raw HTML and links in it come out as text
    figures   file name -> SVG text; each must be named by an image in the summary to be shown
    files     paths beside the page; a code span that is one of them becomes a link to it
    raises    UserError for an image of the summary that `figures` lacks
    """
    markdown = _markdown(files)
    tokens = markdown.parse(summary)
    title = next((t.content for t in _after(tokens, "heading_open", "h1")), "Report")
    sections = list(_name_sections(tokens))
    tokens = list(_place_figures(tokens, figures))
    body = markdown.renderer.render(tokens, markdown.options, {})
    contents = "".join(
        f'<li><a href="#{html.escape(name)}">{html.escape(text)}</a></li>'
        for name, text in sections
    )
    body = body.replace("</h1>", f'</h1>\n<nav aria-label="Contents"><ol>{contents}</ol></nav>', 1)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title.replace('`', ''))}</title>\n<style>{STYLE}</style>\n"
        f"</head>\n<body>\n<main>\n{body}</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _markdown(files: Container[str]) -> "MarkdownIt":
    from markdown_it import MarkdownIt

    def code_span(self: Any, tokens: Sequence["Token"], place: int, *_: Any) -> str:
        shown = f"<code>{html.escape(tokens[place].content)}</code>"
        if tokens[place].content not in files:
            return shown
        return f'<a href="{html.escape(tokens[place].content)}">{shown}</a>'

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.disable(["link", "autolink", "reference", "html_block", "html_inline"])
    markdown.add_render_rule("table_open", _open_table)
    markdown.add_render_rule("code_inline", code_span)
    markdown.add_render_rule("table_close", _close_table)
    markdown.add_render_rule("fence", _code_block)
    return markdown


def _open_table(_self: Any, tokens: Sequence["Token"], place: int, *_: Any) -> str:
    """A table may be wider than the screen; one of many rows is folded."""
    end = next(i for i in range(place, len(tokens)) if tokens[i].type == "table_close")
    n_rows = sum(token.type == "tr_open" for token in tokens[place:end]) - 1
    fold = f"<details><summary>{n_rows} rows</summary>" if n_rows > MOST_ROWS else ""
    tokens[end].meta["folded"] = bool(fold)
    return f'{fold}<div class="wide" tabindex="0"><table>\n'


def _close_table(_self: Any, tokens: Sequence["Token"], place: int, *_: Any) -> str:
    return "</table></div>" + ("</details>\n" if tokens[place].meta["folded"] else "\n")


def _code_block(_self: Any, tokens: Sequence["Token"], place: int, *_: Any) -> str:
    text = tokens[place].content
    shown = f"<pre><code>{html.escape(text)}</code></pre>"
    n_lines = text.count("\n")
    if n_lines <= MOST_LINES:
        return shown + "\n"
    return f"<details><summary>{n_lines} lines</summary>{shown}</details>\n"


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


def _place_figures(tokens: Sequence["Token"], figures: Mapping[str, str]) -> Iterator["Token"]:
    """The tokens with every paragraph that is one image turned into its figure."""
    from markdown_it.token import Token

    waiting = iter(tokens)
    for token in waiting:
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
        label = children[0].content
        svg = inline_svg(figures[name], name.removesuffix(".svg"), label)
        figure = Token("html_block", "", 0)
        figure.content = (
            '<figure><p class="hint">Swipe sideways to see all of the figure.</p>\n'
            f'<div class="card" tabindex="0">{svg}</div>\n'
            f"<figcaption>{html.escape(label)}</figcaption></figure>\n"
        )
        yield figure


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--summary", type=Path, required=True, help="summary.md")
    parser.add_argument("--figures-folder", type=Path, required=True, help="folder of the SVGs")
    parser.add_argument("--out", type=Path, required=True, help="the page, report.html")
    with run_step(parser) as args:
        figures = {
            path.name: read_sealed(path) for path in sorted(args.figures_folder.glob("*.svg"))
        }
        folder = args.out.parent
        files = {
            path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
        }
        page = build_report(read_sealed(args.summary), figures, files)
        with replacing(args.out) as temporary:
            temporary.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
