"""The activation cache: what safetensors itself reads, and nothing broken taken for whole."""

import os
import resource

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from fimscope.errors import UserError
from fimscope.files.activation_cache import (
    ActivationCache,
    ActivationWriter,
    index_rows,
    point_file,
)
from fimscope.files.tables import Rows, write_table
from fimscope.prompts.tables import PROMPTS

POSITIONS = ["last", "hole_name"]


def index(n: int) -> list[dict]:
    named = [{"name": name, "index": i} for i, name in enumerate(POSITIONS)]
    return [{"example_id": f"e{i}", "edit": "original", "positions": named} for i in range(n)]


def write(folder, values: torch.Tensor, dtype: str) -> None:
    """values [point, example, position, d_model], written in two batches, the last rows first."""
    writer = ActivationWriter(folder, len(values), tuple(values.shape[1:]), dtype)
    n = values.shape[1]
    writer.put(range(n // 2, n), values[:, n // 2 :])
    writer.put(range(n // 2), values[:, : n // 2])
    writer.complete(index(n), {"step": "test"})


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_safetensors_reads_the_very_bits(tmp_path, dtype):
    values = torch.randn(3, 5, 2, 7, dtype=getattr(torch, dtype))
    values[0, 1, 1] = float("nan")
    write(tmp_path / "cache", values, dtype)
    for point in range(3):
        found = load_file(tmp_path / "cache" / point_file(point))["activations"]
        assert found.dtype == values.dtype
        assert torch.equal(found.view(torch.int8), values[point].view(torch.int8))


def test_a_cache_gives_rows_by_key_and_position(tmp_path):
    values = torch.randn(2, 4, 2, 3)
    write(tmp_path / "cache", values, "float32")
    cache = ActivationCache(tmp_path / "cache")
    assert cache.n_points == 2
    assert cache.rows[("e2", "original")] == 2
    assert torch.equal(cache.read(1, "hole_name"), values[1, :, 1])


def test_only_a_complete_cache_has_its_names(tmp_path):
    writer = ActivationWriter(tmp_path / "cache", 2, (1, 1, 2), "float32")
    writer.put([0], torch.zeros(2, 1, 1, 2))
    with pytest.raises(UserError, match="manifest.json: no such file"):
        ActivationCache(tmp_path / "cache")
    writer.complete(index(1), {})
    ActivationCache(tmp_path / "cache")
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_two_caches_of_the_same_values_are_the_same_bytes(tmp_path):
    values = torch.randn(2, 3, 2, 3)
    for name in "ab":
        write(tmp_path / name, values, "float32")
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


@pytest.mark.parametrize("damage", ["truncated", "one bit", "missing"])
@pytest.mark.parametrize("name", ["point_01.safetensors", "index.parquet"])
def test_a_damaged_file_is_named(tmp_path, damage, name):
    write(tmp_path / "cache", torch.randn(2, 3, 2, 3), "float32")
    path = tmp_path / "cache" / name
    content = np.frombuffer(path.read_bytes(), np.uint8).copy()
    content[-1] ^= 1
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content[:-1].tobytes() if damage == "truncated" else content.tobytes())
    with pytest.raises(UserError, match=name):
        ActivationCache(tmp_path / "cache").read(1, "last")


def test_a_damaged_manifest_is_named(tmp_path):
    write(tmp_path / "cache", torch.randn(2, 3, 2, 3), "float32")
    path = tmp_path / "cache" / "manifest.json"
    path.write_text(path.read_text()[:-30])
    with pytest.raises(UserError, match="manifest.json: damaged"):
        ActivationCache(tmp_path / "cache")


def test_the_index_says_which_positions_a_prompt_lacks(tmp_path):
    row = {
        **dict.fromkeys(("program_id", "gold", "kind", "text", "window"), "x"),
        "example_id": "e0",
        "edit": "original",
        "token_ids": [1, 2],
        "gold_token_ids": [3],
        "positions": [{"name": "last", "index": 1}],
        "regions": [{"kind": "rest", "start": 0, "end": 2}],
        "n_prompt_truncated": 0,
    }
    write_table(tmp_path / "p.parquet", PROMPTS, [row], {})

    rows = list(index_rows(Rows(tmp_path / "p.parquet", PROMPTS), POSITIONS))
    assert rows[0]["positions"] == [
        {"name": "last", "index": 1},
        {"name": "hole_name", "index": None},
    ]


def test_a_disk_without_room_is_named_before_anything_is_computed(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match="File too large") as error:
            ActivationWriter(tmp_path / "cache", 2, (100, 2, 100), "float32")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert error.value.filename.endswith("point_00.safetensors")


def test_a_system_that_cannot_set_room_aside_gets_the_same_file(tmp_path, monkeypatch):
    values = torch.arange(2 * 3 * 2 * 4, dtype=torch.float32).reshape(2, 3, 2, 4)
    write(tmp_path / "here", values, "float32")
    monkeypatch.delattr(os, "posix_fallocate")
    write(tmp_path / "there", values, "float32")
    for point in range(2):
        here, there = (tmp_path / name / point_file(point) for name in ("here", "there"))
        assert here.read_bytes() == there.read_bytes()
