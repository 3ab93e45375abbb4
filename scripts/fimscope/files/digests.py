"""Files that carry the sha256 of their own content, so that no damage to them goes unseen.

    Parquet        32 bytes in front of the footer, where Parquet's readers do not look
    JSON           the key "sha256", of the one spelling of all the rest
    SVG, Markdown  a comment at the end

Parquet's own page checksums would not do: they leave out the page headers and the footer, which are
a third of a small table.
"""

import base64
import hashlib
import json
import os
import re
from collections.abc import Mapping
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, BinaryIO

from fimscope.errors import UserError

N_BYTES = hashlib.sha256().digest_size
PIECE = 1 << 20
MARK = b"fimscope."  # how the keys of our metadata in a Parquet file begin
MAGIC = b"PAR1"  # at both ends of a Parquet file
COMMENT = "<!-- sha256 {} -->\n"
LAST_COMMENT = re.compile(COMMENT.format("([0-9a-f]{64})") + r"\Z")


def _damaged(path: Path) -> UserError:
    return UserError(
        f"{path}: damaged since it was written, or not written by this pipeline; "
        "delete it and run again"
    )


def seal_parquet(path: Path) -> None:
    """Put its digest into a Parquet file that has just been written."""
    with path.open("rb+") as file:
        place = _footer(file)
        digest = _digest(file, place, place)
        file.seek(place)
        footer = file.read()
        file.seek(place)
        file.write(digest + footer)


def check_parquet(path: Path) -> bool:
    """Whether a Parquet file is what was sealed; False where it is not of this pipeline's making.

    The two keys of our metadata begin alike: no one flipped bit makes a sealed file look like
    another's.

    raises UserError where a sealed file is no longer what was sealed
    """
    with path.open("rb") as file:
        place = max(_footer(file), N_BYTES)
        file.seek(place - N_BYTES)
        if file.read(N_BYTES) == _digest(file, place - N_BYTES, place):
            return True
        file.seek(0)
        if file.read(len(MAGIC)) != MAGIC:
            raise _damaged(path)
        with mmap(file.fileno(), 0, access=ACCESS_READ) as content:
            if content[-len(MAGIC) :] != MAGIC or content.find(MARK) >= 0:
                raise _damaged(path)
    return False


def _footer(file: BinaryIO) -> int:
    """Where the footer begins; its length and four letters end the file."""
    end = file.seek(0, os.SEEK_END)
    file.seek(max(end - 8, 0))
    return end - 8 - int.from_bytes(file.read(4), "little")


def _digest(file: BinaryIO, end: int, start: int) -> bytes:
    """The sha256 of all before `end` and all from `start` on, a piece at a time."""
    found = hashlib.sha256()
    file.seek(0)
    while piece := file.read(min(PIECE, end - file.tell())):
        found.update(piece)
    file.seek(start)
    while piece := file.read(PIECE):
        found.update(piece)
    return found.digest()


def dump_json(content: Mapping[str, Any]) -> str:
    """A JSON object as text with its digest in it; the keys are sorted."""
    content = json.loads(json.dumps(content, allow_nan=False))
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    whole = {**content, "sha256": digest}
    return json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object that `dump_json` wrote, without its digest.

    raises UserError where it is not what was written; FileNotFoundError where there is none
    """
    try:
        text = path.read_bytes().decode()
        content = json.loads(text)
        del content["sha256"]
        whole = text == dump_json(content)
    except (ValueError, KeyError, TypeError, IndexError):
        raise _damaged(path) from None
    if not whole:
        raise _damaged(path)
    return content


def sealed(text: str) -> str:
    """A text with its digest in a comment at its end, as SVG and Markdown take one."""
    return text + COMMENT.format(hashlib.sha256(text.encode()).hexdigest())


def read_sealed(path: Path) -> str:
    """The text that `sealed` made, without the comment.

    raises UserError where it is not what was written, or not there
    """
    try:
        content = path.read_bytes().decode()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run the step that makes it") from None
    except UnicodeDecodeError:
        raise _damaged(path) from None
    text = LAST_COMMENT.sub("", content)
    if sealed(text) != content:
        raise _damaged(path)
    return text


def file_sha256(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def script_source(script: str) -> str:
    """The name of a script in a page's Content-Security-Policy: that script alone may run."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"
