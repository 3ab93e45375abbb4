"""Copies of the project in folders of their own, with a small source and a small model."""

import atexit
import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from fimscope.typescript.tables import EXAMPLES, VARIANTS
from warm_python import OF_SNAKEMAKE, warm_python

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "rules", "scripts", "config", "profiles", "docs")
PARTS += ("package.json", "package-lock.json")
NO_PARTS = shutil.ignore_patterns("__pycache__", "gallery", "images", "studies")
THREADS = MappingProxyType({"OMP_NUM_THREADS": "2"})

# Real programs, of three packages, so that fit, select and test each get one.
FILES = {
    "spectra": [
        "ml-spectra-processing/src/x/xAbsolute.ts",
        "ml-spectra-processing/src/x/xMean.ts",
        "ml-spectra-processing/src/x/xRotate.ts",
        "ml-spectra-processing/src/x/xRescale.ts",
        "ml-spectra-processing/src/x/xNorm.ts",
        "ml-spectra-processing/src/utils/createFromToArray.ts",
    ],
    "hashes": ["@noble/hashes/src/utils.ts", "@noble/hashes/src/hmac.ts"],
    "rxjs": [
        "rxjs/src/internal/util/isFunction.ts",
        "rxjs/src/internal/util/isDate.ts",
        "rxjs/src/internal/util/arrRemove.ts",
        "rxjs/src/internal/util/args.ts",
        "rxjs/src/internal/Scheduler.ts",
        "rxjs/src/internal/Notification.ts",
    ],
}
HOSTILE = {
    "spectra/empty.ts": b"",
    "spectra/binary.ts": b"\x00\x01\x02",
    "spectra/latin.ts": b"const caf\xe9 = 1;",
    "spectra/broken.ts": b"function ( { : number",
    "spectra/types.d.ts": b"export declare const a: number;",
    'rxjs/it\'s; touch "owned" $(touch owned)\n.ts': b"export const a = 1; // no annotation\n",
    "rxjs/script.ts": b"// </script><script>alert(1)</script>\nexport function f(a: number) {}\n",
}


@cache
def python_of_snakemake() -> list[str]:
    """The command of a Python that has loaded Snakemake, which ends with this process."""
    stack = ExitStack()
    atexit.register(stack.close)
    folder = Path(stack.enter_context(TemporaryDirectory()))
    return stack.enter_context(warm_python(folder, {**os.environ, **THREADS}, OF_SNAKEMAKE))


def snakemake(
    project: Path, *words: str, check: bool = True, variables: Mapping[str, str] = THREADS
) -> subprocess.CompletedProcess:
    """Run snakemake in a project; the output has both streams.

    It finds its libraries loaded: what a run's own process does is tested of `python -m snakemake`.
    variables   of the environment, beside its own
    """
    done = subprocess.run(
        [*python_of_snakemake(), "-m", "snakemake", "--profile", "profiles/default", *words],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={**os.environ, **variables},
    )
    assert not check or done.returncode == 0, done.stdout[-6000:]
    return done


def copy_project(project: Path) -> Path:
    """A folder of what a clone would hold of the pipeline; node_modules is shared."""
    project.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, project / part, ignore=NO_PARTS)
        else:
            shutil.copy2(source, project / part)
    (project / "node_modules").symlink_to(ROOT / "node_modules")
    return project


def write_sources(project: Path) -> None:
    for package, files in FILES.items():
        (project / "raw" / package).mkdir(parents=True)
        for file in files:
            shutil.copy2(ROOT / "node_modules" / file, project / "raw" / package)
    for name, content in HOSTILE.items():
        (project / "raw" / name).write_bytes(content)


def teach(project: Path) -> None:
    """Build the study's model: of six examples of each group it is right about the originals,
    and wrong about every second renamed one.
    """
    from build_prompts import build_prompts
    from fimscope.files.tables import read_table
    from fimscope.prompts.maker import FORMATS, PromptMaker
    from fimscope.typescript.pool import TypeScriptPool
    from tiny_model import build_tiny_model

    source = project / "results/tiny/source"
    originals, renamed = (
        {row["example_id"]: row for row in read_table(path, VARIANTS).to_pylist()}
        for path in (source / "variants/original.parquet", source / "variants/rename_vars.parquet")
    )
    groups: dict[str, set[str]] = {"fit": set(), "select": set(), "test": set()}
    for row in read_table(source / "examples.parquet", EXAMPLES).to_pylist():
        groups[row["group"]].add(row["example_id"])

    def answers(encoder):
        make = partial(PromptMaker, FORMATS["fim"], encoder, max_tokens=96, golds="single_token")
        with TypeScriptPool(2) as pool:
            before, after = (
                {
                    row["example_id"]: row
                    for row in build_prompts(pool, make, originals, [*rows.values()], 500)[0]
                }
                for rows in (originals, renamed)
            )
        both = sorted(before.keys() & after.keys())
        taught = [name for group in groups.values() for name in [n for n in both if n in group][:6]]
        golds = sorted({before[name]["gold_token_ids"][0] for name in taught})
        found = {}
        for number, name in enumerate(taught):
            gold = before[name]["gold_token_ids"][0]
            found[tuple(before[name]["token_ids"])] = gold
            answer = golds[golds[0] == gold] if number % 2 else gold
            found.setdefault(tuple(after[name]["token_ids"]), answer)
        return found

    texts = [row["prefix"] + row["gold"] + row["suffix"] for row in originals.values()]
    build_tiny_model(project / "tiny model", texts, answers)
