"""What the TypeScript service answers, as Python values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fimscope.errors import UserError

KEPT = "kept"  # the kind of a rename that is none


class TypeScriptError(Exception):
    """A request that has no result; `reason` is one of `rejections.REASONS`."""

    def __init__(self, reason: str, detail: str):
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class CompilerStoppedError(UserError):
    """A request that has no result for a reason of the machine's: no row may be decided by it."""


@dataclass(frozen=True)
class Hole:
    """One annotation taken out of a program: the program is prefix + gold + suffix.

    A program has thousands: they share its text, and a prefix is made when it is asked for.
    """

    kind: str  # parameter | return
    name: str  # of the parameter or of the function
    text: str = field(repr=False)  # the whole program
    start: int  # code points in text where the annotation starts and ends
    end: int
    name_start: int  # code point in text, and in prefix, where the name starts

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Hole":
        """The hole of an example or a variant, a row with its parts."""
        text = row["prefix"] + row["gold"] + row["suffix"]
        start = len(row["prefix"])
        end = start + len(row["gold"])
        return cls(row["kind"], row["name"], text, start, end, row["name_start"])

    @property
    def prefix(self) -> str:
        return self.text[: self.start]

    @property
    def gold(self) -> str:
        return self.text[self.start : self.end]

    @property
    def suffix(self) -> str:
        return self.text[self.end :]


@dataclass(frozen=True)
class RejectedHole:
    """An annotation that can't be a hole."""

    kind: str
    gold: str
    start: int  # code point in the program where the annotation starts
    reason: str
    detail: str


@dataclass(frozen=True)
class Holes:
    """All annotations of a program's function signatures, each in one of the two lists."""

    holes: list[Hole]
    rejected: list[RejectedHole]


@dataclass(frozen=True)
class Rename:
    """One site that an edit has changed, by its old and new text.

    kind   `variable`, `parameter`, `function`, `type`: a symbol's names
           `kept`: a name for which no other of as many tokens was found
           `export`: beside one of these, the name is exported
           `alias`: a type and the alias that was added for it
           `annotation`: an annotation and what it became, "" or `any`
           `comment`: a comment that is gone
           `distractor`: the text that was added, line breaks and all
    """

    old: str
    new: str
    kind: str


@dataclass(frozen=True)
class Edited:
    """A hole after an edit."""

    prefix: str
    gold: str
    suffix: str
    name: str
    name_start: int  # code point in prefix where the name starts
    renames: list[Rename]


@dataclass(frozen=True)
class Checks:
    """The verdict on a variant; `reason` and `detail` are None where it passes."""

    parses: bool
    same_errors: bool
    same_javascript: bool
    same_text: bool
    reason: str | None
    detail: str | None


@dataclass(frozen=True)
class Verdict:
    """What an answer is beside the gold of its hole.

    verdict   same | equivalent | checks | fails
    detail    of one that fails: the first new error of the program, or why it is no single type
    is_any    of one that checks: whether it is `any` to the compiler, as what is imported is
    form      of the gold: builtin | name | array | generic | union | function | other
    """

    verdict: str
    detail: str | None
    is_any: bool
    form: str


@dataclass(frozen=True)
class Span:
    """A name's place: code points from start to end in the `part` prefix or suffix of a program."""

    part: str
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Places:
    """Where a hole's name is declared, None where the program does not, and all its uses."""

    declaration: Span | None
    uses: list[Span]


@dataclass(frozen=True)
class LabelledSpan:
    """What a part of a program is to its hole.

    kind         `declaration`, `use`: the hole's name; a use inside an annotation is a use
                 `annotation`: a type behind a colon, the outermost, that is not the gold; in
                 pieces where it holds a use; a comment inside it is a part of it
                 `comment`: any other comment
    start, end   code points in the `part` prefix or suffix
    """

    kind: str
    part: str
    start: int
    end: int


@dataclass(frozen=True)
class Unit:
    """A syntax unit that encloses a hole.

    kind     function, method, constructor, accessor, property, class, namespace, statement, file
    before   its text up to the hole, without comments in front of it (those of a file stay)
    after    its text from the hole's end
    erased   the unit as JavaScript, every type erased, comments kept; empty where nothing is left
    """

    kind: str
    before: str
    after: str
    erased: str


@dataclass(frozen=True)
class Units:
    """The units around a hole, the smallest first and the largest last, and the file in parts.

    before_parts, after_parts   join to the text before and after the hole; no cut between two of
                                them lies inside a statement or a member
    """

    units: list[Unit]
    before_parts: list[str]
    after_parts: list[str]
