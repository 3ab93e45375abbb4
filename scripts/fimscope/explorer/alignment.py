"""What an edit changed in a program's text: which words stand where other words stood."""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher

Change = tuple[int, int, str]  # kept, replaced: UTF-16 units of the text before; what stands there

# A name, a run of spaces within a line, one line break, or one other character.
_WORDS = re.compile(r"[\w$]+|[^\S\n]+|\n|[^\w\s$]")
_MOST_WORDS = 1500  # compared word by word between two lines that match; more are replaced whole


def changes(before: str, after: str, new_names: Mapping[str, str]) -> list[Change]:
    """The edit that turns `before` into `after`, as pieces in order.

    new_names   name in `after` -> the name in `before` that it replaced; lines that are equal but
                for these names match
    returns     for each piece the number of UTF-16 units of `before` that stay in front of it, the
                number that it replaces, and its text; what is behind the last piece stays
    """
    if before == after:
        return []
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    found: list[Change] = []
    kept = 0
    for old_words, new_words in _pieces(old, new, new_names):
        removed, text = "".join(old_words), "".join(new_words)
        if removed == text:
            kept += utf16_length(removed)
        else:
            found.append((kept, utf16_length(removed), text))
            kept = 0
    return found


def utf16_length(text: str) -> int:
    """How many units a browser counts in a text."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


Words = Sequence[str]


def _pieces(old: Words, new: Words, new_names: Mapping[str, str]) -> Iterator[tuple[Words, Words]]:
    """Both texts cut into pieces that correspond, in order: equal ones, and changed ones."""
    old_lines, new_lines = _lines(old), _lines(new)
    old_keys = [tuple(old[a:b]) for a, b in old_lines]
    new_keys = [tuple(new_names.get(word, word) for word in new[a:b]) for a, b in new_lines]
    matcher = SequenceMatcher(None, old_keys, new_keys, autojunk=False)
    for tag, a1, a2, b1, b2 in matcher.get_opcodes():
        old_words = old[_start(old_lines, a1) : _start(old_lines, a2)]
        new_words = new[_start(new_lines, b1) : _start(new_lines, b2)]
        if tag == "equal":
            yield from _renamed_pieces(old_words, new_words)
        else:
            yield from _word_pieces(old_words, new_words, new_names)


def _renamed_pieces(old: Words, new: Words) -> Iterator[tuple[Words, Words]]:
    """Pieces of texts that correspond word by word: runs of equal words, single changed ones."""
    start = 0
    for i, (word, other) in enumerate(zip(old, new, strict=True)):
        if word != other:
            yield old[start:i], new[start:i]
            yield [word], [other]
            start = i + 1
    yield old[start:], new[start:]


def _word_pieces(
    old: Words, new: Words, new_names: Mapping[str, str]
) -> Iterator[tuple[Words, Words]]:
    if not old or not new or len(old) + len(new) > _MOST_WORDS:
        yield old, new
        return
    keys = [new_names.get(word, word) for word in new]
    for tag, a1, a2, b1, b2 in SequenceMatcher(None, old, keys, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from _renamed_pieces(old[a1:a2], new[b1:b2])
        else:
            yield old[a1:a2], new[b1:b2]


def _lines(words: Words) -> list[tuple[int, int]]:
    """Where each line starts and ends among the words; its line break belongs to it."""
    ends = [i + 1 for i, word in enumerate(words) if word == "\n"]
    if not ends or ends[-1] != len(words):
        ends.append(len(words))
    return list(zip([0, *ends[:-1]], ends, strict=True))


def _start(lines: list[tuple[int, int]], line: int) -> int:
    return lines[line][0] if line < len(lines) else lines[-1][1]


def apply(before: str, pieces: Sequence[Change]) -> str:
    """The text that `changes` described: what a browser makes of it."""
    units = before.encode("utf-16-le", "surrogatepass")
    place, parts = 0, []
    for kept, replaced, text in pieces:
        parts += [units[2 * place : 2 * (place + kept)].decode("utf-16-le", "surrogatepass"), text]
        place += kept + replaced
    return "".join(parts) + units[2 * place :].decode("utf-16-le", "surrogatepass")
