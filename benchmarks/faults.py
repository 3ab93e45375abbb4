"""Disturb a small real study in many ways, and compare what comes out with the undisturbed run's.

    python benchmarks/faults.py --work FOLDER --kills 50 --disks 10 --flips 10

Each trial begins where the undisturbed run stood after a random one of its jobs, meets its fault,
and is run again plainly, for a few jobs more (every fifth one to the report): from equal bytes the
rest would follow as it did before. Finished trials are kept in FOLDER/trials.jsonl: the same
command goes on.
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from fault_study import GOOD, N_JOBS, REFUSED, ROOT, Study, run, settle, start

from fimscope.steps.frame import Progress, log, run_step, step_parser

STEP = re.compile(r"scripts/(\w+)\.py")


@dataclass(frozen=True)
class Trial:
    """What became of one fault.

    fault    its kind
    what     what was disturbed, and how
    ending   one of GOOD, or what must not be
    said     the line of the error that named a file
    """

    fault: str
    number: int
    what: str
    ending: str
    said: str
    seconds: float


def kill(study: Study, draw: random.Random, to_the_end: bool) -> tuple[str, str, str]:
    """SIGKILL of all processes, of one step or of Snakemake alone, at a random time."""
    project = study.rewind(study.begin(draw, to_the_end))
    whom = draw.choice(["all", "all", "step", "snakemake"])
    process = start(project, study.goal)
    wait_for_step(process, n=draw.choice([1, 1, 2, 3]))
    time.sleep(draw.expovariate(1 / 3))
    step = running_step(process)
    if process.poll() is not None:
        return kill(study, draw, to_the_end)  # it had ended: another draw
    if whom == "step" and step is None:
        whom = "all"
    if whom == "all":
        os.killpg(process.pid, signal.SIGKILL)
    elif whom == "step":
        _kill(step.pid)
    else:
        for child in psutil.Process(process.pid).children():
            _kill(child.pid)
    process.wait(600)
    name = STEP.search(" ".join(step.info["cmdline"]))[1] if step else "between steps"
    return f"{whom}: {name}", *settle(study, None)


def wait_for_step(process: subprocess.Popen, n: int) -> None:
    """Until the n-th step of the run begins, or the run is over."""
    seen: set[int] = set()
    while process.poll() is None and len(seen) < n:
        if step := running_step(process):
            seen.add(step.pid)
        time.sleep(0.05)


def running_step(process: subprocess.Popen) -> psutil.Process | None:
    for child in _children(process.pid):
        words = child.info["cmdline"]
        if len(words) > 1 and STEP.search(words[1]):
            return child
    return None


def _children(pid: int) -> Iterator[psutil.Process]:
    """The processes of its session that run something."""
    for process in psutil.process_iter(["cmdline"]):
        try:
            if os.getsid(process.pid) == pid and process.info["cmdline"]:
                yield process
        except ProcessLookupError:
            continue


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def fill_disk(study: Study, draw: random.Random, to_the_end: bool) -> tuple[str, str, str]:
    """A disk (tmpfs) with room for a share of what is still to be written; then one with room."""
    moment = study.begin(draw, to_the_end)
    used = _size(study.rewind(moment))
    needed = sum(
        _pages(study.whole / name)
        for name, written in study.times.items()
        if moment < written <= study.until
    )
    share = draw.uniform(0, 0.9)
    size = f"size={used + int(share * needed) // 4096 * 4096}"
    shutil.rmtree(study.project)
    with mounted(study.project, "-t", "tmpfs", "-o", size, "tmpfs"):
        study.fill(moment)
        disturbed = run(study.project, study.goal)
        if not disturbed.returncode:
            return fill_disk(study, draw, to_the_end)  # there was room for all: another draw
        subprocess.run(["mount", "-o", "remount,size=2g", study.project], check=True)
        what = f"room for {share:.0%} of what was to be written"
        return what, *settle(study, disturbed)


def _size(folder: Path) -> int:
    return sum(map(_pages, folder.rglob("*")))


def _pages(path: Path) -> int:
    """Bytes that a tmpfs needs for a file's content."""
    return -(-path.lstat().st_size // 4096) * 4096 if path.is_file() else 0


@contextmanager
def mounted(folder: Path, *words: str) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", *words, folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


KINDS = {
    "table": lambda name: name.endswith(".parquet") and "/cache/" not in name,
    "activations": lambda name: (
        "/activations/" in name and name.endswith((".safetensors", ".json"))
    ),
    "JSON": lambda name: name.endswith(".json") and "/model/" not in name,
    "part in the cache": lambda name: "/cache/" in name,
    "figure": lambda name: name.endswith(".svg"),
    "file of the model": lambda name: "/model/" in name and not name.endswith("/prepared.json"),
}


def flip(study: Study, draw: random.Random, to_the_end: bool) -> tuple[str, str, str]:
    """One bit flipped, or the end cut off, in a file that the next jobs read; its time stays."""
    kind = draw.choice(list(KINDS))
    name = draw.choice([n for n in study.times if KINDS[kind](n) and "/." not in n])
    written = study.times[name]
    # A part is read by the job that made it, any other file by later ones.
    later = [moment for moment in study.moments[:-1] if moment >= written]
    moment = written if "/cache/" in name else (later or study.moments)[0]
    project = study.rewind(study.begin_at(moment, to_the_end))
    status = (project / name).stat()
    content = bytearray((project / name).read_bytes())
    place = draw.randrange(len(content))
    cut = draw.random() < 0.4
    if cut:
        del content[place:]
    else:
        content[place] ^= 1 << draw.randrange(8)
    (project / name).write_bytes(content)
    os.utime(project / name, ns=(status.st_atime_ns, status.st_mtime_ns))
    return f"{kind}, {'cut' if cut else 'a bit flipped'}: {name}", *settle(study, None)


def make_read_only(study: Study, draw: random.Random, to_the_end: bool) -> tuple[str, str, str]:
    """The results mounted read-only, as a superuser may write in spite of permissions."""
    project = study.rewind(study.begin(draw, to_the_end))
    results = project / "results"
    with mounted(results, "--bind", results):
        subprocess.run(["mount", "-o", "remount,bind,ro", results], check=True)
        disturbed = run(project, study.goal)
    return "read-only results", *settle(study, disturbed)


def set_clock_back(study: Study, draw: random.Random, to_the_end: bool) -> tuple[str, str, str]:
    """All files are of tomorrow: what is made from them now is older than they are."""
    project = study.rewind(study.begin(draw, to_the_end))
    _shift_times(project, 86400)
    disturbed = run(project, study.goal)
    _shift_times(project, -86400)  # the clock is right again
    return "files of tomorrow", *settle(study, disturbed)


def _shift_times(project: Path, seconds: int) -> None:
    """Of all files that are not of the other side of now."""
    now = time.time()
    for path in project.rglob("*"):
        if path.is_file() and not path.is_symlink():
            written = path.stat().st_mtime
            if seconds > 0 or written > now:
                os.utime(path, (written + seconds, written + seconds))


def run_twice(study: Study, draw: random.Random, to_the_end: bool) -> tuple[str, str, str]:
    """A second run in the same folder while the first is at work: the second is refused."""
    project = study.rewind(study.begin(draw, to_the_end))
    first = start(project, study.goal)
    wait_for_step(first, n=1)
    status = start(project, study.goal).wait(600)
    said = (project / "output.txt").read_text(errors="replace")
    if REFUSED.search(said):
        first.wait(3600)
        return "two runs at once", *settle(study, None)
    if status == first.poll() == 0:
        return run_twice(study, draw, to_the_end)  # the first was over before: another draw
    return "two runs at once", "not refused", f"status {status}: {said[-2000:]}"


FAULTS: dict[str, Callable[[Study, random.Random, bool], tuple[str, str, str]]] = {
    "kills": kill,
    "disks": fill_disk,
    "flips": flip,
    "read-only": make_read_only,
    "clocks": set_clock_back,
    "pairs": run_twice,
}


def page(trials: Sequence[Trial], seconds: float, asked: Mapping[str, int]) -> str:
    """The results in Markdown.

    asked   fault -> trials that were asked for
    """
    lines = [
        "# Faults",
        "",
        "Written by `python benchmarks/faults.py`. A study of three packages of real TypeScript "
        f"with the embedded model, one job at a time; undisturbed it took {seconds:.0f} s. Each "
        "trial begins where that run stood after a random one of its jobs, meets one fault, and is "
        f"run again until it ends well, {N_JOBS} jobs on (every fifth one: with the report); where "
        "an error says what to delete, that is deleted. Compared "
        "are the bytes of all tables, activation files and JSON outside the cache.",
        "",
        "| fault | trials | same bytes | stopped, named a file; then same bytes | "
        "left alone, refused by readers | anything else |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for fault, function in FAULTS.items():
        endings = Counter(trial.ending for trial in trials if trial.fault == fault)
        good = [endings.pop(ending, 0) for ending in GOOD]
        total = sum(good) + endings.total()
        what = (function.__doc__ or "").split("\n")[0].rstrip(".")
        if total:
            cells = " | ".join(map(str, [f"{total} of {asked[fault]}", *good, endings.total()]))
            lines.append(f"| {what} | {cells} |")
    lines += ["", "What was disturbed:", "", "| fault | what | trials |", "|---|---|---:|"]
    for (fault, what), n in sorted(Counter((t.fault, _plain(t.what)) for t in trials).items()):
        lines.append(f"| {fault} | {what} | {n} |")
    lines += ["", "What the errors said, one of each kind:", ""]
    named = [trial.said for trial in trials if trial.ending == "named, then same bytes"]
    said = {re.sub(r"\S*/\S*|\d+", "", text): text for text in named}
    lines += [f"- `{text[:300]}`" for text in sorted(said.values())]
    return "\n".join(lines) + "\n"


def _plain(what: str) -> str:
    """Without the file and the share that differ from trial to trial."""
    return re.sub(r": results/\S*$|^room for .*", "", what) or "room for a share of the rest"


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder of the runs and trials")
    for name, n in zip(FAULTS, (50, 10, 10, 2, 2, 2), strict=True):
        parser.add_argument(f"--{name}", type=int, default=n, help="trials")
    parser.add_argument("--seed", type=int, default=0, help="of the faults")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/faults.md")
    with run_step(parser) as args:
        study = Study(args.work.resolve())
        record = args.work / "trials.jsonl"
        lines = record.read_text().splitlines() if record.is_file() else []
        trials = [Trial(**json.loads(line)) for line in lines]
        done = {(trial.fault, trial.number) for trial in trials}
        counts = {fault: getattr(args, fault.replace("-", "_")) for fault in FAULTS}
        asked = [(fault, k) for fault, n in counts.items() for k in range(n)]
        asked.sort(key=lambda trial: (trial[1] + 0.5) / counts[trial[0]])  # all kinds in turns
        progress = Progress("faults", len(asked) - len(done & set(asked)), "trials", 0)
        for fault, number in asked:
            if (fault, number) in done:
                continue
            draw = random.Random(f"{args.seed}/{fault}/{number}")
            started = time.monotonic()
            what, ending, said = FAULTS[fault](study, draw, number % 5 == 4)
            trial = Trial(fault, number, what, ending, said, round(time.monotonic() - started, 1))
            trials.append(trial)
            with record.open("a") as file:
                file.write(json.dumps(asdict(trial)) + "\n")
            log.info("%s %d: %s: %s %s", fault, number, what, ending, said)
            progress.add()
            args.out.write_text(page(trials, study.seconds, counts), encoding="utf-8")


if __name__ == "__main__":
    main()
