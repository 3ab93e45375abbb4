"""A prepared model folder: what is known of it, and whether it is still whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fimscope.errors import UserError
from fimscope.files.digests import file_sha256, read_json
from fimscope.files.hashes import HashOf, known_hashes

PREPARED_FILE = "prepared.json"
HASHES_FILE = "hashes.json"  # beside it: what is known of the files' content


@dataclass(frozen=True)
class Prepared:
    """What `prepared.json` says of a prepared model folder.

    revision   the hub's commit, the GGUF file's sha256, or None for a folder
    family     the config's model_type
    n_context  tokens that it reads
    files      name -> {"sha256", "n_bytes"} of all that decides what it computes
    tried      the sources before the one taken: {"source", "reason"}
    n_parameters   numbers that its weights are; None where the files do not tell them
    quantised  {"type", "bits"} of the GGUF file's weights: of most of them, and each on average
    card       what its makers say of it (`read_card`), None where they say nothing
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
    n_context: int
    trust_remote_code: bool
    files: Mapping[str, Mapping[str, Any]]
    tried: list[Mapping[str, Any]] = field(default_factory=list)
    manifest: Mapping[str, Any] = field(default_factory=dict)
    n_parameters: int | None = None
    quantised: Mapping[str, Any] | None = None
    card: Mapping[str, Any] | None = None

    @property
    def heads(self) -> list[tuple[int, int]]:
        """Every head as (block, head), block by block."""
        return [(block, head) for block in range(self.n_blocks) for head in range(self.n_heads)]

    def identity(self) -> dict[str, str]:
        """sha256 by name of all that decides what the model computes."""
        return {name: record["sha256"] for name, record in self.files.items()}


def read_prepared(folder: Path) -> Prepared:
    """What is known of the model in a prepared folder; the sizes of its files are checked.

    raises UserError where prepared.json is absent or broken, or a file missing or of another size
    """
    path = Path(folder) / PREPARED_FILE
    try:
        prepared = Prepared(folder=Path(folder), **read_json(path))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run prepare_model, which makes it") from None
    except TypeError as error:
        raise UserError(f"{path}: not a whole record ({error}); delete it and run again") from None
    for name, record in prepared.files.items():
        file = prepared.folder / name
        n_bytes = file.stat().st_size if file.is_file() else None
        if n_bytes != record["n_bytes"]:
            found = "no such file" if n_bytes is None else f"{n_bytes} bytes found"
            raise UserError(
                f"{file}: {found}, {record['n_bytes']} bytes expected; delete {path} and run again"
            )
    return prepared


def check_hashes(prepared: Prepared) -> None:
    """Hash those files of the model that were touched; raises UserError at the first that differs.

    The first step that opens a model reads its files; the next ones only look whether they are as
    they were then.
    """
    remedy = f"delete {prepared.folder / PREPARED_FILE} and run again"
    with known_hashes(prepared.folder / HASHES_FILE) as hash_of:
        for name, record in prepared.files.items():
            check_sha256(prepared.folder / name, record["sha256"], remedy, hash_of)


def check_sha256(
    path: Path,
    expected: str | None,
    remedy: str = "fetch the file again",
    hash_of: HashOf = file_sha256,
) -> str:
    """The sha256 of a file; raises UserError where it is not the expected one."""
    found = hash_of(path)
    if expected is not None and found != expected:
        raise UserError(f"{path}: sha256 {found} found, {expected} expected; {remedy}")
    return found
