"""Collect raw TypeScript programs from the sources, with a reason for every input left out."""

from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

from fimscope.corpus.duplicates import first_alike, near_duplicate_clusters
from fimscope.corpus.inputs import Input, Refusal
from fimscope.corpus.screening import screen_input
from fimscope.corpus.selection import choose_programs
from fimscope.corpus.sources import Source, list_inputs, read_sources
from fimscope.corpus.tables import PROGRAMS
from fimscope.errors import UserError
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import REJECTED, check_sum, rejection
from fimscope.files.tables import write_table
from fimscope.steps.frame import Progress, log, positive, run_step, step_parser

STEP = "collect_programs"

Row = dict[str, Any]


def collect_programs(
    sources: list[Source],
    root: Path,
    max_bytes: int,
    per_package: int,
    licenses: Collection[str],
    seed: int,
) -> tuple[list[Row], list[Row]]:
    """The rows of the programs table and of the rejected table, by package and path.

    Every input of the sources is one row of one of the two. Of programs of the same bytes the
    first is kept; of a package with more than `per_package`, a seeded choice. Near-duplicates are
    kept, in one cluster that is named by its first program.
    """
    inputs = sorted(
        list_inputs(sources, root, licenses, max_bytes), key=lambda i: (i.origin.package, i.path)
    )
    programs, refused = _screened(inputs, max_bytes)
    programs, copies = _without_copies(programs)
    programs, surplus = _within_cap(programs, per_package, seed)
    clusters = near_duplicate_clusters([program["content"] for program in programs])
    for program, first in zip(programs, clusters, strict=True):
        program["cluster"] = programs[first]["program_id"]
    rejected = sorted(
        refused + copies + surplus, key=lambda row: (row["package"], row["path"], row["reason"])
    )
    check_sum(STEP, len(inputs), len(programs), len(rejected))
    return programs, rejected


def _screened(inputs: list[Input], max_bytes: int) -> tuple[list[Row], list[Row]]:
    programs: list[Row] = []
    rejected: list[Row] = []
    progress = Progress("reading", len(inputs), "inputs")
    for item in inputs:
        screened = screen_input(item, max_bytes)
        if isinstance(screened, Refusal):
            rejected.append(rejection(STEP, *screened, item.origin.package, item.path))
        else:
            programs.append(screened)
        progress.add()
    return programs, rejected


def _without_copies(programs: list[Row]) -> tuple[list[Row], list[Row]]:
    kept: list[Row] = []
    rejected: list[Row] = []
    firsts = first_alike([program["program_id"] for program in programs])
    for i, (program, first) in enumerate(zip(programs, firsts, strict=True)):
        if i == first:
            kept.append(program)
        else:
            original = programs[first]
            detail = f"the same bytes as {original['package']}: {original['path']}"
            rejected.append(
                rejection(STEP, "duplicate", detail, program["package"], program["path"])
            )
    return kept, rejected


def _within_cap(programs: list[Row], per_package: int, seed: int) -> tuple[list[Row], list[Row]]:
    kept: list[Row] = []
    rejected: list[Row] = []
    chosen = choose_programs(programs, per_package, seed)
    n_of = Counter(program["package"] for program in programs)
    for program, is_chosen in zip(programs, chosen, strict=True):
        if is_chosen:
            kept.append(program)
        else:
            package = program["package"]
            detail = f"not among the {per_package} chosen of {n_of[package]}"
            rejected.append(rejection(STEP, "over_package_cap", detail, package, program["path"]))
    return kept, rejected


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--sources", required=True, help="the sources, as a JSON list")
    parser.add_argument(
        "--root", type=Path, required=True, help="folder of node_modules and of relative paths"
    )
    parser.add_argument(
        "--max-bytes", type=positive, required=True, help="a larger file is left out, unread"
    )
    parser.add_argument(
        "--per-package", type=positive, required=True, help="the most programs of one package"
    )
    parser.add_argument(
        "--licenses", nargs="+", required=True, help="SPDX names of the licenses allowed"
    )
    parser.add_argument("--seed", type=int, required=True, help="seed of the choice")
    parser.add_argument("--fingerprint", help="what the sources hold now, for the manifest")
    parser.add_argument("--out", type=Path, required=True, help="the programs table")
    parser.add_argument("--out-rejected", type=Path, required=True, help="the rejected table")
    with run_step(parser) as args:
        programs, rejected = collect_programs(
            read_sources(args.sources),
            args.root,
            args.max_bytes,
            args.per_package,
            args.licenses,
            args.seed,
        )
        reasons = Counter(row["reason"] for row in rejected)
        counts = ", ".join(f"{n} {reason}" for reason, n in reasons.most_common())
        n_clusters = len({program["cluster"] for program in programs})
        log.info("%d programs in %d clusters", len(programs), n_clusters)
        log.info("%d inputs left out: %s", len(rejected), counts or "none")
        if not programs:
            raise UserError(
                f"source: no program is left of {len(rejected)} inputs ({counts or 'none'}); "
                "add a source, or relax what leaves them out"
            )
        manifest = run_manifest(args)
        write_table(args.out, PROGRAMS, programs, manifest)
        write_table(args.out_rejected, REJECTED, rejected, manifest)


if __name__ == "__main__":
    main()
