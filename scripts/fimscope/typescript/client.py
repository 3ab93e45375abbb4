"""The client of the TypeScript service: one Node process, asked in turn, restarted when it dies."""

from collections.abc import Sequence
from typing import Any, Self

from fimscope.typescript.process import NodeService
from fimscope.typescript.results import (
    Checks,
    Edited,
    Hole,
    Holes,
    RejectedHole,
    Rename,
    TypeScriptError,
    Unit,
    Units,
)

Parts = tuple[str, str, str]  # prefix, gold, suffix


class TypeScript:
    """The TypeScript compiler, as a context manager.

    Every method raises TypeScriptError with the reason where a request has no result:
    `syntax_error` (the text is not TypeScript), `hole_moved` (no annotation at the hole),
    `time_limit` (it took longer than `seconds_per_request`), `compiler_failed` (the process died
    or the compiler threw), and what each method names. The next request is not affected.
    """

    def __init__(self, seconds_per_request: float = 60.0):
        self._service = NodeService(seconds_per_request)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._service.stop()

    def holes(self, text: str) -> Holes:
        """Every annotation of the program's function signatures, in source order."""
        found: list[Hole] = []
        rejected: list[RejectedHole] = []
        end = 0
        for row in self._service.ask("holes", text=text):
            kind, gold = row["kind"], row["gold"]
            start = end + len(row["between"])
            end = start + len(gold)
            if "problem" in row:
                rejected.append(RejectedHole(kind, gold, start, "unsupported_hole", row["problem"]))
            else:
                name_start = start - len(row["from_name"])
                found.append(Hole(kind, row["name"], text[:start], gold, text[end:], name_start))
        return Holes(found, rejected)

    def edit_names(self) -> list[str]:
        """The edits that there are; several can be joined by `+`."""
        return self._service.ask("edit_names")

    def edit(
        self, edit: str, prefix: str, gold: str, suffix: str, name_start: int, seed: int
    ) -> Edited:
        """The hole after an edit, or after several joined by `+`.

        raises TypeScriptError, also with `nothing_to_edit` and `edit_failed`
        """
        row = self._service.ask(
            "edit",
            edit=edit,
            hole=_hole(prefix, gold, suffix),
            before_name=prefix[:name_start],
            seed=seed,
        )
        renames = [Rename(**rename) for rename in row.pop("renames")]
        name_start = len(row.pop("before_name"))
        return Edited(**row, name_start=name_start, renames=renames)

    def check(self, original: Parts, variant: Parts, renames: Sequence[Rename]) -> Checks:
        """Whether a variant is its original in other words: parses, errors, JavaScript, hole.

        A failure is a verdict with a reason (`does_not_parse`, `other_errors`,
        `other_javascript`, `hole_moved`), not an exception.
        """
        row = self._service.ask(
            "check",
            original=_hole(*original),
            variant=_hole(*variant),
            renames=[vars(rename) for rename in renames],
        )
        return Checks(**row)

    def units(self, prefix: str, gold: str, suffix: str, max_chars: int = 10**9) -> Units:
        """The syntax units around a hole, and the file in parts that a window may cut.

        Units of more than `max_chars` UTF-16 units are left out, but for the smallest.
        """
        row = self._service.ask("units", **_hole(prefix, gold, suffix), max_chars=max_chars)
        units = [Unit(**unit) for unit in row["units"]]
        return Units(units, row["before_parts"], row["after_parts"])

    def type_texts(self, completions: Sequence[tuple[str, str]]) -> list[str]:
        """The first type that each (completion, kind) spells, "" where it spells none.

        One completion on which the compiler fails gives "" and leaves the others as they are.
        """
        try:
            return self._service.ask("type_texts", completions=[list(row) for row in completions])
        except TypeScriptError:
            if len(completions) == 1:
                return [""]
            return [text for row in completions for text in self.type_texts([row])]

    def type_text(self, completion: str, kind: str) -> str:
        """The first type that a completion spells, "" where it spells none."""
        return self.type_texts([(completion, kind)])[0]


def _hole(prefix: str, gold: str, suffix: str) -> dict[str, Any]:
    return {"prefix": prefix, "gold": gold, "suffix": suffix}
