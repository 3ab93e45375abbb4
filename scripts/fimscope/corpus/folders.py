"""The TypeScript files of a folder, with every trap that a file system can hold."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from fimscope.corpus.inputs import Input, Origin, Refusal, printable

SUFFIXES = (".ts", ".tsx", ".mts", ".cts")


def list_folder(folder: Path, origin: Origin) -> Iterator[Input]:
    """Every file below a folder whose name is a TypeScript file's, in the order of their names.

    An entry that cannot be followed is an input too, refused: a folder that cannot be read, a
    link that leaves the folder, leads nowhere or loops, a link to a folder that is read under its
    own name, a nested node_modules (other packages' code).
    """
    base = Path(os.path.realpath(folder))
    waiting = [base]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as entries:
                found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
            kinds = [(Path(e.path), e.is_symlink(), e.is_dir(follow_symlinks=False)) for e in found]
        except OSError as error:
            yield _refused(base, here, origin, refusal_of(error))
            continue
        for path, is_link, is_folder in kinds:
            if is_link:
                yield from _link(base, path, origin)
            elif is_folder and path.name == "node_modules":
                refusal = Refusal("outside_source", "a nested node_modules: other packages' code")
                yield _refused(base, path, origin, refusal)
            elif is_folder:
                waiting.append(path)
            elif path.name.lower().endswith(SUFFIXES):
                yield Input(origin, _below(base, path), path)


def refusal_of(error: OSError) -> Refusal:
    """Why a file or folder that the system would not give is left out."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return Refusal("vanished", "it was listed, and gone when it was to be read")
    return Refusal("unreadable", error.strerror or type(error).__name__)


def _link(base: Path, link: Path, origin: Origin) -> Iterator[Input]:
    try:
        target = Path(os.path.realpath(link, strict=True))
        is_folder = target.is_dir()
    except FileNotFoundError:
        yield _refused(base, link, origin, Refusal("vanished", "a link to nothing"))
        return
    except OSError as error:
        loops = error.errno == errno.ELOOP
        refusal = Refusal("symlink_loop", "a link to itself") if loops else refusal_of(error)
        yield _refused(base, link, origin, refusal)
        return
    typescript = link.name.lower().endswith(SUFFIXES)
    if not is_folder and not typescript:
        return
    inside = target.is_relative_to(base) and "node_modules" not in target.relative_to(base).parts
    if not inside:
        refusal = Refusal("outside_source", "a link that leaves the source")
    elif is_folder and link.is_relative_to(target):
        refusal = Refusal("symlink_loop", "a link to a folder that holds it")
    elif is_folder:
        name = _below(base, target)
        refusal = Refusal("duplicate", f"a link to the folder {name}, read under its own name")
    else:
        yield Input(origin, _below(base, link), target)
        return
    yield _refused(base, link, origin, refusal)


def _refused(base: Path, path: Path, origin: Origin, refusal: Refusal) -> Input:
    return Input(origin, _below(base, path), refusal)


def _below(base: Path, path: Path) -> str:
    return printable(str(path.relative_to(base)))
