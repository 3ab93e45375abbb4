"""Disturb a small real study in many ways, and compare what comes out with the undisturbed run's.

    python benchmarks/faults.py --work FOLDER --kills 50 --disks 10 --flips 10

Each trial begins where the undisturbed run stood after a random one of its jobs, meets its fault,
and is run again plainly, for a few jobs more (every fifth one to the report): from equal bytes the
rest would follow as it did before. Finished trials are kept in FOLDER/trials.jsonl: the same
command goes on.
"""

import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from fimscope.digests import check_parquet, read_json
from fimscope.errors import UserError
from fimscope.manifest import file_sha256
from fimscope.models.prepared import check_hashes, read_prepared
from fimscope.steps import Progress, log, run_step, step_parser
from fimscope.store import ActivationCache

COPIED = ("Snakefile", "rules", "scripts", "config", "profiles", "models/embedded")
LINKED = ("package.json", "package-lock.json", "node_modules")
STUDY = {
    "source": [
        {
            "kind": "npm",
            "packages": ["@noble/hashes@2.4.0", "ml-spectra-processing@14.35.1", "rxjs@7.8.2"],
        }
    ],
    "programs": {"per_package": 5},
    "examples": {"per_program": 3},
    "prompt": {"max_tokens": 128},
    "activations": {"positions": ["last"]},
    "patch": {"conditions": ["restore", "break", "same_type"], "max_pairs": 6},
    "experiments": ["patches"],
    "statistics": {"draws": 200},
}
# As `make run` calls it: a lock that ends with the processes that hold it.
LOCK = ("flock", "--nonblock", "--conflict-exit-code", "75", "lock")
COMMAND = (
    *(sys.executable, "-m", "snakemake", "--profile", "profiles/default", "--nolock"),
    *("--configfile", "study.yaml", "--cores", "1"),
)
LOCKED = 75
N_JOBS = 6  # that a trial goes on for
GOOD = ("same bytes", "named, then same bytes", "refused by readers")
STEP = re.compile(r"scripts/(\w+)\.py")
# An error that names a file: a step's, or Snakemake's on clocks and on what it cannot write.
NAMING = re.compile(
    r"results[/:].* again$|^Output results/\S+ has older modification time"
    r"|Read-only file system: .results/"
)


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


class Study:
    """A project folder in which the study runs, and the undisturbed run of it beside.

    moments   times at which the undisturbed run, one job at a time, had finished its jobs
    goal      the files that a trial asks for; none: the report
    until     when the undisturbed run had made them
    """

    def __init__(self, work: Path):
        self.whole, self.project = work / "whole", work / "project"
        if not (self.whole / "done").is_file():
            shutil.rmtree(self.whole, ignore_errors=True)
            _copy_project(self.whole)
            started = time.monotonic()
            done = run(self.whole)
            if done.returncode:
                sys.exit(done.stdout[-4000:])
            (self.whole / "done").write_text(f"{time.monotonic() - started:.0f}")
        self.seconds = float((self.whole / "done").read_text())
        benchmarks = self.whole.glob("results/*/benchmarks/**/*.tsv")
        self.moments = sorted(path.stat().st_mtime for path in benchmarks)
        self.times = {
            path.relative_to(self.whole).as_posix(): path.stat().st_mtime
            for path in self.whole.glob("results/**/*")
            if path.is_file()
        }
        self.bytes = final_bytes(self.whole)
        self.goal: list[str] = []
        self.expected = self.bytes
        self.until = self.moments[-1]

    def begin(self, draw: random.Random, to_the_end: bool) -> float:
        """Choose the moment at which a trial begins, and its goal."""
        k = draw.randrange(-1, len(self.moments) - 2)
        return self.begin_at(self.moments[k] if k >= 0 else 0.0, to_the_end)

    def begin_at(self, moment: float, to_the_end: bool) -> float:
        later = [end for end in self.moments if end > moment]
        until = self.until = self.moments[-1] if to_the_end else later[:N_JOBS][-1]
        whole = until == self.moments[-1]
        self.goal = (
            []
            if whole
            else [
                name
                for name, written in self.times.items()
                if moment < written <= until and _is_output(name)
            ]
        )
        self.expected = {
            name: digest
            for name, digest in self.bytes.items()
            if whole or self.times[name] <= until
        }
        return moment

    def rewind(self, moment: float) -> Path:
        """A fresh copy of the project as it stood then: files and parts of later jobs are gone."""
        shutil.rmtree(self.project, ignore_errors=True)
        return self.fill(moment)

    def fill(self, moment: float) -> Path:
        def later(folder: str, names: list[str]) -> list[str]:
            paths = {name: (Path(folder) / name).relative_to(self.whole) for name in names}
            return [n for n, path in paths.items() if self.times.get(path.as_posix(), 0) > moment]

        shutil.copytree(self.whole, self.project, symlinks=True, dirs_exist_ok=True, ignore=later)
        return self.project


def _is_output(name: str) -> bool:
    """Whether a file of the results is one that a rule names."""
    unnamed = ("/cache/", "/logs/", "/benchmarks/", "/model/", ".safetensors")
    return name.endswith("prepared.json") or not any(part in name for part in unnamed)


def _copy_project(folder: Path) -> None:
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))


def start(project: Path, goal: Sequence[str] = ()) -> subprocess.Popen:
    """The study under way, in a process group of its own; its output goes to a file."""
    with (project / "output.txt").open("a") as output:
        return subprocess.Popen(
            [*LOCK, *COMMAND, "--", *goal],
            cwd=project,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )


def run(project: Path, goal: Sequence[str] = ()) -> subprocess.CompletedProcess:
    """The study run to its end, as soon as no process of an earlier run holds the lock."""
    while True:
        (project / "output.txt").unlink(missing_ok=True)
        status = start(project, goal).wait(3600)
        if status != LOCKED:
            text = (project / "output.txt").read_text(errors="replace")
            return subprocess.CompletedProcess("", status, text)
        time.sleep(1)


def final_bytes(project: Path) -> dict[str, str]:
    """The sha256 of every table, activation file and JSON of the results, but for the cache.

    figures.json without the seconds and megabytes that the steps took, which no two runs share.
    """
    hashes = {}
    for path in sorted(project.glob("results/**/*")):
        name = path.relative_to(project).as_posix()
        if path.suffix not in (".parquet", ".safetensors", ".json") or "results/cache" in name:
            continue
        if path.name == "figures.json":
            content = json.loads(path.read_text())
            del content["timings"], content["sha256"]
            hashes[name] = hashlib.sha256(json.dumps(content).encode()).hexdigest()
        elif not path.name.startswith("."):
            hashes[name] = file_sha256(path)
    return hashes


def settle(study: Study, disturbed: subprocess.CompletedProcess | None) -> tuple[str, str]:
    """Run the study until it ends well, doing each time what its error says; how that ended.

    returns  one of GOOD and the first error that named a file, or what must not be and its output
    """
    done = disturbed or run(study.project, study.goal)
    said = ""
    for _ in range(4):
        if not done.returncode:
            break
        errors = [line for line in done.stdout.splitlines() if NAMING.search(line)]
        if not errors:
            return "no file named", done.stdout[-2000:]
        said = said or re.sub(r"^\d\d:\d\d:\d\d ", "", errors[-1])
        said = said.replace(f"{study.project}/", "")
        follow(errors[-1], study.project)
        done = run(study.project, study.goal)
    if done.returncode:
        return "no end", done.stdout[-2000:]
    found = final_bytes(study.project)
    differing = {name for name, _ in found.items() ^ study.expected.items()}
    if unseen := sorted(name for name in differing if not refused(study.project / name)):
        return "other bytes", ", ".join(unseen)
    if differing:
        return "refused by readers", ", ".join(sorted(differing))
    return ("named, then same bytes" if said else "same bytes"), said


def follow(error: str, project: Path) -> None:
    """Delete what an error says is to be deleted."""
    for named in re.findall(r"delete (\S+) and run again", error):
        path = project / (error.split(": ")[1] if named == "it" else named)
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def refused(path: Path) -> bool:
    """Whether what reads a file of the results finds that it is damaged."""
    try:
        if path.parent.parent.name == "activations":
            cache = ActivationCache(path.parent)
            for point in range(cache.n_points):
                cache.read(point, "last")
        elif path.parent.name == "model":
            check_hashes(read_prepared(path.parent))
        else:
            {".parquet": check_parquet, ".json": read_json}[path.suffix](path)
    except UserError:
        return True
    return False


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
    group = pid  # all have its session
    for process in psutil.process_iter(["cmdline"]):
        try:
            if os.getsid(process.pid) == group and process.info["cmdline"]:
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
    "figure or page": lambda name: name.endswith((".svg", "summary.md")),
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
    if status != LOCKED:
        return "two runs at once", "not refused", f"status {status}"
    first.wait(3600)
    return "two runs at once", *settle(study, None)


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
