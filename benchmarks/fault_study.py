"""The study that benchmarks/faults.py disturbs: run once whole, wound back for every trial."""

import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from fimscope.errors import UserError
from fimscope.files.activation_cache import ActivationCache
from fimscope.files.digests import check_parquet, file_sha256, read_json
from fimscope.models.prepared import HASHES_FILE, check_hashes, read_prepared
from fimscope.report.docs import DOCS_PAGES

PAGES = tuple(f"docs/{page}" for page in DOCS_PAGES)
COPIED = ("Snakefile", "rules", "scripts", "config", "profiles", "models/embedded", *PAGES)
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
COMMAND = (
    *(sys.executable, "-m", "snakemake", "--profile", "profiles/default"),
    *("--configfile", "study.yaml", "--cores", "1"),
)
# What a run that is refused says: the first is at work, or ended while this one was planned.
REFUSED = re.compile("another run (is going on|ended) there")
N_JOBS = 6  # that a trial goes on for
GOOD = ("same bytes", "named, then same bytes", "refused by readers")
# An error that names a file: a step's, or Snakemake's on clocks and on what it cannot write.
NAMING = re.compile(
    r"results[/:].* again$|^Output results/\S+ has older modification time"
    r"|Read-only file system: .results/|^No room is left on the disk of /"
)


class Study:
    """A project folder in which the study runs, and the undisturbed run of it beside.

    moments   times at which the undisturbed run, one job at a time, had finished its jobs
    outputs   the files that its rules name
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
        self.outputs = outputs(self.whole)
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
                if moment < written <= until and name in self.outputs
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


def outputs(project: Path) -> set[str]:
    """The files that the rules of the study name, below the project; all that a goal may name."""
    table = subprocess.run(
        [*COMMAND, "--summary"], cwd=project, capture_output=True, text=True, check=True
    ).stdout
    return {line.split("\t")[0] for line in table.splitlines()[1:]}


def _copy_project(folder: Path) -> None:
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))


def start(project: Path, goal: Sequence[str] = ()) -> subprocess.Popen:
    """The study under way, in a process group of its own; its output goes to a file."""
    with (project / "output.txt").open("a") as output:
        return subprocess.Popen(
            [*COMMAND, "--", *goal],
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
        text = (project / "output.txt").read_text(errors="replace")
        if not REFUSED.search(text):
            return subprocess.CompletedProcess("", status, text)
        time.sleep(1)


def final_bytes(project: Path) -> dict[str, str]:
    """The sha256 of every table, activation file and JSON of the results, but for the cache.

    figures.json and report.json without the seconds and megabytes that the steps took, which no
    two runs share.
    """
    hashes = {}
    for path in sorted(project.glob("results/**/*")):
        name = path.relative_to(project).as_posix()
        if path.suffix not in (".parquet", ".safetensors", ".json") or "results/cache" in name:
            continue
        if path.name == HASHES_FILE:  # when each file was read, beside what it held
            continue
        if path.name in ("figures.json", "report.json"):
            content = json.loads(path.read_text())
            del content["sha256"]
            content.pop("timings", None)
            content["passages"] = content.get("passages", [])[:-1]  # the last is on time and memory
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
        said = said.replace(f"{study.project}/", "").replace(f"{study.project}", "the project")
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
