"""Markdown in which text from models and programs cannot become markup."""

import re
from collections.abc import Sequence

from fimscope.report.text import visible


def code(text: str, limit: int = 40) -> str:
    """Text as a code span: visible, cut to `limit`, and never able to end the span itself."""
    shown = visible(text, limit)
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    padding = " " if "`" in shown else ""
    return f"{ticks}{padding}{shown}{padding}{ticks}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], n_left: int = 1) -> list[str]:
    """Lines of a table; the first `n_left` columns are aligned to the left, the rest right."""
    rule = ["---" if i < n_left else "---:" for i in range(len(header))]
    return [_line(header), _line(rule), *map(_line, rows), ""]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
