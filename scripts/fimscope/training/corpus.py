"""The training corpus: programs of pinned npm packages, none of them near the study's."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fimscope.corpus.duplicates import first_alike, near_duplicate_clusters
from fimscope.corpus.inputs import Refusal
from fimscope.corpus.licenses import is_allowed
from fimscope.corpus.screening import screen_input
from fimscope.corpus.sources import list_inputs
from fimscope.errors import UserError
from fimscope.files.rejections import check_sum, rejection
from fimscope.steps.frame import Progress
from fimscope.steps.seeds import draw
from fimscope.typescript.client import TypeScript
from fimscope.typescript.results import TypeScriptError

STEP = "collect_training"
PACKAGE = "package.json"

Row = dict[str, Any]


@dataclass(frozen=True)
class Limits:
    """What a corpus may hold: bytes of one file, bytes of one package, licenses, packages."""

    file_bytes: int
    package_bytes: int
    licenses: Collection[str]
    excluded: Collection[str]


def read_pins(folder: Path) -> list[str]:
    """The pinned packages, name@version, of the package.json in a folder; sorted."""
    path = folder / PACKAGE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["dependencies"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: no list of dependencies ({error!r})") from None
    return sorted(f"{name}@{version}" for name, version in found.items())


def collect_corpus(
    typescript: TypeScript,
    pins: Sequence[str],
    root: Path,
    limits: Limits,
    study: Sequence[str],
    validation: Collection[str],
    seed: int,
) -> tuple[list[Row], list[Row]]:
    """Rows of the training_programs table and of the rejected table.

    study       the texts of the study's programs; what is near one of them is left out
    validation  packages whose programs choose between models and train none
    raises      UserError where a package is one of those excluded, or its license is not allowed
    """
    check_pins(pins, limits.excluded)
    inputs = sorted(
        list_inputs(
            [{"kind": "npm", "packages": list(pins)}], root, limits.licenses, limits.file_bytes
        ),
        key=lambda item: (item.origin.package, item.path),
    )
    refused_licenses = sorted(
        {
            f"{item.origin.package} ({item.origin.license})"
            for item in inputs
            if not is_allowed(str(item.origin.license), limits.licenses)
        }
    )
    if refused_licenses:
        raise UserError(
            f"{root / PACKAGE}: {', '.join(refused_licenses)}: expected one of "
            f"{', '.join(limits.licenses)}; take the package out"
        )
    programs: list[Row] = []
    rejected: list[Row] = []
    for item in inputs:
        screened = screen_input(item, limits.file_bytes)
        if isinstance(screened, Refusal):
            rejected.append(rejection(STEP, *screened, item.origin.package, item.path))
        else:
            programs.append(screened)
    for keep in (without_copies, lambda rows: within_bytes(rows, limits.package_bytes, seed)):
        programs, left_out = keep(programs)
        rejected += left_out
    programs, near = apart_from(study, programs)
    programs, unreadable = with_holes(typescript, programs)
    rejected += near + unreadable
    for row in programs:
        row["part"] = "validation" if row["package"] in validation else "train"
    check_sum(STEP, len(inputs), len(programs), len(rejected))
    return programs, rejected


def check_pins(pins: Sequence[str], excluded: Collection[str]) -> None:
    """raises UserError where a pinned package is one that the model must not have seen"""
    names = {pin[: pin.rindex("@")] for pin in pins}
    if seen := sorted(names & set(excluded)):
        raise UserError(
            f"{PACKAGE} of the training corpus: {', '.join(seen)} must not be trained on; "
            "take it out"
        )


def without_copies(programs: list[Row]) -> tuple[list[Row], list[Row]]:
    """The programs without those whose bytes came before, and the rejected rows of those."""
    kept, rejected = [], []
    for i, first in enumerate(first_alike([row["program_id"] for row in programs])):
        row = programs[i]
        if first == i:
            kept.append(row)
        else:
            detail = f"the same bytes as {programs[first]['package']}: {programs[first]['path']}"
            rejected.append(rejection(STEP, "duplicate", detail, row["package"], row["path"]))
    return kept, rejected


def within_bytes(programs: list[Row], package_bytes: int, seed: int) -> tuple[list[Row], list[Row]]:
    """Of each package as many programs, in a drawn order, as stay within `package_bytes`."""
    by_package: dict[str, list[Row]] = defaultdict(list)
    for row in programs:
        by_package[row["package"]].append(row)
    kept, rejected = [], []
    for own in by_package.values():
        n_bytes = 0
        for row in sorted(own, key=lambda row: draw(seed, row["program_id"])):
            n_bytes += row["n_bytes"]
            if n_bytes <= package_bytes:
                kept.append(row)
                continue
            detail = f"the package's {package_bytes} bytes are full"
            rejected.append(
                rejection(STEP, "over_package_cap", detail, row["package"], row["path"])
            )
    return sorted(kept, key=lambda row: (row["package"], row["path"])), rejected


def apart_from(study: Sequence[str], programs: list[Row]) -> tuple[list[Row], list[Row]]:
    """The programs that are in no near-duplicate cluster with a program of the study."""
    clusters = near_duplicate_clusters([*study, *(row["content"] for row in programs)])
    of_study = set(clusters[: len(study)])
    kept, rejected = [], []
    for row, cluster in zip(programs, clusters[len(study) :], strict=True):
        if cluster in of_study:
            detail = "nearly the same as a program of the study"
            rejected.append(rejection(STEP, "duplicate", detail, row["package"], row["path"]))
        else:
            kept.append(row)
    return kept, rejected


def with_holes(typescript: TypeScript, programs: list[Row]) -> tuple[list[Row], list[Row]]:
    """The programs with the places of their annotations; those without any are rejected rows."""
    kept, rejected = [], []
    progress = Progress("annotations", len(programs), "programs")
    for row in programs:
        progress.add()
        try:
            found = typescript.holes(row["content"]).holes
        except TypeScriptError as error:
            rejected.append(
                rejection(STEP, error.reason, error.detail, row["package"], row["path"])
            )
            continue
        if not found:
            detail = "no annotation in a function's signature"
            rejected.append(rejection(STEP, "no_annotation", detail, row["package"], row["path"]))
            continue
        starts = [hole.start for hole in found]
        ends = [hole.end for hole in found]
        kept.append({**row, "starts": starts, "ends": ends})
    return kept, rejected


def count_packages(programs: Sequence[Mapping[str, Any]]) -> list[Row]:
    """One row a package: version, license, part, and how much of it is in the corpus."""
    first = {row["package"]: row for row in reversed(programs)}
    files = Counter(row["package"] for row in programs)
    n_bytes: Counter[str] = Counter()
    holes: Counter[str] = Counter()
    for row in programs:
        n_bytes[row["package"]] += row["n_bytes"]
        holes[row["package"]] += len(row["starts"])
    return [
        {
            **{key: first[name][key] for key in ("package", "version", "license", "part")},
            "n_programs": files[name],
            "n_bytes": n_bytes[name],
            "n_annotations": holes[name],
        }
        for name in sorted(files)
    ]
