"""How many steps of a model run beside each other, by its weights and the machine's memory."""

import os
from pathlib import Path

import pytest

from fimscope.models import threads
from fimscope.models.threads import taken_threads

GB = 10**9


def weights_of(folder: Path, size: int, name: str = "model.safetensors") -> list[Path]:
    """Files of a model, its weights of so many bytes, none of them on the disk."""
    (folder / "config.json").touch()
    (folder / name).touch()
    os.truncate(folder / name, size)
    return [folder / "config.json", folder / name]


@pytest.mark.parametrize(
    ("size", "cores", "memory", "taken"),
    [
        (11_000_000, 2, 8 * GB, 1),
        (11_000_000, 2, 4 * GB, 2),  # a second step would leave nothing for the rest
        (11_000_000, 8, 8 * GB, 3),  # three at once would fit, not four
        (11_000_000, 8, 64 * GB, 1),
        (11_000_000, 1, 1 * GB, 1),
        (3 * GB, 2, 8 * GB, 2),
        (3 * GB, 16, 64 * GB, 4),
    ],
)
def test_a_step_for_each_core_where_the_memory_holds_them(tmp_path, size, cores, memory, taken):
    files = weights_of(tmp_path, size)
    assert taken_threads("auto", "cpu", cores, files, memory) == taken


def test_all_cores_on_a_gpu_or_where_the_weights_are_not_known(tmp_path):
    assert taken_threads("auto", "cuda", 8, weights_of(tmp_path, GB), 64 * GB) == 8
    assert taken_threads("auto", "cpu", 8, [], 64 * GB) == 8
    (tmp_path / "gguf").mkdir()
    packed = weights_of(tmp_path / "gguf", GB, "model.gguf")
    assert taken_threads("auto", "cpu", 8, packed, 64 * GB) == 8


def test_what_is_asked_for_counts_whatever_the_memory(tmp_path):
    files = weights_of(tmp_path, 3 * GB)
    assert taken_threads("all", "cpu", 8, files, GB) == 8
    assert taken_threads(2, "cpu", 8, files, GB) == 2
    assert taken_threads(16, "cpu", 8, files, GB) == 8


@pytest.mark.parametrize(("limit", "taken"), [("4000000000\n", 2), ("max\n", 1), (None, 1)])
def test_a_container_has_the_memory_that_it_is_given(tmp_path, monkeypatch, limit, taken):
    said = tmp_path / "memory.max"
    if limit is not None:
        said.write_text(limit)
    monkeypatch.setattr(threads, "MEMORY_LIMIT", said)
    monkeypatch.setattr(threads.psutil, "virtual_memory", lambda: type("", (), {"total": 64 * GB}))
    assert taken_threads("auto", "cpu", 2, weights_of(tmp_path, 11_000_000)) == taken
