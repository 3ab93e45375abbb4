"""Memory that a step's tensors give back serves the next ones."""

import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.process

PAGES = 10_000  # of a block of 40 MB
FAULTS = """
import ctypes, resource
from fimscope.models.allocator import keep_freed_memory

{prepare}
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
size = 40_960_000

def use():
    block = libc.malloc(size)
    ctypes.memset(block, 1, size)
    libc.free(block)

use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(prepare: str) -> int:
    """Pages that the system had to give while a block was taken, written and freed five times."""
    command = [sys.executable, "-c", FAULTS.format(prepare=prepare)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these settings")
def test_a_freed_block_is_taken_again_and_not_asked_of_the_system():
    # Huge pages make fewer faults of as many bytes.
    assert faults("keep_freed_memory()") < faults("") / 4
    assert faults("keep_freed_memory()") < PAGES / 4
