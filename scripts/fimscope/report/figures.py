"""Figures in pages: what stands between two marks is written from the numbers of studies.

    <!-- figure: {{ rate(row(embedded.accuracy, edit="original").right) }} -->56.0% ...<!-- end -->

A mark holds a Jinja template over the studies, each by its name, and the words of `format`. What is
too long to stand in a page is a macro of a file beside it, called by its mark: `{{ renaming() }}`,
`{{ renamed(embedded) }}`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from fimscope.errors import UserError
from fimscope.report import format as words
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Verdict

MARKED = re.compile(r"(<!-- figure: (.*?) -->)(.*?)(<!-- end -->)", re.DOTALL)


def fill_figures(page: str, studies: Mapping[str, Numbers], where: str, macros: str = "") -> str:
    """The page with every figure written anew.

    studies   the numbers of each study by its name, - as _
    where     the page's name, for errors
    macros    Jinja macros that marks may call; the lines of what one gives are joined to one
    raises    UserError where a mark or a macro asks for what the numbers do not hold
    """
    from jinja2 import Environment, StrictUndefined, TemplateError

    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True)
    environment.globals |= {**studies, **WORDS}
    try:
        named = vars(environment.from_string(macros).module)
    except TemplateError as error:
        raise UserError(f"the macros of {where}: {error}") from None
    environment.globals |= {
        name: partial(_joined, macro) for name, macro in named.items() if callable(macro)
    }

    def fill(found: re.Match[str]) -> str:
        opening, template, _, closing = found.groups()
        try:
            return opening + environment.from_string(template).render() + closing
        except (TemplateError, LookupError, TypeError, ValueError) as error:
            raise UserError(
                f"{where}: {template}: {error}; the studies are {', '.join(sorted(studies))}"
            ) from None

    return MARKED.sub(fill, page)


def _joined(macro: Callable[..., str], *of: Any) -> str:
    return " ".join(macro(*of).split())


def unmarked(page: str) -> str:
    """The page without its marks and what stands between them."""
    return MARKED.sub("", page)


def row(rows: Sequence[Numbers], **wanted: Any) -> Numbers:
    """The one of some rows that has these values; raises LookupError unless there is one."""
    found = [each for each in rows if all(each.get(key) == wanted[key] for key in wanted)]
    if len(found) != 1:
        raise LookupError(f"{len(found)} rows have {wanted}, and one was expected")
    return found[0]


def bare_spans(chosen: Sequence[int], points: Sequence[int]) -> str:
    """As `format.spans`, without the word: `3, 7 to 12`; `none` of none."""
    return words.spans(chosen, points).split(" ", 1)[1] if chosen else "none"


def largest(curve: Sequence[float | None]) -> float:
    """The largest of a curve's means that are there."""
    return max(mean for mean in curve if mean is not None)


def n_above(masks: Sequence[Numbers]) -> int:
    """How many masks raise the gold above their control."""
    return sum(mask["verdict"] == Verdict.SHOWN for mask in masks)


def signed(share: float) -> str:
    """A difference of shares in points: `+3.1`."""
    return f"{100 * share:+.1f}"


# What a mark can say of numbers.
WORDS = {
    word.__name__: word
    for word in (
        *(row, largest, n_above, signed),
        *(words.percent, words.rate, words.points_changed, words.signed_points, words.p_value),
        words.half_point,
    )
} | {"spans": bare_spans, "length": len}
