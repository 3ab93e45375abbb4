"""The number formats that a model runs in, and which of them a machine is quick in."""

import re
import shutil
import subprocess
from pathlib import Path

AUTO = "auto"
CPU_INFO = Path("/proc/cpuinfo")
# Of x86 and ARM: the instructions that multiply in bfloat16, as Linux names them.
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
BFLOAT16_GPU = 8.0  # compute capability: Ampere, 2020


def taken_dtype(dtype: str, device: str) -> str:
    """The dtype that a model runs in on this machine: as asked, but of `auto` what is quick here.

    That is bfloat16 where the device multiplies in it in hardware, else float32. Asked without
    torch, in milliseconds. A GPU that is named and that this machine does not see is taken
    for one of today's.
    """
    if dtype != AUTO:
        return dtype
    on_cpu = device == "cpu" or (device == "auto" and shutil.which("nvidia-smi") is None)
    return "bfloat16" if (_cpu_has if on_cpu else _gpus_have)() else "float32"


def _cpu_has() -> bool:
    if not CPU_INFO.is_file():
        return False
    words = re.findall(r"(?m)^(?:flags|Features)\s*:(.*)$", CPU_INFO.read_text(errors="replace"))
    return bool(words) and all(BFLOAT16_FLAGS & set(line.split()) for line in words)


def _gpus_have() -> bool:
    asked = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=True)
        return all(float(line) >= BFLOAT16_GPU for line in done.stdout.split())
    except (OSError, ValueError, subprocess.SubprocessError):
        return True
