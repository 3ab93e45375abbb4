"""What makes the workflow collect the programs again when a local source has changed."""

import stat
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from fimscope.corpus.folders import refusal_of
from fimscope.corpus.inputs import Input, Refusal
from fimscope.corpus.screening import name_refusal
from fimscope.corpus.sources import Source, list_inputs
from fimscope.errors import UserError
from fimscope.files.hashes import HashOf, fingerprint_of_lines


def fingerprint(
    sources: Sequence[Source],
    root: Path,
    licenses: Collection[str],
    max_bytes: int,
    hash_of: HashOf,
) -> str:
    """A hash over what collect_programs would find in the sources: every input and its content.

    Of folders and installed packages the inputs are listed as that step lists them; of local data
    sets the files are hashed whole. A data set of the Hub is pinned by its commit.
    """
    return fingerprint_of_lines(
        line for source in sources for line in _lines(source, root, licenses, max_bytes, hash_of)
    )


def _lines(
    source: Source, root: Path, licenses: Collection[str], max_bytes: int, hash_of: HashOf
) -> Iterator[tuple[object, ...]]:
    if source["kind"] == "huggingface":
        for name in source.get("files", []):
            yield name, hash_of(root / name)
        return
    try:
        for item in list_inputs([source], root, licenses, max_bytes):
            yield *item.origin, item.path, *_content(item, max_bytes, hash_of)
    except UserError as error:  # packages not installed yet: the step says so
        yield (str(error),)


def _content(item: Input, max_bytes: int, hash_of: HashOf) -> tuple[object, ...]:
    """What the step reads of an input: its bytes, unless it is left out unread."""
    if isinstance(item.body, Refusal):
        return tuple(item.body)
    if refusal := name_refusal(item.path):
        return tuple(refusal)
    try:
        status = item.body.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > max_bytes:
            return stat.S_IFMT(status.st_mode), status.st_size
        return (hash_of(item.body),)
    except OSError as error:
        return tuple(refusal_of(error))
