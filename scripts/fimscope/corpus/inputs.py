"""What a source gives: inputs, each a file still to be read, bytes, or already refused."""

import os
from pathlib import Path
from typing import NamedTuple


class Refusal(NamedTuple):
    """Why an input is left out: one of rejections.REASONS, and what was seen."""

    reason: str
    detail: str


class Origin(NamedTuple):
    """Where inputs come from; version and license are None where the source names none."""

    package: str
    version: str | None = None
    license: str | None = None


class Input(NamedTuple):
    """One file or row of a source, before any of it is read.

    path   relative to the source, or the row's name; text that any table can hold
    body   the file to read, the bytes themselves, or why there is nothing to read
    named  whether the path is a file's name that says what the file is
    """

    origin: Origin
    path: str
    body: Path | bytes | Refusal
    named: bool = True


def printable(name: str) -> str:
    r"""A file name as valid Unicode: bytes that are not UTF-8 become \xNN, all else stays."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
