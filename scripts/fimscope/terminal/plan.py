"""How long the rest of a run takes: what its steps cost, what waits for what, how fast it went."""

import csv
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from fimscope.files.digests import read_json

SECONDS = Path(__file__).with_name("seconds.json")  # of a whole default study, by kind of step
UNKNOWN = 5.0  # seconds of a step that nothing is known of
OVERDUE = 0.2  # of its age that a step goes on once it has taken as long as it should
TRUSTED = 30.0  # seconds into a run when its own rate counts as much as the one that was expected


@dataclass(frozen=True)
class Step:
    """A step that a run will make.

    name      `sweep_patches/restore`, as its log is named
    seconds   that it takes, as far as one can know
    after     seconds of the longest chain that begins with it: no machine ends it sooner
    """

    name: str
    seconds: float
    after: float


def expected_seconds(name: str, benchmark: Path | None, known: Mapping[str, float]) -> float:
    """What a step takes: as long as the last time, else as long as its kind.

    benchmark   what Snakemake wrote of the step's last run, if it did
    known       of `seconds_by_kind`
    """
    if benchmark is not None:
        with suppress(OSError, ValueError, KeyError, StopIteration):
            rows = benchmark.read_text(encoding="utf-8").splitlines()
            return float(next(csv.DictReader(rows, delimiter="\t"))["s"])
    kind, n_shards = _kind(name)
    return known.get(kind, UNKNOWN) / n_shards


def seconds_by_kind(steps: Iterable[Mapping[str, float | str]]) -> dict[str, float]:
    """The mean seconds of each kind of step; of a step in shards, of all its shards together.

    steps   as `fimscope.report.timings` gives them: {"step": "read_prompts/original/1-of-2",
            "wall_s": 35.1}
    """
    found: dict[str, list[float]] = {}
    for step in steps:
        kind, n_shards = _kind(str(step["step"]))
        found.setdefault(kind, []).append(n_shards * float(step["wall_s"]))
    return {kind: round(mean(seconds), 1) for kind, seconds in sorted(found.items())}


def known_seconds(study: str = "") -> dict[str, float]:
    """The seconds by kind that scripts/write_seconds.py took from a run of a study.

    Of one whose seconds were not taken, as of all but the demo, those of the default study.
    """
    own = SECONDS.with_name(f"seconds-{study}.json")
    return read_json(own if own.is_file() else SECONDS)


def _kind(name: str) -> tuple[str, int]:
    """The step without its wildcards, a shard apart, and how many shards there are."""
    shard = re.search(r"-of-(\d+)$", name)
    step = name.split("/")[0]
    return (f"{step} in shards", int(shard[1])) if shard else (step, 1)


def seconds_left(
    waiting: Iterable[Step],
    running: Mapping[Step, float],
    done: float,
    spent: float,
    elapsed: float,
    cores: int,
) -> float:
    """The seconds until the last step ends.

    waiting   steps that have not begun
    running   steps at work -> seconds since they began
    done      expected seconds of the steps that have ended
    spent     seconds that these have taken
    elapsed   seconds since the run began

    All the work that is left, at the rate at which work has been done, or the longest chain of
    steps that is left, at the speed of one step: whichever is longer. Rate and speed are those of
    this run, once it has run for a while; before that, expected seconds go by on each core as
    seconds do. A step that takes longer than expected is thought to take a share of its age more.
    """
    waiting = list(waiting)
    begun = {step: min(step.seconds, age) for step, age in running.items()}
    left = {step: max(step.seconds - age, OVERDUE * age) for step, age in running.items()}
    rate = (TRUSTED * cores + done + sum(begun.values())) / (TRUSTED + elapsed)
    speed = (TRUSTED + done) / (TRUSTED + spent)
    work = sum(step.seconds for step in waiting) + sum(left.values())
    chains = [step.after for step in waiting]
    chains += [step.after - step.seconds + own for step, own in left.items()]
    return max(work / rate, max(chains, default=0) / speed)


def say_seconds(seconds: float) -> str:
    """A time to come, no finer than one can know it."""
    if seconds < 60:
        return "under a minute"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
