"""Seconds of several ways to do one thing, in turns, so that a busy machine slows them alike."""

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Way:
    """One way to do a thing.

    run    does it, or a share of it
    share  the part of the whole that `run` does; its seconds are divided by this
    """

    run: Callable[[], object]
    share: float = 1.0


@dataclass(frozen=True)
class Timing:
    """Seconds of the whole, and the most bytes of the GPU that a run had; None on a CPU."""

    seconds: float
    share: float
    peak: int | None = None


def time_ways(ways: Mapping[str, Way], repeats: int, device: torch.device) -> dict[str, Timing]:
    """The least seconds of each way over the repeats; a way that does only a share runs once."""
    best = dict.fromkeys(ways, float("inf"))
    peaks: dict[str, int | None] = dict.fromkeys(ways)
    on_gpu = device.type == "cuda"
    for repeat in range(repeats):
        for name, way in ways.items():
            if repeat and way.share < 1:
                continue
            if on_gpu:
                torch.cuda.reset_peak_memory_stats(device)
            started = time.perf_counter()
            way.run()
            if on_gpu:
                torch.cuda.synchronize(device)
                peaks[name] = torch.cuda.max_memory_allocated(device)
            best[name] = min(best[name], time.perf_counter() - started)
    return {
        name: Timing(best[name] / way.share, way.share, peaks[name]) for name, way in ways.items()
    }


def table(title: str, timings: Mapping[str, Timing], ours: str, bound: str = "") -> list[str]:
    """Markdown lines: seconds of each way, how many times ours it takes, a GPU's memory."""
    on_gpu = timings[ours].peak is not None
    lines = [
        f"### {title}",
        "",
        "| way | seconds | times ours |" + " peak, GB |" * on_gpu,
        "|---|---:|---:|" + "---:|" * on_gpu,
    ]
    for name, timing in timings.items():
        part = "" if timing.share == 1 else f" (from {timing.share:.2g} of it)"
        ratio = timing.seconds / timings[ours].seconds
        shown = f"**{name}**" if name == ours else name
        memory = "" if timing.peak is None else f" {timing.peak / 1e9:.2f} |"
        lines.append(f"| {shown}{part} | {timing.seconds:.3g} | {ratio:.3g} |{memory}")
    return [*lines, "", *([bound, ""] if bound else [])]


def machine(device: torch.device, threads: int) -> str:
    """What the figures were taken on."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    names = [
        line.split(":")[1].strip()
        for line in _lines(Path("/proc/cpuinfo"))
        if line.startswith("model name")
    ]
    return f"{names[0] if names else platform.machine()}, {threads} thread(s)"


def _lines(path: Path) -> Sequence[str]:
    return path.read_text().splitlines() if path.is_file() else []
