"""Wall time, peak memory and loading time of every step, as Snakemake and the logs tell them."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from fimscope.errors import UserError
from fimscope.report.format import percent
from fimscope.report.markdown import code, table
from fimscope.statistics.numbers import Numbers, number

LOADING = re.compile(r"\bloading took ([0-9]+(?:\.[0-9]+)?) s\b")


def timing_numbers(benchmarks: Sequence[Path], logs: Sequence[Path]) -> Numbers:
    """Seconds and megabytes of every step, and of all together.

    benchmarks   folders searched for *.tsv at any depth; the runs of one file are summed
    logs         folders searched for the steps' lines `loading took 1.2 s`, in *.log files with
                 the names of the benchmark files; loading_s is null for a step without one
    raises       UserError where a folder of benchmarks is missing
    """
    loading = {
        name: number(sum(map(float, found)))
        for name, path in _named_files(logs, ".log")
        if (found := LOADING.findall(path.read_text(encoding="utf-8", errors="replace")))
    }
    for folder in benchmarks:
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder; Snakemake's benchmark files are expected")
    steps = [
        {"step": name, **_measures(path), "loading_s": loading.get(name)}
        for name, path in _named_files(benchmarks, ".tsv")
    ]
    logged = [step["loading_s"] for step in steps if step["loading_s"] is not None]
    peaks = [step["peak_mb"] for step in steps if step["peak_mb"] is not None]
    return {
        "steps": steps,
        "wall_s": number(sum(step["wall_s"] for step in steps)),
        "peak_mb": max(peaks, default=None),
        "loading_s": number(sum(logged)) if logged else None,
        "n_loading_logged": len(logged),
    }


def timing_lines(timings: Numbers) -> list[str]:
    """What `timing_numbers` gives, in Markdown."""
    steps = timings["steps"]
    if not steps:
        return ["No benchmark file was found.", ""]
    text = f"All steps together ran for {timings['wall_s']:.0f} s"
    text += "" if timings["peak_mb"] is None else f", with a peak of {timings['peak_mb']:.0f} MB"
    if timings["loading_s"] is None:
        text += "; no step logged its loading time."
    else:
        share = timings["loading_s"] / timings["wall_s"] if timings["wall_s"] else 0
        text += (
            f"; {percent(share)} of that was loading, as logged by "
            f"{timings['n_loading_logged']} of {len(steps)} steps."
        )
    rows = [
        [
            code(step["step"], 60),
            f"{step['wall_s']:.1f}",
            "not measured" if step["peak_mb"] is None else f"{step['peak_mb']:.0f}",
            "not logged" if step["loading_s"] is None else f"{step['loading_s']:.1f}",
        ]
        for step in steps
    ]
    return [text, "", *table(["step", "wall time, s", "peak memory, MB", "loading, s"], rows)]


def _named_files(folders: Sequence[Path], suffix: str) -> Iterator[tuple[str, Path]]:
    """Files with a suffix below the folders, each with its relative name without the suffix."""
    for folder in folders:
        for path in sorted(folder.rglob(f"*{suffix}")):
            yield path.relative_to(folder).with_suffix("").as_posix(), path


def _measures(path: Path) -> Numbers:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    seconds = [value for row in rows if (value := _measured(row, "s")) is not None]
    memory = [value for row in rows if (value := _measured(row, "max_rss")) is not None]
    return {"wall_s": number(sum(seconds)), "peak_mb": number(max(memory)) if memory else None}


def _measured(row: Mapping[str, str], column: str) -> float | None:
    """A figure of a benchmark row; None where Snakemake could not measure it (`-`, `NA`)."""
    try:
        return float(row[column])
    except (KeyError, TypeError, ValueError):
        return None
