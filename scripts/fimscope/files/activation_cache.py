"""Cached activations on disk: one safetensors file per point, an index, a manifest.

    point_00.safetensors ..   one tensor "activations" [example, position, d_model] a point
    index.parquet             the rows in order, with the token index of every position
    manifest.json             shape, dtype, sha256 of every file; written last

The files are written batch by batch under a temporary name, and read by memory map, so that neither
the number of examples nor the number of points decides how much memory a step needs. The writer has
no map: what a process writes through one counts as its memory until the disk has it.
"""

import json
import os
import shutil
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa

from fimscope.errors import UserError
from fimscope.files.atomic import replacing
from fimscope.files.columns import POSITION, VARIANT_KEY
from fimscope.files.digests import dump_json, file_sha256, read_json
from fimscope.files.tables import Table, read_table, stream_table

if TYPE_CHECKING:
    import torch

ACTIVATION_INDEX = Table(
    "activation_index",
    [
        *VARIANT_KEY,
        ("positions", pa.list_(POSITION)),
    ],
    place="{study}/activations/{edit}/index.parquet",
    row="a row of the activations' tensors, in their order",
)
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
        self._files = [
            _create(self.partial / point_file(point), shape, dtype) for point in range(n_points)
        ]

    def put(self, rows: Sequence[int], values: "torch.Tensor") -> None:
        """Store values [point, row, position, d_model], in the store's dtype, as these rows."""
        import torch

        bits = torch.int32 if self.dtype == "float32" else torch.int16
        raw = values.contiguous().cpu().view(bits).numpy()
        for file, of_point in zip(self._files, raw, strict=True):
            for row, content in zip(rows, of_point, strict=True):
                file.seek((row - self.shape[0]) * content.nbytes, os.SEEK_END)
                file.write(content)

    def complete(self, index: Iterable[Mapping[str, Any]], manifest: Mapping[str, Any]) -> None:
        """Write index and manifest and move everything in place, the manifest last."""
        n_points = len(self._files)
        for file in self._files:
            file.flush()
            os.fsync(file.fileno())
            file.close()
        stream_table(self.partial / "index.parquet", ACTIVATION_INDEX, index, manifest)
        names = [point_file(point) for point in range(n_points)] + ["index.parquet"]
        content = {
            "n_points": n_points,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "files": {name: file_sha256(self.partial / name) for name in names},
            "manifest": manifest,
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
        index = read_table(folder / "index.parquet", ACTIVATION_INDEX)
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


class LastResiduals:
    """The residuals at the last token of every prompt of some caches, at some points.

    values   [point, row, d_model], in the model's dtype; cache by cache
    """

    def __init__(self, caches: Sequence[ActivationCache], points: Iterable[int]):
        import torch

        keys = [key for cache in caches for key in cache.rows]
        self._rows = {key: row for row, key in enumerate(keys)}
        self.values = torch.stack(
            [torch.cat([cache.read(point, "last") for cache in caches]) for point in points]
        )

    def of(self, keys: Iterable[tuple[str, str]]) -> "torch.Tensor":
        """[point, key, d_model], of (example_id, edit) each."""
        return self.values[:, [self._rows[key] for key in keys]]


def _create(path: Path, shape: tuple[int, int, int], dtype: str) -> BinaryIO:
    """A safetensors file of one tensor, open, its values at the end and still to be written."""
    n_bytes = prod(shape) * (4 if dtype == "float32" else 2)
    entry = {"dtype": _SAFETENSORS_DTYPES[dtype], "shape": shape, "data_offsets": [0, n_bytes]}
    header = json.dumps({TENSOR: entry}).encode()
    header += b" " * (-len(header) % 8)
    file = path.open("wb")
    try:
        file.write(struct.pack("<Q", len(header)) + header)
        file.flush()
        size = 8 + len(header) + n_bytes
        file.truncate(size)  # rows are found from the end
        # Room on the disk now, not after hours of work; macOS has no such call.
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        file.close()
        error.filename = str(path)
        raise
    return file


def index_rows(
    prompts: Iterable[Mapping[str, Any]], positions: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """The index of a cache: each prompt's key and the token index of the positions it holds.

    A position that a prompt lacks has index null, and its activations are NaN.
    """
    for prompt in prompts:
        named = zip(positions, find_positions(prompt, positions), strict=True)
        yield {
            "example_id": prompt["example_id"],
            "edit": prompt["edit"],
            "positions": [{"name": name, "index": index} for name, index in named],
        }


def find_positions(prompt: Mapping[str, Any], positions: Sequence[str]) -> list[int | None]:
    """The token index of each position in a prompt, None where it lacks the position."""
    found = {p["name"]: p["index"] for p in prompt["positions"]}
    return [found.get(name) for name in positions]
