"""Which dtype `auto` is, by what a processor and a GPU say of themselves."""

import subprocess
from pathlib import Path

import pytest

from fimscope.models import dtypes
from fimscope.models.dtypes import taken_dtype


@pytest.mark.parametrize(
    ("says", "taken"),
    [
        ("flags\t\t: fpu sse avx512f avx512_bf16\nflags\t\t: fpu avx512_bf16\n", "bfloat16"),
        ("flags\t\t: fpu avx512_bf16\nflags\t\t: fpu avx2\n", "float32"),  # cores of two kinds
        ("flags\t\t: fpu avx512f avx512_vnni\n", "float32"),
        ("Features\t: fp asimd i8mm bf16\n", "bfloat16"),
        ("model name\t: avx512_bf16\n", "float32"),
        (None, "float32"),
    ],
)
def test_a_processor_runs_in_what_it_multiplies_in(tmp_path: Path, monkeypatch, says, taken):
    info = tmp_path / "cpuinfo"
    if says is not None:
        info.write_text(says)
    monkeypatch.setattr(dtypes, "CPU_INFO", info)
    assert taken_dtype("auto", "cpu") == taken
    assert taken_dtype("float16", "cpu") == "float16"


@pytest.mark.parametrize(
    ("says", "taken"),
    [("9.0\n", "bfloat16"), ("8.0\n7.5\n", "float32"), ("[N/A]\n", "bfloat16")],
)
def test_a_gpu_runs_in_what_it_multiplies_in(monkeypatch, says, taken):
    done = subprocess.CompletedProcess([], 0, stdout=says)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    assert taken_dtype("auto", "cuda:0") == taken


def test_all_gpus_of_a_machine_that_has_none_are_its_processor(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(dtypes, "CPU_INFO", tmp_path / "none")
    assert taken_dtype("auto", "auto") == "float32"


@pytest.mark.process
def test_a_gpu_that_this_machine_does_not_see_is_one_of_today(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert taken_dtype("auto", "cuda") == "bfloat16"
