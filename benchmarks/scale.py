"""Time and memory of the steps at 1,000, 10,000 and 100,000 examples, repeated from a real study.

    python benchmarks/scale.py --results results/embedded --source results/embedded/source

The examples are those of a finished study, over and over under new ids, so that every table has the
sizes and the texts of real ones; a token of every prompt is another in every copy, so that no batch
is found among the parts of one before it. Steps that run the model do it with one of two blocks of
width 32 and random weights: what is measured is the pipeline around the model.
"""

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from fimscope.experiments.registry import all_tables
from fimscope.files.tables import write_table
from fimscope.steps.frame import log, positive, run_step, step_parser

EDIT = "rename_vars"
EDITS = ("original", EDIT)
START = 10  # examples: what a step takes for them is its start
SHORT = 10.0  # core seconds of a run that is measured RUNS times, the least of which counts
RUNS = 5
FIRST_TOKEN = 1000  # of the first copy's prompts
TABLES = {
    "programs": ("source", "programs"),
    "examples": ("source", "examples"),
    **{f"edited/{edit}": ("source", "variants") for edit in EDITS},
    **{f"variants/{edit}": ("source", "variants") for edit in EDITS},
    **{f"prompts/{edit}": ("results", "prompts") for edit in EDITS},
    **{f"predictions/{edit}": ("results", "predictions") for edit in EDITS},
}


@dataclass(frozen=True)
class Measured:
    """One run of a step: rows in, seconds on the wall and of the core, peak memory of a process.

    compiler_mb is that of the compiler's processes, Node and the native one; 0 where there is none.
    """

    n: int
    wall: float
    core: float
    peak_mb: float
    compiler_mb: float


def repeat_tables(folders: Mapping[str, Path], out: Path, n: int) -> None:
    """Every table with n examples, those that were answered under every edit over and over."""
    tables = {
        name: pq.read_table(folders[folder] / f"{name}.parquet")
        for name, (folder, _) in TABLES.items()
    }
    answered = set.intersection(
        *(set(tables[f"predictions/{edit}"]["example_id"].to_pylist()) for edit in EDITS)
    )
    own = tables["examples"]
    ids = [name for name in own["example_id"].to_pylist() if name in answered]
    for name, table in tables.items():
        copies = []
        for k in range(math.ceil(n / len(ids))):
            kept = pa.array(ids[: n - k * len(ids)])
            if name == "programs":
                chosen = own.filter(pc.is_in(own["example_id"], kept))["program_id"]
                rows = table.filter(pc.is_in(table["program_id"], pc.unique(chosen)))
            else:
                rows = table.filter(pc.is_in(table["example_id"], kept))
            for column in {"example_id", "program_id", "cluster"} & set(rows.column_names):
                # Of the same length, and in the same order within a copy.
                new = [f"{k:05x}{text[5:]}" for text in rows[column].to_pylist()]
                at = rows.column_names.index(column)
                rows = rows.set_column(at, column, pa.array(new, rows.schema.field(column).type))
            if "token_ids" in rows.column_names:
                at = rows.column_names.index("token_ids")
                own_tokens = marked(rows["token_ids"].combine_chunks(), FIRST_TOKEN + k)
                rows = rows.set_column(at, rows.schema.field(at), own_tokens)
            copies.append(rows)
        write_table(
            out / f"{name}.parquet", all_tables()[TABLES[name][1]], pa.concat_tables(copies), {}
        )


def marked(token_ids: pa.ListArray, token: int) -> pa.ListArray:
    """The prompts with this token in the second place."""
    starts, values = token_ids.offsets.to_numpy(), token_ids.values.to_numpy().copy()
    values[starts[:-1] + 1] = token
    return pa.ListArray.from_arrays(token_ids.offsets, pa.array(values))


def small_model(folder: Path) -> None:
    """A gpt_bigcode of two blocks with the embedded model's tokenizer, prepared."""
    import torch
    from transformers import GPTBigCodeConfig, GPTBigCodeForCausalLM

    embedded = ROOT / "models/embedded"
    sizes = json.loads((embedded / "config.json").read_text())
    kept = ("vocab_size", "n_positions", "bos_token_id", "eos_token_id", "multi_query")
    config = GPTBigCodeConfig(
        **{key: sizes[key] for key in kept if key in sizes}, n_embd=32, n_layer=2, n_head=2
    )
    torch.manual_seed(0)
    origin = folder / "origin"
    GPTBigCodeForCausalLM(config).save_pretrained(origin)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy2(embedded / name, origin)
    sources = json.dumps([{"folder": str(origin)}])
    command = [sys.executable, ROOT / "scripts/prepare_model.py", "--sources", sources]
    command += ["--root", folder, "--dtype", "float32", "--attention", "sdpa"]
    subprocess.run([*command, "--out", folder / "model"], check=True, capture_output=True)


def commands(folder: Path, model: Path) -> dict[str, list[str]]:
    """The command line of every step that is measured, but for its script."""

    def of(name: str) -> str:
        return str(folder / f"{name}.parquet")

    out = folder / "out"
    run = ["--model", str(model), "--dtype", "float32", "--device", "cpu", "--attention", "sdpa"]
    run += ["--batch-tokens", "4096", "--threads", "1", "--cache", str(out / "cache")]
    edited = ["--examples", of("examples"), "--workers", "1", "--cache", str(out / "cache")]
    both = [of(f"predictions/{edit}") for edit in EDITS]
    return {
        "split_examples": [
            *("--programs", of("programs"), "--examples", of("examples"), "--edit", EDIT),
            *("--edited", of(f"edited/{EDIT}"), "--variants", of(f"variants/{EDIT}")),
            *("--original", both[0], "--predictions", both[1]),
            *("--out", str(out / "split.parquet"), "--out-funnel", str(out / "funnel.parquet")),
        ],
        "pair_examples": [
            *("--programs", of("programs"), "--original", both[0], "--variants", both[1]),
            *("--conditions", "restore", "same_type", "--max-pairs", "120", "--seed", "0"),
            *("--out", str(out / "pairs.parquet"), "--out-rejected", str(out / "r.parquet")),
        ],
        "plot_accuracy": [
            *("--examples", of("examples"), "--predictions", *both),
            *("--out-svg", str(out / "a.svg"), "--out-png", str(out / "a.png")),
        ],
        "predict_types": [
            *("--prompts", of(f"prompts/{EDIT}"), *run, "--max-new-tokens", "12"),
            *("--out", str(out / "predictions.parquet")),
        ],
        "cache_activations": [
            *("--prompts", of(f"prompts/{EDIT}"), *run, "--positions", "last"),
            *("--out", str(out / "activations")),
        ],
        "edit_examples": [
            *(*edited, "--edit", EDIT, "--seed", "0", "--syllables", "2"),
            *("--out", str(out / "e.parquet"), "--out-rejected", str(out / "f.parquet")),
        ],
        "check_types": [
            *(*edited, "--edited", of(f"edited/{EDIT}")),
            *("--out", str(out / "c.parquet"), "--out-rejected", str(out / "d.parquet")),
        ],
    }


# A process of its own, as small as can be: what a fork holds counts as its child's peak. It adopts
# the processes whose parents are gone (PR_SET_CHILD_SUBREAPER, 36), so that theirs are counted too.
# The system keeps the peak of a process while it runs: a look now and then finds the compiler's.
RUN = """
import ctypes, json, os, re, resource, subprocess, sys, threading
import psutil
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
over, peak = threading.Event(), 0
def look():
    global peak
    while not over.wait(0.5):
        for process in psutil.Process().children(recursive=True):
            try:
                if os.path.basename(process.exe()) in ("node", "tsc", "tsgo"):
                    with open(f"/proc/{process.pid}/status") as status:
                        peak = max(peak, int(re.search(r"VmHWM:\\s*(\\d+)", status.read())[1]))
            except (psutil.Error, OSError, TypeError):
                pass
watch = threading.Thread(target=look)
watch.start()
status = subprocess.run(sys.argv[1:], stdout=2).returncode
over.set()
watch.join()
try:
    while True:
        os.wait()
except ChildProcessError:
    pass
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
core = usage.ru_utime + usage.ru_stime
print(json.dumps([status, core, usage.ru_maxrss / 1024, peak / 1024]))
"""


def measure(step: str, folder: Path, model: Path, n: int) -> Measured:
    """A step from nothing to its end; where it is short, the run of several that took least."""
    runs: list[Measured] = []
    while not runs or (runs[-1].core < SHORT and len(runs) < RUNS):
        shutil.rmtree(folder / "out", ignore_errors=True)
        runs.append(run_once(step, commands(folder, model)[step], n))
    return min(runs, key=lambda run: run.core)


def run_once(step: str, words: Sequence[str], n: int) -> Measured:
    """Run a step to its end. raises SystemExit with its last words where it fails."""
    command = [sys.executable, str(ROOT / "scripts" / f"{step}.py"), *words]
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", RUN, *command],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    status, core, *peaks = json.loads(done.stdout)
    if status:
        sys.exit(f"{step} at {n}: {done.stderr[-3000:]}")
    return Measured(n, time.monotonic() - started, core, *peaks)


def growth_exponent(start: Measured, before: Measured, run: Measured) -> float:
    """Of the seconds of the core beyond the start's, with the examples."""
    rises = [max(measured.core - start.core, 1e-9) for measured in (before, run)]
    return math.log(rises[1] / rises[0]) / math.log(run.n / before.n)


def page(found: Mapping[str, Sequence[Measured]]) -> str:
    lines = [
        "# Scale",
        "",
        "Written by `python benchmarks/scale.py`: real examples over and over under new ids, on "
        "one core; steps that run the model do it with one of two blocks of width 32. Seconds of "
        "the core, of the step and all that it starts, the least of "
        f"{RUNS} runs where a run takes less than {SHORT:.0f} s; peak memory of its largest "
        "process, and of the compiler's largest (Node, native), where one is started. "
        f"The start is what {START} examples take; the exponent is that of the seconds "
        "beyond it, between the two largest sizes (1: twice the examples, twice the time).",
        "",
        "| step | examples | core seconds | peak memory, MB | of the compiler, MB | exponent "
        "| more memory than before |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for step, (start, *runs) in found.items():
        for i, run in enumerate(runs):
            exponent = growth = ""
            if i:
                growth = f"{run.peak_mb / runs[i - 1].peak_mb - 1:+.0%}"
            if 0 < i == len(runs) - 1:
                exponent = f"{growth_exponent(start, runs[i - 1], run):.2f}"
            compiler = f"{run.compiler_mb:.0f}" if run.compiler_mb else ""
            cells = f"{run.n} | {run.core:.1f} | {run.peak_mb:.0f} | {compiler} "
            cells += f"| {exponent} | {growth}"
            lines.append(f"| `{step}` | {cells} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--source", type=Path, default=ROOT / "results/embedded/source")
    parser.add_argument("--results", type=Path, default=ROOT / "results/embedded")
    parser.add_argument("--sizes", type=positive, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--steps", nargs="+", help="default: all")
    parser.add_argument(
        "--most",
        type=json.loads,
        default={},
        help='largest size of a step, as {"check_types": 1000}',
    )
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/scale.md")
    with run_step(parser) as args, tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        small_model(work)
        folders = {"source": args.source, "results": args.results}
        found: dict[str, list[Measured]] = {}
        for n in (START, *args.sizes):
            folder = work / str(n)
            repeat_tables(folders, folder, n)
            for step in args.steps or commands(folder, work / "model"):
                if n <= args.most.get(step, n):
                    run = measure(step, folder, work / "model", n)
                    found.setdefault(step, []).append(run)
                    log.info("%s: %s", step, run)
                    args.out.write_text(page(found), encoding="utf-8")
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
