"""Fetch a model from the first source that can be reached, and lay it out as one checked folder."""

import argparse
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fimscope.errors import UserError
from fimscope.files.digests import dump_json, file_sha256
from fimscope.files.manifest import run_manifest
from fimscope.models.card import read_card
from fimscope.models.families import find_family
from fimscope.models.gguf_conversion import convert_gguf, join_parts
from fimscope.models.prepared import PREPARED_FILE, check_sha256
from fimscope.models.shapes import check_n_blocks, check_shapes, count_parameters, weight_shapes
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
    parse_sources,
    refuse_remote_code,
    text_files,
    weight_files,
)
from fimscope.prompts.check import check_model
from fimscope.steps.frame import log, run_step, step_parser


def prepare_model(
    sources: list[tuple[Mapping[str, Any], Source]],
    folder: Path,
    trust_remote_code: bool,
    manifest: Mapping[str, Any],
    dtype: str,
    attention: str,
) -> None:
    """Fill `folder` from the first source that can be reached; `prepared.json` is written last.

    It is built under a temporary name and renamed when complete, so a run that is cut short
    leaves nothing that looks complete, and the next one starts anew. What was built is checked
    (`check_model`) on the CPU.

    dtype, attention   in which the study runs it
    raises UserError where no source can be reached, or the one reached is refused
    """
    partial = folder.with_name(f".{folder.name}.partial")
    tried: list[dict[str, Any]] = []
    for entry, source in sources:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            origin = fill_folder(source, partial, trust_remote_code)
            record = describe_folder(partial, trust_remote_code)
            for what, found in check_model(partial, dtype, "cpu", attention, trust_remote_code):
                log.info("%s: %s", what, found)
        except NotReached as reason:
            log.info("%s: %s", _name(entry), reason)
            tried.append({"source": entry, "reason": str(reason)})
            shutil.rmtree(partial)
            continue
        except UserError as error:
            shutil.rmtree(partial)
            raise UserError(str(error).replace(str(partial), _name(entry))) from None
        record |= {"source": entry, **origin, "tried": tried, "manifest": manifest}
        (partial / PREPARED_FILE).write_text(dump_json(record), encoding="utf-8")
        _replace_folder(partial, folder)
        log.info("%s: ready in %s", _name(entry), folder)
        return
    reasons = "; ".join(f"{_name(each['source'])}: {each['reason']}" for each in tried)
    raise UserError(f"model.sources: none of {len(sources)} sources can be reached: {reasons}")


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


def describe_folder(folder: Path, trust_remote_code: bool) -> dict[str, Any]:
    """The sizes of the model, and the hashes of its files, as `prepared.json` has them.

    raises UserError where a weight file is not whole, transformers does not know the config, the
    family is not a supported one, or the weights are not those that the config describes
    """
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig

    names = weight_files(folder)
    weights = weight_shapes([folder / name for name in names if name.endswith(".safetensors")])
    try:
        given = json.loads((folder / "config.json").read_text("utf-8"))
        check_n_blocks(given, weights.total(), "config.json")
        config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
    except (ValueError, KeyError, OSError, RecursionError, StrictDataclassError) as error:
        raise UserError(f"config.json: transformers cannot read it ({one_line(error)})") from error
    find_family(config.model_type, "config.json")
    sizes = config.get_text_config()
    if not trust_remote_code:  # the model's own code may build anything
        check_shapes(config, weights, "config.json")
    names = [*names, *text_files(folder, trust_remote_code)]
    log.info("hashing %d files", len(names))
    return {
        "family": config.model_type,
        "n_blocks": sizes.num_hidden_layers,
        "d_model": sizes.hidden_size,
        "n_heads": sizes.num_attention_heads,
        "vocab_size": sizes.vocab_size,
        "n_context": sizes.max_position_embeddings,
        "n_parameters": count_parameters(weights),
        "trust_remote_code": trust_remote_code,
        "files": {
            name: {"sha256": file_sha256(folder / name), "n_bytes": (folder / name).stat().st_size}
            for name in names
        },
    }


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


def _replace_folder(partial: Path, folder: Path) -> None:
    for path in partial.iterdir():
        if not path.is_symlink():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    partial.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _name(entry: Mapping[str, Any]) -> str:
    kind, value = next(iter(entry.items()))
    return f"{kind} {value[0] if isinstance(value, list) else value}"


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument(
        "--sources",
        required=True,
        help='JSON list tried in order: {"hub", "revision"}, {"folder"}, {"gguf", "sha256"?}, '
        '{"gguf_packages", "sha256"?}',
    )
    parser.add_argument("--root", type=Path, required=True, help="where relative paths start")
    parser.add_argument(
        "--trust-remote-code",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="run the Python code that the model's own repository brings",
    )
    parser.add_argument("--dtype", required=True, help="in which it is checked, as check_model has")
    parser.add_argument("--attention", required=True, help="with which it is checked")
    parser.add_argument("--fingerprint", help="what the source's files hold now, for the manifest")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write")
    with run_step(parser) as args:
        sources = parse_sources(args.sources, args.root)
        run = (args.dtype, args.attention)
        prepare_model(sources, args.out, args.trust_remote_code, run_manifest(args), *run)


if __name__ == "__main__":
    main()
