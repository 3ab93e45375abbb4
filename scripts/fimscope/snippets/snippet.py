"""A snippet of TypeScript with a hole: read, checked, renamed."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from fimscope.errors import UserError
from fimscope.typescript.client import TypeScript
from fimscope.typescript.edit_names import ORIGINAL
from fimscope.typescript.results import TypeScriptError

HOLE = "<hole>"
STANDS_IN = "any"  # a type that goes with every program, in the place of the one that is asked for
RENAMING = "rename_vars"


@dataclass(frozen=True)
class Snippet:
    """A program around a hole.

    kind, name, name_start   parameter or return; whose type is asked for, and where that name
                             starts in the prefix
    names                    old name -> new name, of an edit; none of the snippet as it was given
    """

    prefix: str
    suffix: str
    kind: str
    name: str
    name_start: int
    edit: str = ORIGINAL
    names: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        return f"{self.prefix}{HOLE}{self.suffix}"

    @property
    def row(self) -> dict[str, Any]:
        """As a row of the variants table, whose gold is not known."""
        return {**vars(self), "gold": STANDS_IN}


def read_snippet(text: str, typescript: TypeScript) -> Snippet:
    """The snippet of a text in which <hole> stands for the type of a parameter or a return.

    raises UserError where there is not one hole, the text is no TypeScript, or the hole stands
           elsewhere
    """
    n_holes = text.count(HOLE)
    if n_holes != 1:
        found = f"{n_holes} of them" if n_holes else "none"
        raise UserError(
            f"snippet: {found} found; expected one {HOLE} in the place of the type that is asked "
            f"for, as in: function area(width: {HOLE}, height: number)"
        )
    prefix, suffix = text.split(HOLE)
    try:
        found = typescript.holes(f"{prefix}{STANDS_IN}{suffix}")
    except TypeScriptError as error:
        what = "no TypeScript" if error.reason == "syntax_error" else "more than can be read"
        raise UserError(f"snippet: {what} ({error.detail}); mend it there") from None
    for hole in found.holes:
        if hole.start == len(prefix):
            return Snippet(prefix, suffix, hole.kind, hole.name, hole.name_start)
    why = [each.detail for each in found.rejected if each.start == len(prefix)]
    raise UserError(
        f"snippet: {HOLE} does not stand where the type of a parameter or of a return stands"
        f"{f' ({why[0]})' if why else ''}; expected it behind the colon in a function's signature"
    )


def renamed(snippet: Snippet, typescript: TypeScript, edit: str, n: int) -> list[Snippet]:
    """At most `n` different variants of a snippet by one edit, each with new names of its own.

    Each is proved to mean the same (`TypeScript.check`); the draws are those of seeds 0, 1, ...
    returns  none where the snippet has no name that can change
    """
    return list(islice(_distinct(snippet, typescript, edit, 2 * n), n))


def _distinct(
    snippet: Snippet, typescript: TypeScript, edit: str, n_seeds: int
) -> Iterator[Snippet]:
    parts = (snippet.prefix, STANDS_IN, snippet.suffix)
    seen: set[str] = set()
    for seed in range(n_seeds):
        try:
            found = typescript.edit(edit, *parts, snippet.name_start, seed)
            variant = (found.prefix, found.gold, found.suffix)
            verdict = typescript.check(parts, variant, found.renames)
        except TypeScriptError as error:
            if error.reason in ("nothing_to_edit", "edit_failed"):
                return
            raise UserError(f"snippet: {edit}: {error.detail}") from None
        if verdict.reason is None and found.prefix + found.suffix not in seen:
            seen.add(found.prefix + found.suffix)
            names = tuple(dict.fromkeys((each.old, each.new) for each in found.renames))
            own = (snippet.kind, found.name, found.name_start)
            yield Snippet(found.prefix, found.suffix, *own, edit, names)
