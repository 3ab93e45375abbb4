"""How a step keeps the memory that its tensors give back."""

import ctypes

# Of glibc's malloc.h: free memory at the heap's end above the first goes back to the system, and
# blocks above the second come from it one by one and go back at once.
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
LARGEST = 2**31 - 1  # bytes, the most that mallopt takes


def keep_freed_memory() -> None:
    """Let freed tensors' memory serve the next ones, where the C library is glibc.

    Else each tensor of more than 32 MB is made of pages that the system clears first: in a forward
    of a large model a third of the time of its MLPs.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, LARGEST)
        mallopt(TRIM_THRESHOLD, LARGEST)
