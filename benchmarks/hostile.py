"""Feed malformed programs and configs to the pipeline, and account for every one of them.

    python benchmarks/hostile.py --sources 1000 --configs 500

The programs go through the steps from collect_programs to build_prompts, as a user runs them; the
configs through what the Snakefile does with them, and some through Snakemake itself.
"""

import copy
import datetime
import random
import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from fimscope.experiments.registry import all_tables
from fimscope.files.rejections import REJECTED

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from fimscope.config import complete_config, read_layers, read_schema
from fimscope.corpus.presence import check_sources
from fimscope.errors import UserError
from fimscope.experiments.registry import all_experiments
from fimscope.files.tables import Rows
from fimscope.steps.frame import Progress, log, positive, run_step, step_parser

SCHEMA = read_schema(
    ROOT / "config/schema.yaml", [each.name for each in all_experiments().values()]
)
SECONDS = 1800  # of a step on all programs; a longer one hangs
EDIT = "rename_vars"
SNIPPETS = [
    *(b"$(touch owned)", b"`touch owned`", b"; touch owned #", b"'\"\\", b"${", b"{input}", b"%s"),
    *(b"</script><script>window.owned = 1</script>", b"<!--", b"]]>", b"<img src=x onerror=owned>"),
    *(
        b"\0",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"\xe2\x80\xa8",
        b"\xe2\x80\xae",
        b"\xef\xbb\xbf",
        b"\r",
    ),
    *(b"<fim_middle>", b"<|endoftext|>", b"<fim_prefix>", b"/*", b"*/", b"`", b"@", b"#!", b"<T,>"),
    *(b"(" * 3000, b"[" * 3000, b"{" * 3000, b"a?." * 2000, b"-+" * 3000, b"x" * 4900),
    *(b"\xf0\x9f\x98\x80" * 50, b"type T = T[];", b"let a: any, a: string;", b"export = 1;\n" * 9),
]
NAMES = (
    *("plain", "a b", "$(touch owned)", "`touch owned`", "; touch owned;", "'", '"', "*?[a]", "~"),
    *(
        "-rf",
        "{input}",
        "</script>",
        "line\nbreak",
        "tab\t",
        "\u202egnp",
        "e\u0301",
        "\udcff",
        "%2e",
    ),
)
ODD: list[Any] = [
    *(None, "", [], {}, True, -1, 0, 2**70, 1e308, float("inf"), float("nan"), "x", "\0", "a\nb"),
    *(
        "../../etc",
        "/etc/passwd",
        "$(touch owned)",
        "`touch owned`",
        "'; touch owned; '",
        "{input}",
    ),
    *("{{", "</script>", "source", "compare", "x" * 5000, "\u202e", "e\u0301", ["x"] * 3, [[[]]]),
    *({"x": {}}, {1: 2, "a": 3}, {None: 1}, datetime.date(2024, 1, 1), b"\xff", ["rename_vars@9"]),
]
Change = Callable[[bytearray, random.Random], None]


def truncate(text: bytearray, draw: random.Random) -> None:
    del text[draw.randrange(len(text) + 1) :]


def flip_bits(text: bytearray, draw: random.Random) -> None:
    for _ in range(draw.choice([1, 1, 3, 30])):
        if text:
            text[draw.randrange(len(text))] ^= 1 << draw.randrange(8)


def insert(text: bytearray, draw: random.Random) -> None:
    at = draw.randrange(len(text) + 1)
    text[at:at] = draw.choice(SNIPPETS)


def delete(text: bytearray, draw: random.Random) -> None:
    at = draw.randrange(len(text) + 1)
    del text[at : at + draw.choice([1, 1, 5, 100])]


def repeat(text: bytearray, draw: random.Random) -> None:
    at = draw.randrange(len(text) + 1)
    text[at:at] = text[at : at + draw.choice([1, 20, 400])]


def swap_words(text: bytearray, draw: random.Random) -> None:
    words = list(re.finditer(rb"\w+", bytes(text)))
    if words:
        word, other = draw.choice(words), draw.choice(words)
        text[word.start() : word.end()] = other.group()


def other_encoding(text: bytearray, draw: random.Random) -> None:
    found = text.decode(errors="replace")
    text[:] = found.encode(draw.choice(["utf-16", "utf-16-le", "utf-7", "cp037"]), "replace")


CHANGES: Sequence[Change] = (
    *(truncate, flip_bits, insert, insert, insert, delete, repeat, swap_words, swap_words),
    other_encoding,
)


def write_programs(folder: Path, n: int, draw: random.Random) -> None:
    """Real files, each changed once to three times, under names of all kinds."""
    real = sorted(
        path
        for package in ("rxjs", "@noble/hashes", "immer", "ml-spectra-processing")
        for path in (ROOT / "node_modules" / package / "src").rglob("*.ts")
        if path.stat().st_size < 8000 and "__tests__" not in path.parts
    )
    for k in range(n):
        text = bytearray(draw.choice(real).read_bytes())
        for change in draw.choices(CHANGES, k=draw.choice([1, 1, 2, 3])):
            change(text, draw)
        # In 20 packages, so that each group gets some.
        path = folder / f"package {k % 20}" / f"{draw.choice(NAMES)}{k}.ts"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text)


def run_steps(work: Path) -> dict[str, tuple[int, int, int, float]]:
    """Rows in, rows out and rejected rows of each step, and its seconds.

    raises SystemExit where a step fails, hangs, or loses a row
    """
    import json
    import time

    sources = [
        {"kind": "directory", "path": str(path), "package": path.name}
        for path in sorted((work / "raw").iterdir())
    ]
    n_files = sum(1 for path in (work / "raw").rglob("*") if path.is_file())
    counts: dict[str, tuple[int, int, int, float]] = {}

    def step(name: str, table: str, n_in: int, *words: str) -> int:
        out, rejected = work / f"{name}.parquet", work / f"{name}.rejected.parquet"
        command = [sys.executable, str(ROOT / "scripts" / f"{name}.py"), *words]
        command += ["--out", str(out), "--out-rejected", str(rejected)]
        started = time.monotonic()
        done = subprocess.run(
            command, cwd=work, capture_output=True, text=True, timeout=SECONDS, errors="replace"
        )
        seconds = time.monotonic() - started
        if done.returncode or "Traceback" in done.stderr:
            sys.exit(f"{name} failed: {done.stderr[-3000:]}")
        n_out, n_rejected = len(Rows(out, all_tables()[table])), len(Rows(rejected, REJECTED))
        counts[name] = (n_in or n_out + n_rejected, n_out, n_rejected, seconds)
        if n_in and n_in != n_out + n_rejected:
            sys.exit(f"{name}: {n_in} rows in, {n_out} out, {n_rejected} rejected")
        log.info("%s: %d in, %d out, %d rejected", name, *counts[name][:3])
        return n_out

    numbers = ["--max-bytes", "200000", "--per-package", "100000", "--seed", "0"]
    sources_text = json.dumps(sources)
    licenses = ["--licenses", "MIT"]
    step("collect_programs", "programs", n_files, "--sources", sources_text, "--root", ".",
         *numbers, *licenses)  # fmt: skip
    step("make_examples", "examples", 0, "--programs", "collect_programs.parquet",
         "--per-program", "1", "--seed", "0", "--fractions", "0.4", "0.2", "0.4",
         "--workers", "1")  # fmt: skip
    n = counts["make_examples"][1]
    examples = ["--examples", "make_examples.parquet", "--workers", "1", "--cache", "cache"]
    n = step("edit_examples", "variants", n, *examples, "--edit", EDIT, "--seed", "0",
             "--syllables", "2")  # fmt: skip
    n = step("check_types", "variants", n, *examples, "--edited", "edit_examples.parquet")
    prepare = [sys.executable, str(ROOT / "scripts/prepare_model.py"), "--root", str(ROOT)]
    prepare += ["--sources", '[{"folder": "models/embedded"}]', "--out", str(work / "model")]
    prepare += ["--dtype", "float32", "--attention", "sdpa"]
    subprocess.run(prepare, check=True, capture_output=True)
    variants = ["--original", "check_types.parquet", "--variants", "check_types.parquet"]
    step("build_prompts", "prompts", n, *variants, "--model", "model", "--format", "fim",
         "--max-tokens", "256", "--max-new-tokens", "12", "--golds", "all",
         "--workers", "1")  # fmt: skip
    if owned := list(work.rglob("owned")):
        sys.exit(f"{owned[0]}: text of a program was run")
    return counts


def reasons_of(work: Path) -> Counter[str]:
    return Counter(
        f"{row['step']}: {row['reason']}"
        for path in sorted(work.glob("*.rejected.parquet"))
        for row in Rows(path, REJECTED)
    )


def odd_config(draw: random.Random) -> dict[str, Any]:
    """The default config after one to three changes at random places."""
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    for _ in range(draw.choice([1, 1, 2, 3])):
        place, key = draw.choice(list(_places(config)))
        match draw.randrange(5):
            case 0:
                del place[key]
            case 1 if isinstance(place, dict):
                place[draw.choice([f"{key}x", 7, None, "", "\u202e", f"{key}"[::-1]])] = place[key]
            case 2 if isinstance(place, list):
                place.append(copy.deepcopy(place[key]))
            case _:
                place[key] = copy.deepcopy(draw.choice(ODD))
    return config


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every key of every object and every index of every list."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError(f"more than {seconds} s")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def outcome_of(config: dict[str, Any], work: Path) -> str:
    """`accepted`, `refused` with a message for people, or the error that must not be."""
    file = work / "odd.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    try:
        with limited(20):
            completed = complete_config(config, SCHEMA, read_layers([str(file)], [], SCHEMA))
            check_sources(completed["source"], ROOT, str(file))
    except UserError as error:
        return "refused" if str(error).startswith(f"{file}: ") else f"no file named: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    folder = Path("/results", completed["model"]["name"]).resolve()
    return "accepted" if folder.parent == Path("/results") else f"outside: {folder}"


def ask_snakemake(config: dict[str, Any] | str, work: Path) -> str:
    """The same of a dry run; a text stands for a file that is no YAML."""
    file = work / "odd.yaml"
    text = config if isinstance(config, str) else yaml.safe_dump(config)
    file.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "-n", "--cores", "1", "--quiet", "rules"]
    done = subprocess.run(
        [*command, "--nolock", "--directory", str(work), "--configfile", str(file)],
        cwd=ROOT, capture_output=True, text=True, timeout=300, errors="replace",
    )  # fmt: skip
    output = done.stdout + done.stderr
    if (work / "owned").exists():
        return "text of the config was run"
    if "Traceback" in output:
        return f"Traceback: {output.strip().splitlines()[-1]}"
    return "refused" if done.returncode else "accepted"


def page(counts: dict, reasons: Counter, configs: Counter, dry_runs: Counter) -> str:
    lines = [
        "# Hostile input",
        "",
        "Written by `python benchmarks/hostile.py`: real programs cut, flipped, spliced and spiked "
        "(shell, HTML, control characters, special tokens, deep nesting) under names of the same "
        "kind, through the steps on one core; and the default config changed at random places.",
        "",
        "| step | rows in | out | rejected, with a reason | crashes, hangs, lost rows | seconds |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, (n_in, n_out, n_rejected, seconds) in counts.items():
        lines.append(f"| `{name}` | {n_in} | {n_out} | {n_rejected} | 0 | {seconds:.0f} |")
    lines += ["", "| rejected by | reason | rows |", "|---|---|---:|"]
    for text, n in reasons.most_common():
        lines.append(f"| `{text.split(': ')[0]}` | {text.split(': ')[1]} | {n} |")
    lines += ["", "| configs | tried | refused in one line | accepted | anything else |",
              "|---|---:|---:|---:|---:|"]  # fmt: skip
    for what, found in (("as the Snakefile reads them", configs), ("a dry run", dry_runs)):
        good = [found["refused"], found["accepted"]]
        cells = [found.total(), *good, found.total() - sum(good)]
        lines.append(f"| {what} | {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--sources", type=positive, default=1000, help="malformed programs")
    parser.add_argument("--configs", type=positive, default=500, help="malformed configs")
    parser.add_argument("--dry-runs", type=positive, default=20, help="of them through Snakemake")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/hostile.md")
    with run_step(parser) as args, tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        draw = random.Random(args.seed)
        configs: Counter[str] = Counter()
        odd = [odd_config(draw) for _ in range(args.configs)]
        for config in odd:
            configs[outcome_of(config, work)] += 1
        log.info("configs: %s", dict(configs))
        dry_runs: Counter[str] = Counter()
        texts = ["\0", "a: [", "a: b: c", "&a [*a]", "- 1", "\t", "{", ""]
        progress = Progress("dry runs", args.dry_runs, "configs")
        for config in [*texts, *odd][: args.dry_runs]:
            dry_runs[ask_snakemake(config, work)] += 1
            progress.add()
        log.info("dry runs: %s", dict(dry_runs))
        (work / "raw").mkdir()
        write_programs(work / "raw", args.sources, draw)
        counts = run_steps(work)
        args.out.write_text(page(counts, reasons_of(work), configs, dry_runs), encoding="utf-8")
        bad = [text for text in {**configs, **dry_runs} if text not in ("refused", "accepted")]
        if bad:
            raise UserError(f"configs: {bad[0]}")


if __name__ == "__main__":
    main()
