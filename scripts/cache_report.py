"""List what the cache of finished parts holds of each step: files, size, age."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fimscope.steps.frame import log, run_step, step_parser

HEADER = ("step", "files", "size", "newest", "oldest")


class Held(NamedTuple):
    """What a step has in the cache: number of files, bytes, ages in seconds."""

    step: str
    n_files: int
    n_bytes: int
    newest: float
    oldest: float


def held_by_steps(cache: Path, now: float) -> Iterator[Held]:
    """Of each step that has anything there, by name; files that a kill left unfinished count."""
    for folder in sorted(cache.iterdir()) if cache.is_dir() else []:
        stats = [path.stat() for path in folder.iterdir()] if folder.is_dir() else []
        if stats:
            ages = [now - stat.st_mtime for stat in stats]
            n_bytes = sum(stat.st_size for stat in stats)
            yield Held(folder.name, len(stats), n_bytes, min(ages), max(ages))


def age(seconds: float) -> str:
    """An age in the largest unit that fits."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="folder of the finished parts")
    with run_step(parser) as args:
        held = list(held_by_steps(args.cache, time.time()))
        rows = [
            (h.step, str(h.n_files), f"{h.n_bytes / 1e6:.1f} MB", age(h.newest), age(h.oldest))
            for h in held
        ]
        widths = [max(map(len, column)) for column in zip(HEADER, *rows, strict=True)]
        for row in (HEADER, *rows):
            print("  ".join(cell.ljust(n) for cell, n in zip(row, widths, strict=True)).rstrip())
        total = sum(h.n_bytes for h in held) / 1e6
        log.info("%.1f MB in %s; to clear it: rm -r %s", total, args.cache, args.cache)


if __name__ == "__main__":
    main()
