"""Which inputs are programs: TypeScript that people wrote, whole, readable, of sensible size."""

import hashlib
import os
import re
import stat
from pathlib import Path
from typing import Any

from fimscope.corpus.folders import refusal_of
from fimscope.corpus.inputs import Input, Refusal

DECLARATION = re.compile(r"\.d(\.[^./]+)?\.ts$|\.d\.[cm]ts$")
TEST_FOLDERS = {
    *("__tests__", "__test__", "__mocks__", "__fixtures__", "fixtures", "e2e"),
    *("test", "tests", "spec", "specs", "bench", "benches", "benchmark", "benchmarks"),
}
TEST_NAME = re.compile(r"(^|[._-])(test|tests|spec|bench|e2e)(-d)?\.[cm]?ts$")

# The comments, blank lines and #! line that a file starts with; `*+` never gives back what it took.
HEADER = re.compile(r"(?:[\s\ufeff]|#![^\n]*|//[^\n]*|/\*.*?(?:\*/|\Z))*+", re.DOTALL)
HEADER_CHARACTERS = 4096
GENERATED = re.compile(
    r"@generated\b|\bdo\s+not\s+(?:edit|modify)\b|\bauto(?:matically)?[- ]?generated\b"
    r"|\bth(?:is|e)\s+(?:file|code|module)\s+(?:is|was|has\s+been)\s+generated\b",
    re.IGNORECASE,
)

# Longer than any line that people write, yet above the odd long type or base64 constant.
LONGEST_LINE = 5000
LONGEST_MEAN_LINE = 200


def screen_input(item: Input, max_bytes: int) -> dict[str, Any] | Refusal:
    """The row of the programs table for an input, without its cluster, or why it is left out.

    max_bytes   a file larger than this many bytes is not read
    """
    if isinstance(item.body, Refusal):
        return item.body
    refusal = name_refusal(item.path) if item.named else None
    if refusal is not None:
        return refusal
    content = read_bytes(item.body, max_bytes) if isinstance(item.body, Path) else item.body
    if isinstance(content, Refusal):
        return content
    if len(content) > max_bytes:
        return Refusal("too_large", f"{len(content)} bytes, more than {max_bytes}")
    text = decode(content)
    if isinstance(text, Refusal):
        return text
    refusal = text_refusal(text)
    if refusal is not None:
        return refusal
    return {
        "program_id": hashlib.sha256(content).hexdigest(),
        "package": item.origin.package,
        "version": item.origin.version,
        "license": item.origin.license,
        "path": item.path,
        "n_bytes": len(content),
        "content": text,
    }


def name_refusal(path: str) -> Refusal | None:
    """Why a path, relative to its source, tells that the file is no program; None if it does not.

    Left out: declaration files; JSX (.tsx), whose grammar is another; tests, benchmarks and their
    fixtures, by folder or by name. `.mts` and `.cts` are TypeScript like `.ts`.
    """
    *folders, name = path.lower().split("/")
    if DECLARATION.search(name):
        return Refusal("declaration_file", "declares types only")
    if not name.endswith((".ts", ".mts", ".cts")):
        return Refusal("not_typescript", "JSX" if name.endswith("x") else "by its name")
    for folder in folders:
        if folder in TEST_FOLDERS:
            return Refusal("test_file", f"in a folder {folder}/")
    if TEST_NAME.search(name):
        return Refusal("test_file", "by its name")
    return None


def read_bytes(path: Path, max_bytes: int) -> bytes | Refusal:
    """The bytes of a regular file, or why not; a pipe or device is never waited for.

    A file larger than `max_bytes` is not read, and one that grows meanwhile no further than that.
    """
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            return Refusal("unreadable", f"no regular file: {_kind(status.st_mode)}")
        if status.st_size > max_bytes:
            return Refusal("too_large", f"{status.st_size} bytes, more than {max_bytes}")
        # The path may have become a pipe or a link since: do not wait for it, do not follow it.
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY
        with os.fdopen(os.open(path, flags), "rb") as file:
            return file.read(max_bytes + 1)
    except OSError as error:
        return refusal_of(error)


def _kind(mode: int) -> str:
    names = {
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
        stat.S_IFDIR: "a folder",
        stat.S_IFLNK: "a link",
    }
    return names.get(stat.S_IFMT(mode), "of an unknown kind")


def decode(content: bytes) -> str | Refusal:
    """The text of a program, which encodes to the same bytes again, or why there is none.

    Line ends and a byte order mark (U+FEFF) stay as they are.
    """
    if not content:
        return Refusal("empty", "0 bytes")
    if b"\0" in content:
        return Refusal("binary", f"a NUL byte at {content.index(0)}")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        return Refusal("not_utf8", f"byte {content[error.start]:#04x} at {error.start}")


def text_refusal(text: str) -> Refusal | None:
    """Why a text is no program that people wrote; None if it may be one.

    Left out: nothing but blanks; XML (a Qt translation is a `.ts` file too); generated code, by a
    marker in the comments at its head; minified code, by a line of more than 5,000 characters or
    lines of more than 200 on average.
    """
    start = text.lstrip("\ufeff \t\r\n")
    if not start:
        return Refusal("empty", "only blanks")
    if start.startswith(("<?xml", "<!DOCTYPE")):
        return Refusal("not_typescript", "XML")
    marker = GENERATED.search(HEADER.match(text[:HEADER_CHARACTERS]).group())
    if marker:
        return Refusal("generated", f"the header says {' '.join(marker.group().split())!r}")
    lengths = [len(line) for line in text.splitlines()]
    longest, mean = max(lengths), sum(lengths) / len(lengths)
    if longest > LONGEST_LINE:
        return Refusal("minified", f"a line of {longest} characters")
    if mean > LONGEST_MEAN_LINE:
        return Refusal("minified", f"lines of {mean:.0f} characters on average")
    return None
