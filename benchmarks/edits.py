"""Edit real files and prove the variants, as the pipeline does; write the shares and the speed."""

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from typing import Any, Self

import psutil
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from check_types import check_types
from collect_programs import collect_programs
from edit_examples import edit_examples
from fimscope.corpus.sources import read_sources
from fimscope.steps.frame import log, positive, run_step, step_parser
from fimscope.steps.seeds import draw
from fimscope.typescript.client import TypeScript
from fimscope.typescript.edit_names import canonical_edit
from fimscope.typescript.pool import TypeScriptPool, add_pool_options
from fimscope.typescript.process import find_node
from fimscope.typescript.results import Rename
from make_examples import make_examples

Row = Mapping[str, Any]
RUNS = 2
OPTIONS = (
    *("--noEmit", "--strict", "--skipLibCheck", "--noResolve", "--experimentalDecorators"),
    *("--target", "esnext", "--module", "esnext", "--moduleResolution", "bundler"),
    *("--moduleDetection", "force", "--lib", "esnext,dom,dom.iterable"),
)


@dataclass(frozen=True)
class Clock:
    """Seconds of the cores: of Node, of the native compilers, and of this process."""

    node: float
    native: float
    own: float

    @classmethod
    def now(cls) -> Self:
        """What the processes that are there have used."""
        node = native = 0.0
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                times, program = process.cpu_times(), Path(process.exe()).name
                if program == "node":
                    node += times.user + times.system
                    native += times.children_user + times.children_system  # those that have ended
                elif program in ("tsc", "tsgo"):
                    native += times.user + times.system
        return cls(node, native, time.process_time())

    def __sub__(self, other: Self) -> Self:
        return type(self)(self.node - other.node, self.native - other.native, self.own - other.own)

    @property
    def all(self) -> float:
        return self.node + self.native + self.own

    def milliseconds(self, n: int) -> str:
        """Of the compiler's two halves and together, for each of n requests."""
        node, native = (1000 * each / max(n, 1) for each in (self.node, self.native))
        return f"{node:.1f} + {native:.1f} = {node + native:.1f}"


def timed(
    work: Callable[[TypeScriptPool], Iterable[tuple[str, Row]]], args: Any
) -> tuple[list[Row], list[Row], Clock]:
    """The rows that a step passes on, those that it rejects, and what it took after its start.

    Of RUNS runs, each with a pool of its own, that which took least.
    """
    runs = []
    for _ in range(RUNS):
        with TypeScriptPool(args.workers, args.seconds) as pool:
            start(pool)
            before = Clock.now()
            passed, rejected = split_rows(work(pool))
            runs.append((passed, rejected, Clock.now() - before))
    return min(runs, key=lambda run: run[2].all)


def start(pool: TypeScriptPool) -> None:
    """Have each service of a pool start Node and the native compiler."""
    together = Barrier(pool.workers)

    def ask(service: TypeScript, _: int) -> None:
        together.wait()
        service.new_errors("export const f = (x: ", "string", ") => x;", ["number"])

    list(pool.map(ask, range(pool.workers)))


@dataclass
class Outcome:
    """What became of the examples under one edit; the shares are of those that have a site."""

    edit: str
    n_examples: int
    n_nothing: int
    n_handled: int
    n_same_errors: int
    n_same_javascript: int
    n_proven: int
    editing: Clock
    checking: Clock
    reasons: Counter[str]

    def line(self) -> str:
        able = self.n_examples - self.n_nothing
        counts = (self.n_handled, self.n_same_errors, self.n_same_javascript, self.n_proven)
        shares = " | ".join(f"{100 * count / max(able, 1):.1f}%" for count in counts)
        per_second = self.n_examples / (self.editing.all + self.checking.all)
        return (
            f"| `{self.edit}` | {self.n_examples} | {self.n_nothing} | {shares} "
            f"| {self.editing.milliseconds(self.n_examples)} "
            f"| {self.checking.milliseconds(self.n_handled)} | {per_second:.1f} |"
        )


def choose_examples(n_files: int, pool: TypeScriptPool, seed: int) -> list[Row]:
    """One hole of each of `n_files` real files, drawn from the packages of the default config."""
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    settings = config["programs"]
    programs, _ = collect_programs(
        read_sources(json.dumps(config["source"])),
        ROOT,
        settings["max_bytes"],
        max(settings["per_package"], n_files // 8),
        settings["licenses"],
        seed,
    )
    rows = make_examples(pool, programs, 1, (0.4, 0.2, 0.4), seed)
    examples = [row for table, row in rows if table == "examples"]
    chosen = set(
        sorted((row["example_id"] for row in examples), key=lambda i: draw(seed, i))[:n_files]
    )
    return [row for row in examples if row["example_id"] in chosen]


def run_edit(examples: Sequence[Row], edit: str, seed: int, args: Any) -> Outcome:
    """One edit on all examples and the proof of what came out."""
    edited, unedited, editing = timed(lambda pool: edit_examples(pool, examples, edit, seed), args)
    proven, failed, checking = timed(lambda pool: check_types(pool, examples, edited), args)
    reasons = Counter(row["reason"] for row in [*unedited, *failed])
    verdicts = [row["checks"] for row in proven] + failed_verdicts(examples, edited, failed)
    return Outcome(
        edit,
        len(examples),
        reasons.pop("nothing_to_edit", 0),
        len(edited),
        sum(checks["same_errors"] for checks in verdicts),
        sum(checks["same_javascript"] for checks in verdicts),
        len(proven),
        editing,
        checking,
        reasons,
    )


def failed_verdicts(
    examples: Sequence[Row], edited: Sequence[Row], failed: Sequence[Row]
) -> list[Row]:
    """All checks of the variants that failed one."""
    originals = {row["example_id"]: row for row in examples}
    names = {
        row["example_id"] for row in failed if row["reason"] in ("other_errors", "other_javascript")
    }
    with TypeScript() as service:
        return [
            vars(
                service.check(
                    parts(originals[row["example_id"]]),
                    parts(row),
                    [Rename(**rename) for rename in row["renames"]],
                )
            )
            for row in edited
            if row["example_id"] in names
        ]


def parts(row: Row) -> tuple[str, str, str]:
    return row["prefix"], row["gold"], row["suffix"]


def split_rows(rows: Iterable[tuple[str, Row]]) -> tuple[list[Row], list[Row]]:
    """The rows that a step passes on, and those that it rejects."""
    passed: list[Row] = []
    rejected: list[Row] = []
    for table, row in rows:
        (rejected if table == "rejected" else passed).append(row)
    return passed, rejected


def seconds_per_start(examples: Sequence[Row], package: str, sample: int) -> float:
    """Core seconds of starting the package's `tsc` for one file, over a sample."""
    command = [find_node(), str(ROOT / "node_modules" / package / "bin" / "tsc"), *OPTIONS]
    with tempfile.TemporaryDirectory() as folder:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        for row in examples[:: max(len(examples) // sample, 1)][:sample]:
            file = Path(folder) / "program.ts"
            file.write_text("".join(parts(row)), encoding="utf-8")
            subprocess.run([*command, file.name], cwd=folder, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent / sample


def report(
    outcomes: Sequence[Outcome], starts: Mapping[str, float], n_packages: int, args: Any
) -> str:
    """The page that says what came out."""
    n_files = outcomes[0].n_examples
    cores = sum(each.editing.all + each.checking.all for each in outcomes)
    lines = [
        "# Benchmark of the edits",
        "",
        f"Written by `python benchmarks/edits.py`. One hole of each of {n_files} real files of "
        f"{n_packages} packages, through the steps `edit_examples` and `check_types`. "
        f"{machine()}, {args.workers} worker(s), load {os.getloadavg()[0]:.1f} at the end.",
        "",
        "| edit | files | nothing to edit | handled | same errors | same JavaScript | all checks "
        "| ms an edit | ms a proof | files a second |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        *(each.line() for each in outcomes),
        "",
        "Shares are of the files that have something to edit. ms: of a core, Node's and the native "
        f"compiler's, after both have started, of {RUNS} runs the one that took least; an edit's "
        "over the files, a proof's over the variants. Files a second: of edit and proof together, "
        f"on one core, Python's part included. All together: {cores:.1f} core seconds.",
        "",
        "| type check of one variant and its original | core seconds |",
        "|---|---:|",
        *(
            f"| start `tsc` of {name} for each file | {2 * seconds:.2f} |"
            for name, seconds in starts.items()
        ),
        f"| **the whole proof here** | {mean_proof(outcomes):.3f} |",
        "",
    ]
    for each in outcomes:
        if each.reasons:
            lines.append(f"`{each.edit}` left out: {dict(each.reasons.most_common())}.")
    return "\n".join(lines).rstrip() + "\n"


def mean_proof(outcomes: Sequence[Outcome]) -> float:
    n_proofs = sum(each.n_handled for each in outcomes)
    return sum(each.checking.all for each in outcomes) / max(n_proofs, 1)


def machine() -> str:
    """What the figures were taken on."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} core(s)"


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument(
        "--edits",
        nargs="+",
        default=["rename_vars", "rename_types", "delete_annotations"],
        help="edits",
    )
    parser.add_argument("--files", type=positive, default=420, help="files, one hole of each")
    parser.add_argument("--sample", type=positive, default=10, help="files that tsc is started for")
    parser.add_argument("--seed", type=int, default=0, help="seed of the files, holes and names")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "benchmarks" / "results" / "edits.md", help="the page"
    )
    add_pool_options(parser)
    with run_step(parser) as args:
        with TypeScriptPool(args.workers, args.seconds) as pool:
            examples = choose_examples(args.files, pool, args.seed)
        edits = [canonical_edit(edit, "--edits") for edit in args.edits]
        outcomes = [run_edit(examples, edit, args.seed, args) for edit in edits]
        starts = {
            "TypeScript 6.0.3": seconds_per_start(examples, "typescript", args.sample),
            "TypeScript 7.0.2": seconds_per_start(examples, "typescript-native", args.sample),
        }
        page = report(outcomes, starts, len({row["package"] for row in examples}), args)
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(page, encoding="utf-8")
        log.info("%s", page)


if __name__ == "__main__":
    main()
