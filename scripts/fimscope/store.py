"""Cached activations on disk: one safetensors file per point, an index, a manifest.

    point_00.safetensors ..   one tensor "activations" [example, position, d_model] a point
    index.parquet             the rows in order, with the token index of every position
    manifest.json             shape, dtype, sha256 of every file; written last

The files are filled batch by batch through a memory map under a temporary name, so that neither the
number of examples nor the number of points decides how much memory the writer needs.
"""

import json
import os
import shutil
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from fimscope.digests import dump_json, read_json
from fimscope.errors import UserError
from fimscope.manifest import file_sha256
from fimscope.tables import read_table, replacing, write_table

if TYPE_CHECKING:
    import torch

TENSOR = "activations"
_SAFETENSORS_DTYPES = {"float32": "F32", "bfloat16": "BF16", "float16": "F16"}


def point_file(point: int) -> str:
    """The name of a point's file: point_00.safetensors for what enters block 0."""
    return f"point_{point:02d}.safetensors"


class ActivationWriter:
    """Writes the activations of every point, rows in any order; complete() gives them their names.

    n_points, n_examples, n_positions, d_model   the sizes of the whole cache
    dtype                                         "float32", "bfloat16" or "float16"
    """

    def __init__(
        self, folder: Path, n_points: int, shape: tuple[int, int, int], dtype: str
    ) -> None:
        self.folder, self.shape, self.dtype = folder, shape, dtype
        self.partial = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(self.partial, ignore_errors=True)
        self.partial.mkdir(parents=True)
        self._maps = [
            _create(self.partial / point_file(point), shape, dtype) for point in range(n_points)
        ]

    def put(self, rows: Sequence[int], values: "torch.Tensor") -> None:
        """Store values [point, row, position, d_model], in the store's dtype, as these rows."""
        import torch

        bits = torch.int32 if self.dtype == "float32" else torch.int16
        raw = values.contiguous().cpu().view(bits).numpy()
        for point, memory in enumerate(self._maps):
            memory[list(rows)] = raw[point]

    def complete(self, index: Sequence[Mapping[str, Any]], manifest: Mapping[str, Any]) -> None:
        """Write index and manifest and move everything in place, the manifest last."""
        n_points = len(self._maps)
        for memory in self._maps:
            memory.flush()
        self._maps.clear()
        write_table(self.partial / "index.parquet", "activation_index", index, manifest)
        names = [point_file(point) for point in range(n_points)] + ["index.parquet"]
        content = {
            "n_points": n_points,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "files": {name: file_sha256(self.partial / name) for name in names},
            "run": manifest,
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "manifest.json").unlink(missing_ok=True)
        for name in names:
            (self.partial / name).replace(self.folder / name)
        with replacing(self.folder / "manifest.json") as temporary:
            temporary.write_text(dump_json(content), encoding="utf-8")
        shutil.rmtree(self.partial)


class ActivationCache:
    """A complete cache, read by memory map.

    rows   (example_id, edit) -> row
    raises UserError that names the file where one is missing, truncated or edited
    """

    def __init__(self, folder: Path):
        self.folder = folder
        path = folder / "manifest.json"
        try:
            self.manifest = read_json(path)
            self.shape = tuple(self.manifest["shape"])
            self.n_points = self.manifest["n_points"]
        except FileNotFoundError:
            raise UserError(f"{path}: no such file; run cache_activations") from None
        except (KeyError, TypeError) as error:
            raise UserError(f"{path}: not a whole manifest ({error}); run it again") from None
        self._whole: set[str] = set()
        self._check("index.parquet")
        index = read_table(folder / "index.parquet", "activation_index")
        self.positions = [p["name"] for p in index["positions"][0].as_py()] if len(index) else []
        keys = zip(index["example_id"].to_pylist(), index["edit"].to_pylist(), strict=True)
        self.rows = {key: row for row, key in enumerate(keys)}

    def read(self, point: int, position: str) -> "torch.Tensor":
        """All rows of one point at one position: [example, d_model] in the model's dtype."""
        from safetensors import safe_open

        name = point_file(point)
        self._check(name)
        with safe_open(self.folder / name, framework="pt") as file:
            return file.get_slice(TENSOR)[:, self.positions.index(position)]

    def _check(self, name: str) -> None:
        """raises UserError where a file is not what was written; it is hashed once."""
        if name in self._whole:
            return
        path = self.folder / name
        if not path.is_file():
            raise UserError(f"{path}: missing; delete {self.folder} and run again")
        if file_sha256(path) != self.manifest["files"].get(name):
            raise UserError(
                f"{path}: damaged since it was written; delete {self.folder} and run again"
            )
        self._whole.add(name)


def _create(path: Path, shape: tuple[int, int, int], dtype: str) -> np.memmap:
    """An empty safetensors file of one tensor, and a writable map of its values' raw bits."""
    bits = np.dtype(np.int32 if dtype == "float32" else np.int16)
    n_bytes = int(np.prod(shape)) * bits.itemsize
    entry = {"dtype": _SAFETENSORS_DTYPES[dtype], "shape": shape, "data_offsets": [0, n_bytes]}
    header = json.dumps({TENSOR: entry}).encode()
    header += b" " * (-len(header) % 8)
    with path.open("wb") as file:
        try:
            file.write(struct.pack("<Q", len(header)) + header)
            file.flush()
            # Room on the disk now: where it is full later, a write through the map ends the step.
            os.posix_fallocate(file.fileno(), 0, 8 + len(header) + n_bytes)
        except OSError as error:
            error.filename = str(path)
            raise
    return np.memmap(path, dtype=bits, mode="r+", offset=8 + len(header), shape=shape)


def index_rows(prompts: pa.Table, positions: Sequence[str]) -> list[dict[str, Any]]:
    """The index of a cache: each prompt's key and the token index of the positions it holds.

    A position that a prompt lacks has index null, and its activations are NaN.
    """
    rows = []
    for prompt in prompts.select(["example_id", "edit", "positions"]).to_pylist():
        found = {p["name"]: p["index"] for p in prompt["positions"]}
        named = [{"name": name, "index": found.get(name)} for name in positions]
        rows.append(
            {"example_id": prompt["example_id"], "edit": prompt["edit"], "positions": named}
        )
    return rows
