"""A prepared model folder: what is known of it, and whether it is still whole."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fimscope.errors import UserError
from fimscope.manifest import file_sha256
from fimscope.steps import log
from fimscope.tables import replacing

PREPARED_FILE = "prepared.json"
CHECKED_FILE = ".checked.json"  # size and time of the files when their hashes were last right
CONFIG_FILES = ("config.json", "generation_config.json")


@dataclass(frozen=True)
class Prepared:
    """What `prepared.json` says of a prepared model folder.

    revision   the hub's commit, the GGUF file's sha256, or None for a folder
    family     the config's model_type
    files      name -> {"sha256", "n_bytes"} of every weight file and of tokenizer.json
    tried      the sources before the one taken: {"source", "reason"}
    manifest   the run manifest of the step that wrote the folder
    """

    folder: Path
    source: Mapping[str, Any]
    revision: str | None
    family: str
    n_blocks: int
    d_model: int
    n_heads: int
    vocab_size: int
    trust_remote_code: bool
    files: Mapping[str, Mapping[str, Any]]
    tried: list[Mapping[str, Any]] = field(default_factory=list)
    manifest: Mapping[str, Any] = field(default_factory=dict)

    def identity(self) -> dict[str, str]:
        """sha256 by name of all that decides what the model computes."""
        configs = [self.folder / name for name in CONFIG_FILES]
        return {
            **{name: record["sha256"] for name, record in self.files.items()},
            **{path.name: file_sha256(path) for path in configs if path.is_file()},
        }


def read_prepared(folder: Path) -> Prepared:
    """What is known of the model in a prepared folder; the sizes of its files are checked.

    raises UserError where prepared.json is absent or broken, or a file missing or of another size
    """
    path = Path(folder) / PREPARED_FILE
    try:
        prepared = Prepared(folder=Path(folder), **json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run prepare_model, which makes it") from None
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: not a whole record ({error}); run prepare_model again") from None
    for name, record in prepared.files.items():
        file = prepared.folder / name
        n_bytes = file.stat().st_size if file.is_file() else None
        if n_bytes != record["n_bytes"]:
            found = "no such file" if n_bytes is None else f"{n_bytes} bytes found"
            raise UserError(
                f"{file}: {found}, {record['n_bytes']} bytes expected; run prepare_model again"
            )
    return prepared


def check_hashes(prepared: Prepared) -> None:
    """Hash the weight files and tokenizer.json anew; raises UserError at the first that differs."""
    for name, record in prepared.files.items():
        check_sha256(prepared.folder / name, record["sha256"])


def check_changed(prepared: Prepared) -> None:
    """As `check_hashes`, but only where a file's size or time is not that of the last time.

    A large model is so hashed once, and again after someone has written to it: its weights may be
    linked from the folder where it was trained.
    """
    stats = {name: (prepared.folder / name).stat() for name in prepared.files}
    found = {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()}
    record = prepared.folder / CHECKED_FILE
    with suppress(OSError, ValueError):
        if json.loads(record.read_text("utf-8")) == found:
            return
    log.info("checking the hashes of %d files", len(found))
    check_hashes(prepared)
    with suppress(OSError), replacing(record) as temporary:  # the folder may be read-only
        temporary.write_text(json.dumps(found), encoding="utf-8")


def check_sha256(path: Path, expected: str | None) -> str:
    """The sha256 of a file; raises UserError where it is not the expected one."""
    found = file_sha256(path)
    if expected is not None and found != expected:
        raise UserError(f"{path}: sha256 {found} found, {expected} expected; fetch the file again")
    return found
