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
TRUSTED = 30.0  # seconds of work when a run's own speed counts as much as the one that was expected
# As `fimscope.steps.frame.Progress` says it.
SAID = re.compile(r", (?:(\d+) h )?(?:(\d+) min)? ?(?:(\d+) s)? left$")


@dataclass(frozen=True)
class Step:
    """A step that a run will make.

    name     `sweep_patches/restore`, as its log is named
    seconds  that it takes, as far as one can know
    later    the jobs of the steps that wait for it
    asks     whether it runs the model, whose speed is another's than that of the rest
    log      the file that it says in how far it is
    """

    name: str
    seconds: float
    later: tuple[int, ...] = ()
    asks: bool = False
    log: Path | None = None


@dataclass(frozen=True)
class Work:
    """A step at work: the seconds since it began, and those that its log says it has left."""

    age: float
    left: float | None = None


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

    A study of other sizes, `demo-mine`, has those of the one that its name begins with; one whose
    seconds were not taken has those of the default study. A kind of step that was not in that run
    takes as much longer than in the default study as those that are in both.
    """
    default = read_json(SECONDS)
    known = {path.stem.partition("-")[2]: path for path in SECONDS.parent.glob("seconds-*.json")}
    own = [name for name in known if f"{study}-".startswith(f"{name}-")]
    if not own:
        return default
    found = read_json(known[max(own, key=len)])
    both = found.keys() & default.keys()
    slower = sum(found[kind] for kind in both) / sum(default[kind] for kind in both)
    return {kind: round(slower * seconds, 1) for kind, seconds in default.items()} | found


def _kind(name: str) -> tuple[str, int]:
    """The step without its wildcards, a shard apart, and how many shards there are."""
    shard = re.search(r"-of-(\d+)$", name)
    step = name.split("/")[0]
    return (f"{step} in shards", int(shard[1])) if shard else (step, 1)


def seconds_left(
    steps: Mapping[int, Step],
    ended: Mapping[int, float],
    running: Mapping[int, Work],
    elapsed: float,
    cores: int,
) -> float:
    """The seconds until the last step ends.

    steps     job -> step, all of the run
    ended     job -> the seconds that it took
    running   job -> how far it is
    elapsed   seconds since the run began

    All the work that is left, by as many steps at once as there have been, or the longest chain of
    steps that is left: whichever is longer. A step that has not begun takes what was expected, by
    the speed that steps of its kind, with the model or without, had in this run, once they have run
    for a while. One at work has left what its log says or what was expected; one that takes longer,
    a share of its age more.
    """
    at_work = {job: _left_of(steps[job], work) for job, work in running.items()}
    ages = {job: work.age for job, work in running.items()} | ended
    known_left = at_work | dict.fromkeys(ended, 0.0)
    begun = [(steps[job], ages[job], known_left[job]) for job in ages]
    speed = {asks: _speed(own for own in begun if own[0].asks == asks) for asks in (False, True)}
    left = {job: step.seconds / speed[step.asks] for job, step in steps.items()} | known_left
    chains: dict[int, float] = {}

    def chain(job: int) -> float:
        if job not in chains:
            chains[job] = left[job] + max(map(chain, steps[job].later), default=0.0)
        return chains[job]

    at_once = (TRUSTED * cores + sum(ages.values())) / (TRUSTED + elapsed)
    return max(sum(left.values()) / at_once, max(map(chain, steps), default=0.0))


def _speed(begun: Iterable[tuple[Step, float, float]]) -> float:
    """Expected seconds a second, of steps with the seconds that they have taken and have left."""
    done = took = 0.0
    for step, age, left in begun:
        done += step.seconds * age / (age + left) if age else 0.0
        took += age
    return (TRUSTED + done) / (TRUSTED + took)


def _left_of(step: Step, work: Work) -> float:
    return max(step.seconds - work.age, OVERDUE * work.age, work.left or 0.0, 1.0)


def seconds_said(text: str, since: float) -> float | None:
    """What a step's log says last that it has left; None where it does not say.

    text    the end of the log
    since   seconds since it was written
    """
    last = text.rstrip().rpartition("\n")[2]
    if not (found := SAID.search(last)):
        return None
    hours, minutes, seconds = (int(each or 0) for each in found.groups())
    return max(3600 * hours + 60 * minutes + seconds - since, 0.0)


def say_seconds(seconds: float) -> str:
    """A time to come, no finer than one can know it."""
    if seconds < 60:
        return "under a minute"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
