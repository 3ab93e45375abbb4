"""The client of the TypeScript service: one Node process, asked in turn, restarted when it dies."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

from fimscope.typescript.edit_names import parse_edit
from fimscope.typescript.new_names import NewNames
from fimscope.typescript.process import CPU_SECONDS, NodeService
from fimscope.typescript.results import (
    Checks,
    CompilerStoppedError,
    Edited,
    Hole,
    Holes,
    LabelledSpan,
    Places,
    RejectedHole,
    Rename,
    Span,
    TypeScriptError,
    Unit,
    Units,
    Verdict,
)

Parts = tuple[str, str, str]  # prefix, gold, suffix


class TypeScript:
    """The TypeScript compiler, as a context manager.

    Every method raises TypeScriptError with the reason where a request has no result:
    `syntax_error` (the text is not TypeScript), `hole_moved` (no annotation at the hole),
    `too_complex` (it is more than the compiler is asked to bear: limits.mjs), `compiler_failed`
    (the process died of it or the compiler threw), and what each method names. The next request is
    not affected. CompilerStoppedError where the process is ended from outside, or has computed for
    more than `cpu_seconds`.
    """

    def __init__(self, cpu_seconds: float = CPU_SECONDS, new_names: NewNames | None = None):
        supply = {"command": "new_names", **(new_names or NewNames()).request()}
        self._service = NodeService(cpu_seconds, first_request=supply)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._service.stop()

    def abandon(self) -> None:
        """Make the request of another thread end at once, with TypeScriptError."""
        self._service.abandon()

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
                found.append(Hole(kind, row["name"], text, start, end, name_start))
        return Holes(found, rejected)

    def edit_names(self) -> list[str]:
        """The edits that there are; several can be joined by `+`."""
        return self._service.ask("edit_names")

    def meaningless_names(self, seed: int) -> list[str]:
        """Names of all lengths that mean nothing, in the order in which they are to be tried."""
        return self._service.ask("meaningless_names", seed=seed)

    def alignable_names(self, text: str, exported: bool) -> dict[str, bool]:
        """The names of a program that `rename_vars` changes, in the order of first use.

        Each with whether a new one takes the old one's place alone: `{name}` becomes `{name: new}`.
        """
        return dict(self._service.ask("alignable_names", text=text, exported=exported))

    def edit(
        self,
        edit: str,
        prefix: str,
        gold: str,
        suffix: str,
        name_start: int,
        seed: int,
        exported: bool = False,
        names: Mapping[str, str] | None = None,
    ) -> Edited:
        """The hole after an edit, spelled as `fimscope.typescript.edit_names.parse_edit` reads it.

        exported   names that the program exports change too; each is a rename of kind `export`
        names      of `rename_aligned`: old name -> new name; the others stay
        raises     TypeScriptError, also with `nothing_to_edit` and `edit_failed`
        raises     UserError where there is no such edit
        """
        row = self._service.ask(
            "edit",
            steps=[vars(step) for step in parse_edit(edit)],
            hole=_hole(prefix, gold, suffix),
            before_name=prefix[:name_start],
            seed=seed,
            exported=exported,
            names=names,
        )
        return _edited(row)

    def edits(
        self, edit: str, holes: Sequence[Mapping[str, Any]], seed: int, exported: bool = False
    ) -> list[Edited | TypeScriptError] | None:
        """What `edit` gives for each of several holes, or raises; their texts are read together.

        holes     with prefix, gold, suffix and name_start
        returns   None where the compiler fails on them together: each is to be asked for alone
        """
        steps = [vars(step) for step in parse_edit(edit)]
        asked = [
            {
                **{name: hole[name] for name in ("prefix", "gold", "suffix")},
                "before_name": hole["prefix"][: hole["name_start"]],
            }
            for hole in holes
        ]
        try:
            rows = self._service.ask(
                "edits", steps=steps, holes=asked, seed=seed, exported=exported
            )
        except (TypeScriptError, CompilerStoppedError):
            return None
        return [
            TypeScriptError(row["reason"], row["detail"]) if "reason" in row else _edited(row)
            for row in rows
        ]

    def check(self, original: Parts, variant: Parts, renames: Sequence[Rename]) -> Checks:
        """Whether a variant is its original in other words: errors, JavaScript, text, hole.

        A failure is a verdict with a reason (`does_not_parse`, `other_errors`,
        `unsupported_syntax`, `other_javascript`, `other_text`, `hole_moved`), not an exception.
        """
        row = self._service.ask(
            "check",
            original=_hole(*original),
            variant=_hole(*variant),
            renames=[vars(rename) for rename in renames],
        )
        return Checks(**row)

    def foresee(self, texts: Iterable[str]) -> None:
        """Have the errors of texts found together, for `check` to find them.

        Each is asked for anew where this fails.
        """
        with suppress(TypeScriptError, CompilerStoppedError):
            self._service.ask("foresee", texts=list(dict.fromkeys(texts)))

    def new_errors(
        self, prefix: str, gold: str, suffix: str, types: Sequence[str]
    ) -> list[str | None]:
        """For each type, the first error that the program has with it and not with its gold.

        None where there is none: the type checks as well as the gold does.
        """
        return self._service.ask("new_errors", **_hole(prefix, gold, suffix), types=list(types))

    def places(self, prefix: str, gold: str, suffix: str, name_start: int) -> Places:
        """Where the hole's name is declared and used, in any variant; the gold is left out.

        The uses of an original and of its renamed variant are as many and in the same order, but
        for those in annotations that an edit has deleted or masked.
        """
        rows = self._service.ask(
            "places", hole=_hole(prefix, gold, suffix), before_name=prefix[:name_start]
        )
        declaration: Span | None = None
        uses: list[Span] = []
        for row, (part, start, end) in zip(rows, _spans(rows, prefix, gold), strict=True):
            span = Span(part, start, end, row["text"])
            if row["is_declaration"]:
                declaration = span
            else:
                uses.append(span)
        return Places(declaration, uses)

    def regions(self, prefix: str, gold: str, suffix: str, name_start: int) -> list[LabelledSpan]:
        """The hole's name, annotations and comments, in source order, none overlapping another.

        Nothing of the gold is in them. The names are those of `places`.
        """
        rows = self._service.ask(
            "regions", hole=_hole(prefix, gold, suffix), before_name=prefix[:name_start]
        )
        spans = _spans(rows, prefix, gold)
        return [LabelledSpan(row["kind"], *span) for row, span in zip(rows, spans, strict=True)]

    def values(self, prefix: str, gold: str, suffix: str) -> list[LabelledSpan]:
        """Default values, initialisers and returned values, in source order, none inside another.

        `own` is the default of the hole's parameter, or what the hole's function returns; all
        else is `other`.
        """
        rows = self._service.ask("values", **_hole(prefix, gold, suffix))
        spans = _spans(rows, prefix, gold)
        return [LabelledSpan(row["kind"], *span) for row, span in zip(rows, spans, strict=True)]

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

    def type_ends(self, completions: Sequence[tuple[str, str]]) -> list[bool]:
        """Whether the first type of each (completion, kind) has ended, whatever would come behind.

        One completion on which the compiler fails has not ended, and leaves the others as they are.
        """
        try:
            return self._service.ask("type_ends", completions=[list(row) for row in completions])
        except TypeScriptError:
            if len(completions) == 1:
                return [False]
            return [ended for row in completions for ended in self.type_ends([row])]

    def verdicts(self, holes: Sequence[Mapping[str, str]]) -> list[Verdict | TypeScriptError]:
        """What the answer in each hole is beside its gold, or why the hole has no verdict.

        holes   with prefix, gold, suffix, kind and answer

        Where the compiler fails on all of them together, each is asked for alone.
        """
        names = ("prefix", "gold", "suffix", "kind", "answer")
        try:
            rows = self._service.ask(
                "verdicts", holes=[{name: hole[name] for name in names} for hole in holes]
            )
        except TypeScriptError as error:
            if len(holes) == 1:
                return [error]
            return [verdict for hole in holes for verdict in self.verdicts([hole])]
        return [
            TypeScriptError(row["reason"], row["detail"]) if "reason" in row else Verdict(**row)
            for row in rows
        ]


def _edited(row: dict[str, Any]) -> Edited:
    renames = [Rename(**rename) for rename in row.pop("renames")]
    name_start = len(row.pop("before_name"))
    return Edited(**row, name_start=name_start, renames=renames)


def _spans(
    rows: Sequence[Mapping[str, Any]], prefix: str, gold: str
) -> Iterator[tuple[str, int, int]]:
    """Part, start and end of rows that say what text stands `between` each and the one before."""
    end = 0
    suffix_start = len(prefix) + len(gold)
    for row in rows:
        start = end + len(row["between"])
        end = start + len(row["text"])
        part, offset = ("suffix", suffix_start) if start >= suffix_start else ("prefix", 0)
        yield part, start - offset, end - offset


def _hole(prefix: str, gold: str, suffix: str) -> dict[str, Any]:
    return {"prefix": prefix, "gold": gold, "suffix": suffix}
