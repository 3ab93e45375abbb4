"""Files and folders that appear whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class replacing:
    """Gives a temporary path beside `path`; on success it takes `path`'s place, else it goes.

    The data is on the disk before the rename, so a kill or a power cut leaves the old file or
    the new one, never half of one.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        self.temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp")

    def __enter__(self) -> Path:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return self.temporary

    def __exit__(self, kind: type | None, error: BaseException | None, _: object) -> None:
        if kind is not None:
            self.temporary.unlink(missing_ok=True)
            if isinstance(error, OSError) and error.errno and not error.filename:
                error.filename = str(self.path)  # a full disk: the error of a write names no file
            return
        with self.temporary.open("rb+") as file:
            os.fsync(file.fileno())
        self.temporary.replace(self.path)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Gives an empty temporary folder beside `folder`; on success it takes `folder`'s place."""
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    temporary.mkdir(parents=True)
    try:
        yield temporary
        if folder.exists():
            shutil.rmtree(folder)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
