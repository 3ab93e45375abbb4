"""The models that have been run, found in the folder of results, and what is known of them."""

import json
import math
import struct
from pathlib import Path

from fimscope.errors import UserError


def models_that_ran(results: Path, edit: str) -> list[str]:
    """The names of all models that have answered the original and the edit."""
    return [
        folder.name
        for folder in (sorted(results.iterdir()) if results.is_dir() else [])
        if all((folder / f"predictions/{name}.parquet").is_file() for name in ("original", edit))
    ]


def count_parameters(folder: Path) -> int:
    """How many numbers the safetensors files of a model's folder hold; tied ones count once.

    raises UserError where the folder has no such file, or one of them is not whole
    """
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        raise UserError(f"{folder}: no *.safetensors file; run prepare_model")
    return sum(_count_in(path) for path in paths)


def _count_in(path: Path) -> int:
    """By the header alone: its length in eight bytes, then JSON with the shape of each tensor."""
    try:
        with path.open("rb") as file:
            [length] = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length))
    except (struct.error, ValueError, MemoryError) as error:
        raise UserError(
            f"{path}: not a safetensors file ({error}); fetch the model again"
        ) from None
    return sum(math.prod(item["shape"]) for name, item in header.items() if name != "__metadata__")
