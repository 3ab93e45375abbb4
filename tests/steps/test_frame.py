"""What a step says when the machine fails it: one line, exit status 1, no traceback."""

import errno
import os
import sys

import pyarrow as pa
import pytest
import torch

from fimscope.steps.frame import machine_error, run_step, step_parser

ERRORS = {
    "No space left on device": OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a/table.parquet"),
    "ulimit -n": OSError(errno.EMFILE, os.strerror(errno.EMFILE), "a/table.parquet"),
    "ulimit -v": MemoryError(),
    "out of memory": pa.ArrowMemoryError("malloc of size 12345 failed"),
    "lower predict.batch_tokens": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"),
    "libtorch_cpu.so": ImportError(
        "libtorch_cpu.so: failed to map segment from shared object", name="torch"
    ),
    "start new thread": RuntimeError("can't start new thread"),
    "[Errno 12]": OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
}


@pytest.mark.parametrize(("words", "error"), ERRORS.items(), ids=ERRORS)
def test_what_the_machine_lacks_is_one_line(monkeypatch, capsys, words, error):
    monkeypatch.setattr(sys, "argv", ["step.py"])
    with pytest.raises(SystemExit) as ended, run_step(step_parser("a step")):
        raise error
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert words in said
    assert "run the same command again" in said
    assert said.count("\n") == 1


def test_what_torch_itself_says_of_too_much_memory():
    with pytest.raises(RuntimeError) as error:
        torch.empty(1 << 46)
    assert "give it more" in machine_error(error.value)


@pytest.mark.parametrize("error", [RuntimeError("a bug"), ImportError("no x"), KeyError("a")])
def test_a_fault_of_the_program_keeps_its_traceback(error):
    assert machine_error(error) is None
