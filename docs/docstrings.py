"""The project's docstrings as Markdown, for the page of the library (an extension of griffe)."""

import re
from typing import Any

import griffe

_NAMES = r"[a-z_][\w.]*(?:, [a-z_][\w.]*)*"
_ROW = re.compile(rf"({_NAMES})(?: {{2,}}| (?=\[))(.+)|(returns|raises|yields) (.+)")


def as_markdown(docstring: str) -> str:
    """A docstring whose lines of `name   meaning` are a list.

    A paragraph is such a list when its first line is one; a line that is indented goes on with the
    line above it.
    """
    paragraphs = re.split(r"\n\s*\n", docstring)
    return _escape("\n\n".join(_as_list(paragraph) for paragraph in paragraphs))


def _escape(text: str) -> str:
    """What would open a tag or a link as entities, but in code."""
    pieces = re.split(r"(`[^`]*`)", text)
    escaped = str.maketrans({"<": "&lt;", "[": "&#91;"})
    return "".join(p if p.startswith("`") else p.translate(escaped) for p in pieces)


def _as_list(paragraph: str) -> str:
    lines = paragraph.splitlines()
    if paragraph.startswith(" ") or not _ROW.fullmatch(lines[0]):
        return paragraph
    items: list[list[str]] = []
    for line in lines:
        row = _ROW.fullmatch(line)
        if row:
            name, meaning = row[1] or row[3], row[2] or row[4]
            items.append([f"- `{name}` {meaning}"])
        else:
            items[-1].append(line.strip())
    return "\n".join(" ".join(item) for item in items)


class Docstrings(griffe.Extension):
    """Rewrites every docstring when the library has been read."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)
