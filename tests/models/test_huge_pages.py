"""A step's large tensors are made of huge pages, where the system gives them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")
MADE = """
from argparse import Namespace
from fimscope.models.options import model_opener
model_opener(Namespace())
import torch
made = torch.ones(64 * 2**20, dtype=torch.uint8)
print(open("/proc/self/smaps_rollup").read())
"""


@pytest.mark.skipif(
    not SETTING.exists() or "[never]" in SETTING.read_text(), reason="the system has no huge pages"
)
def test_a_tensor_of_64_mb_is_made_of_huge_pages():
    done = subprocess.run([sys.executable, "-c", MADE], capture_output=True, text=True, check=True)
    [kb] = re.findall(r"AnonHugePages:\s+(\d+) kB", done.stdout)
    assert int(kb) > 32 * 2**10
