"""The core where model and CPU are two devices, without a GPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


@pytest.mark.process
def test_the_core_mixes_no_tensors_of_two_devices():
    paths = os.pathsep.join(map(str, (TESTS / "helpers", TESTS.parent / "scripts")))
    program = [sys.executable, str(TESTS / "helpers/on_pretend_device.py")]
    done = subprocess.run(
        program, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
