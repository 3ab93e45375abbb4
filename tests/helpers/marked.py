"""Programs written with the hole's gold between « and », and edits of them."""

from fimscope.typescript.client import TypeScript
from fimscope.typescript.results import Checks, Edited, Hole, Rename


def split_marked(marked: str) -> tuple[str, str, str]:
    prefix, rest = marked.split("«")
    gold, suffix = rest.split("»")
    return prefix, gold, suffix


def marked_text(edited: Edited) -> str:
    return f"{edited.prefix}«{edited.gold}»{edited.suffix}"


def hole_of(typescript: TypeScript, marked: str) -> Hole:
    parts = split_marked(marked)
    [hole] = [
        hole
        for hole in typescript.holes("".join(parts)).holes
        if (hole.prefix, hole.gold, hole.suffix) == parts
    ]
    return hole


def edit_marked(
    typescript: TypeScript, edit: str, marked: str, seed: int = 0, exported: bool = False
) -> Edited:
    hole = hole_of(typescript, marked)
    parts = hole.prefix, hole.gold, hole.suffix
    return typescript.edit(edit, *parts, hole.name_start, seed, exported)


def with_old_names(edited: Edited) -> str:
    """The marked text of an edited hole, new names written as the old ones with a number."""
    text = marked_text(edited)
    numbers: dict[str, int] = {}
    written: dict[str, str] = {}
    for rename in edited.renames:
        if rename.new not in written:
            numbers[rename.old] = numbers.get(rename.old, 0) + 1
            written[rename.new] = f"{rename.old}_{numbers[rename.old]}"
    for new, old in written.items():
        text = text.replace(new, old)
    return text


def verdict_on(
    typescript: TypeScript, original: str, variant: str, renames: list[Rename]
) -> Checks:
    return typescript.check(split_marked(original), split_marked(variant), renames)


def verdict_on_edited(typescript: TypeScript, original: str, edited: Edited) -> Checks:
    return verdict_on(typescript, original, marked_text(edited), edited.renames)
