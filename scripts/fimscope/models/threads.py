"""How many threads a step takes that runs a model: as many such steps run beside each other."""

import math
from collections.abc import Sequence
from pathlib import Path

import psutil

ALL, AUTO = "all", "auto"
# Of a control group, as of a container or a job: bytes, or `max`.
MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")
STEP_BYTES = 2_200_000_000  # a step beside its weights: the most in the default study is 2.1 GB
WEIGHTS_TIMES = 4  # weights of two bytes become four, and are there twice while they are loaded


def taken_threads(
    asked: int | str, device: str, cores: int, weights: Sequence[Path], memory: int | None = None
) -> int:
    """The threads of a step that runs the model on this machine, of its `cores`.

    asked    a number, `all`, or `auto`: one thread, as two steps of one thread do more than one of
             two; more where the memory does not hold a step for each core, and all of them where
             the weights are not told beforehand or lie on a GPU
    weights  files of this machine that the model is made of
    memory   bytes of this machine; by default as it says itself
    """
    if asked == AUTO:
        sizes = [path.stat().st_size for path in weights if path.suffix == ".safetensors"]
        if device != "cpu" or not sizes:
            return cores
        each = STEP_BYTES + WEIGHTS_TIMES * sum(sizes)
        at_once = (_memory() if memory is None else memory) // each
        return math.ceil(cores / max(1, min(cores, at_once)))
    return cores if asked == ALL else min(int(asked), cores)


def _memory() -> int:
    """Bytes that this process and its like may have together."""
    total = int(psutil.virtual_memory().total)
    limit = MEMORY_LIMIT.read_text().strip() if MEMORY_LIMIT.is_file() else ""
    return min(total, int(limit)) if limit.isdecimal() else total
