"""How an edit is spelled: names joined by `+`, each with the share of its sites after `@`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from fimscope.errors import UserError

ORIGINAL = "original"

# Every edit there is, in the order in which a join carries them out.
EDIT_NAMES = (
    "strip_comments",
    "rename_vars",
    "rename_aligned",
    "misleading_names",
    "natural_names",
    "rename_types",
    "alias_types",
    "delete_annotations",
    "mask_annotations",
    "add_distractor",
)
RENAMING = ("rename_vars", "rename_aligned", "misleading_names", "natural_names")
# Of each group a join holds one at most: they change the same sites.
RIVALS = (
    RENAMING,
    ("delete_annotations", "mask_annotations"),
)
# Their names are those that the corpus gives to things of a type.
CORPUS_NAMED = ("misleading_names", "natural_names")
# Its names keep every token in its place: they depend on the model, and no edit goes with it.
ALIGNED = "rename_aligned"
DOSES = (0.25, 0.5, 0.75, 1.0)
# Its sites are all the places of a program: a share of them says nothing.
COUNTED_ONLY = "add_distractor"


@dataclass(frozen=True)
class EditStep:
    """One edit of a join.

    dose    the share of its sites that it changes, one of DOSES
    count   instead of a share: how many of its sites, drawn at random; None where dose holds
    """

    name: str
    dose: float = 1.0
    count: int | None = None

    def __str__(self) -> str:
        if self.count is not None:
            is_plain = self.name == COUNTED_ONLY and self.count == 1
            return self.name if is_plain else f"{self.name}@k{self.count}"
        return self.name if self.dose == 1.0 else f"{self.name}@{self.dose:g}"


def parse_edit(text: str, source: str = "--edit") -> list[EditStep]:
    """The steps of an edit in the order in which they are carried out; none for `original`.

    `rename_vars` changes all sites, `rename_vars@0.5` half of them, `rename_vars@k3` three. For one
    seed the sites of a smaller share are among those of a larger one.

    source   where the text was found, for the message
    raises   UserError for what is not an edit, with the nearest that is
    """
    if text == ORIGINAL:
        return []
    steps = [_parse_step(part, text, source) for part in text.split("+")]
    names = [step.name for step in steps]
    for group in [*([name] for name in EDIT_NAMES), *RIVALS]:
        both = [name for name in names if name in group]
        if len(both) > 1:
            raise UserError(
                f"{source}: {text!r} holds {' and '.join(both)}, which change the same sites; "
                "expected one of them"
            )
    if ALIGNED in names and len(names) > 1:
        raise UserError(
            f"{source}: {text!r} joins {ALIGNED} with what moves tokens; expected it alone"
        )
    return sorted(steps, key=lambda step: EDIT_NAMES.index(step.name))


def spell_edit(steps: Sequence[EditStep]) -> str:
    """The one spelling of an edit, as in columns, file names and configs."""
    return "+".join(str(step) for step in steps) or ORIGINAL


def canonical_edit(text: str, source: str = "--edit") -> str:
    """The one spelling of an edit, whatever the order and the numbers it was written with."""
    return spell_edit(parse_edit(text, source))


def is_aligned(edit: str) -> bool:
    """Whether an edit keeps every token of a prompt in its place, and so depends on the model."""
    return any(step.name == ALIGNED for step in parse_edit(edit))


def _parse_step(part: str, text: str, source: str) -> EditStep:
    name, at, share = part.partition("@")
    if name not in EDIT_NAMES:
        [nearest] = get_close_matches(name, [ORIGINAL, *EDIT_NAMES], 1, 0.0)
        where = f" in {text!r}" if part != text else ""
        alone = " (which joins nothing)" if name == ORIGINAL else ""
        raise UserError(
            f"{source}: {name!r}{where} is no edit{alone}; did you mean {nearest!r}? Expected "
            f"{ORIGINAL}, or one or more of {', '.join(EDIT_NAMES)}, joined by +"
        )
    if not at:
        return EditStep(name, count=1) if name == COUNTED_ONLY else EditStep(name)
    if re.fullmatch(r"k[1-9][0-9]{0,5}", share):
        return EditStep(name, count=int(share[1:]))
    if name == COUNTED_ONLY:
        raise UserError(
            f"{source}: {share!r} in {text!r} is not how many {name} adds; "
            f"expected a number as in {name}@k3"
        )
    if (
        not re.fullmatch(r"[01]?\.?[0-9]*", share)
        or share in ("", ".")
        or float(share) not in DOSES
    ):
        raise UserError(
            f"{source}: {share!r} in {text!r} is no share of the sites; expected one of "
            f"{', '.join(f'{dose:g}' for dose in DOSES)}, or a number of sites as in {name}@k3"
        )
    return EditStep(name, dose=float(share))


def dosed_edits(names: Sequence[str], doses: Sequence[float], counts: Sequence[int]) -> list[str]:
    """Every edit at every dose, in order; one that has no doses at every count instead."""
    steps = [
        EditStep(name, count=size) if name == COUNTED_ONLY else EditStep(name, dose=size)
        for name in names
        for size in sorted(set(counts if name == COUNTED_ONLY else doses))
    ]
    return [str(step) for step in steps]
