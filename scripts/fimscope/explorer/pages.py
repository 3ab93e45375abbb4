"""The explorer's files: a page with its scripts beside it, and all of it in one file."""

import html
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fimscope.errors import UserError
from fimscope.experiments.steer.labels import LABELS
from fimscope.explorer.blocks import block_element, pack
from fimscope.explorer.bundle import bundle
from fimscope.explorer.terms import all_terms, words_pattern
from fimscope.files.digests import script_source
from fimscope.report.styles import page_lines, style_rule

# Libraries of the page, in the order in which they load, below node_modules.
LIBRARIES = {
    "d3": ("d3", "dist/d3.min.js"),
    "plot": ("@observablehq/plot", "dist/plot.umd.min.js"),
    "tabulator": ("tabulator-tables", "dist/js/tabulator.min.js"),
    "prism-core": ("prismjs", "components/prism-core.min.js"),
    "prism-clike": ("prismjs", "components/prism-clike.min.js"),
    "prism-javascript": ("prismjs", "components/prism-javascript.min.js"),
    "prism-typescript": ("prismjs", "components/prism-typescript.min.js"),
}
TABLE_STYLE = ("tabulator-tables", "dist/css/tabulator_simple.min.css")

# Nothing can be fetched from anywhere, no text of the data can run, and no form can send it.
_POLICY = "default-src 'none'; img-src data:; style-src {style}; script-src {script}; "
_POLICY += "base-uri 'none'; form-action 'none'"


@dataclass(frozen=True)
class Parts:
    """What the pages are made of: scripts by name in order, one style sheet, the licenses.

    start   the script that runs the others in the single-file page
    """

    scripts: dict[str, str]
    start: str
    style: str
    licenses: str


def read_parts(front_end: Path, node_modules: Path) -> Parts:
    """The front end and its libraries. raises UserError that names a missing file."""
    scripts = {
        name: _read(node_modules / package / path) for name, (package, path) in LIBRARIES.items()
    }
    # Prism colours whole pages by itself unless told before it loads; the lines are the figures',
    # the labels of vectors and the meanings of words the report's.
    before = "window.Prism = { manual: true };\n"
    said = {"LINES": page_lines(), "LABELS": LABELS, "TERMS": all_terms(), "WORDS": words_pattern()}
    before += "".join(f"window.{name} = {json.dumps(value)};\n" for name, value in said.items())
    scripts = {"before": before, **scripts}
    scripts["explorer"] = bundle(front_end, "main")
    packages = sorted({package for package, _ in LIBRARIES.values()})
    licenses = [f"{package}\n\n{_read(node_modules / package / 'LICENSE')}" for package in packages]
    style = _read(node_modules / TABLE_STYLE[0] / TABLE_STYLE[1]).split("/*#")[0]
    return Parts(
        {name: _without_map(text) for name, text in scripts.items()},
        _read(front_end / "start.js"),
        "\n".join([style, style_rule(), _read(front_end / "style.css")]),
        "\n\n".join(licenses),
    )


def folder_page(title: str, parts: Parts) -> str:
    """index.html of the folder; its scripts lie in lib/, its data in data/."""
    policy = _POLICY.format(style="'self' file: 'unsafe-inline'", script="'self' file:")
    scripts = "".join(f'<script src="lib/{name}.js"></script>\n' for name in parts.scripts)
    head = '<link rel="stylesheet" href="lib/style.css">\n'
    return _page(title, policy, head, f'{scripts}<script src="data/index.js"></script>\n')


def single_page(title: str, parts: Parts, index: str) -> Iterator[str]:
    """The start and the end of the single-file page; between them go the blocks of the examples.

    The list's own block and the scripts come first: the list is there before the last example is.
    The scripts are packed like the data, to a third.
    """
    texts = [*parts.scripts.values()]
    hashes = " ".join(f"'{script_source(text)}'" for text in [parts.start, *texts])
    policy = _POLICY.format(style="'unsafe-inline'", script=hashes)
    head = f"<style>\n{parts.style}</style>\n"
    first = block_element("index", index) + block_element("scripts", pack(texts))
    page = _page(title, policy, head, f"{first}<script>{parts.start}</script>\n\0")
    start, end = page.split("\0")
    yield start
    yield f"<!-- {html.escape(parts.licenses).replace('--', '- -')} -->\n{end}"


def _page(title: str, policy: str, head: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<link rel="icon" href="data:,">\n'
        f"<title>{html.escape(title)}</title>\n{head}</head>\n<body>\n"
        '<div id="explorer"><noscript>This page needs JavaScript.</noscript></div>\n'
        f"{body}</body>\n</html>\n"
    )


def _without_map(script: str) -> str:
    """A script's text without its source map."""
    lines = [line for line in script.splitlines() if not line.startswith("//# sourceMappingURL")]
    return "\n".join(lines) + "\n"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not readable ({error}); run `npm ci`") from None
