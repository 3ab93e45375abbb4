"""The hashes of files that are asked for at every start, read again only where a file was touched.

A file is known by its path, size, inode, and both times. Its size and the time of its content
(mtime) are whatever a writer makes them; the time of its last change (ctime) is the system's own,
moves with every write, link and renaming, and cannot be set.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fimscope.files.digests import file_sha256

# A file changed within this time may change once more at what its file system calls the same time.
SETTLED_NS = 2_000_000_000

HashOf = Callable[[Path], str]


@contextmanager
def known_hashes(kept: Path) -> Iterator[HashOf]:
    """Gives what tells the sha256 of a file; what was read before and not touched is not read.

    kept   JSON file of what is known, written at the end where there is anything new; it holds the
           files of the last time alone. Where it cannot be read or written all is read again
    """
    before = _read(kept)
    now: dict[str, list[str | int]] = {}

    def hash_of(path: Path) -> str:
        marks = _marks(path)
        *known, found = before.get(str(path), [""])
        if known != marks:
            started = time.time_ns()
            found = file_sha256(path)
            if marks != _marks(path) or started - marks[-1] < SETTLED_NS:
                return found
        now[str(path)] = [*marks, found]
        return found

    yield hash_of
    if now != before:
        from fimscope.files.atomic import replacing

        with suppress(OSError), replacing(kept) as temporary:
            temporary.write_text(json.dumps(now), encoding="utf-8", errors="surrogatepass")


def files_below(folder: Path, kinds: Collection[str]) -> Iterator[Path]:
    """All files of some kinds (suffixes without the dot) below a folder.

    Another run may write there meanwhile: a folder that goes while it is looked through has none.
    """
    for own, _, names in os.walk(folder):
        for path in map(Path(own).joinpath, names):
            if path.suffix[1:] in kinds:
                yield path


def hashes_of(paths: Iterable[Path], hash_of: HashOf) -> set[str]:
    """The hashes of files, but for those that went since they were listed."""
    found = set()
    for path in paths:
        with suppress(FileNotFoundError):
            found.add(hash_of(path))
    return found


def fingerprint_of(paths: Iterable[Path], hash_of: HashOf) -> str:
    """One hash over the names and contents of files."""
    return fingerprint_of_lines([path.name, hash_of(path)] for path in paths)


def fingerprint_of_lines(lines: Iterable[object]) -> str:
    """One hash over what JSON can say, in 16 digits."""
    text = "\n".join(json.dumps(line) for line in lines)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _marks(path: Path) -> list[int]:
    """What shows that a file was touched; the time of its last change is the last."""
    stat = path.stat()
    return [stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns]


def _read(kept: Path) -> dict[str, list[str | int]]:
    try:
        known = json.loads(kept.read_bytes()).items()
    except (OSError, ValueError, AttributeError):
        return {}
    return {path: marks for path, marks in known if isinstance(marks, list) and marks}
