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
from fimscope.models.families import find_family
from fimscope.models.layout import fill_folder
from fimscope.models.prepared import PREPARED_FILE
from fimscope.models.shapes import check_n_blocks, check_shapes, count_parameters, weight_shapes
from fimscope.models.sources import (
    NotReached,
    Source,
    one_line,
    parse_sources,
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


def describe_folder(folder: Path, trust_remote_code: bool) -> dict[str, Any]:
    """The sizes of the model, and the hashes of its files, as `prepared.json` has them.

    raises UserError where a weight file is not whole, transformers does not know the config, its
    type is a refused one, or the weights are not those that the config describes
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
