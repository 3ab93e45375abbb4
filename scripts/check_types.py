"""Verify every variant: it parses, has its original's type errors and JavaScript, and its hole."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fimscope.errors import UserError
from fimscope.files.rejections import check_settled, check_sum, rejection, unsettled
from fimscope.files.tables import Rows
from fimscope.parts.store import UNKEPT, WHOLE, add_part_options
from fimscope.steps.frame import Progress, log, run_step, step_parser
from fimscope.typescript.client import TypeScript
from fimscope.typescript.pool import TypeScriptPool, add_pool_options, named_program
from fimscope.typescript.results import Rename, TypeScriptError
from fimscope.typescript.tables import EXAMPLES, VARIANTS
from fimscope.typescript.variants import Store, map_parts, variant_store, write_variants

STEP = "check_types"
FORESEEN = 8  # pairs whose texts the compiler reads together, before it is asked for each verdict
Row = Mapping[str, Any]


def check_types(
    pool: TypeScriptPool,
    examples: Iterable[Row],
    edited: Collection[Row],
    store: Store = UNKEPT,
) -> Iterator[tuple[str, Row]]:
    """Rows with the table of each, `variants` for all that pass, or `rejected`, in input order.

    store    where finished parts are kept; a shard's rows are those of its parts
    raises   UserError where the variants are not of these examples and in their order
    """
    n_out: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    failed: list[Row] = []
    progress = Progress("checks", store.shard.n_of(len(edited)), "variants")
    for rows in map_parts(pool, _check_all, with_originals(examples, edited), store):
        n_out.update(name for name, _ in rows)
        rejected = [row for name, row in rows if name == "rejected"]
        reasons.update(row["reason"] for row in rejected)
        failed += unsettled(rejected)
        yield from rows
        progress.add(len(rows))
    check_settled(STEP, failed, store.shard.n_of(len(edited)))
    if store.shard == WHOLE:
        check_sum(STEP, len(edited), n_out["variants"], n_out["rejected"])
    if reasons:
        log.info("rejected: %s", dict(reasons))


def with_originals(examples: Iterable[Row], edited: Iterable[Row]) -> Iterator[Row]:
    """Each variant with its example as `original`; both tables are gone through once, in step."""
    originals = iter(examples)
    original: Row = {"example_id": None}
    for variant in edited:
        while original["example_id"] != variant["example_id"]:
            following = next(originals, None)
            if following is None:
                raise UserError(
                    f"--edited: example {variant['example_id']} is not in --examples, or not where "
                    "it was; run edit_examples.py on these examples"
                )
            original = following
        yield {"program_id": variant["program_id"], "original": original, "variant": variant}


def _check_all(service: TypeScript, pairs: Sequence[Row]) -> list[tuple[str, Row]]:
    checked: list[tuple[str, Row]] = []
    for start in range(0, len(pairs), FORESEEN):
        some = pairs[start : start + FORESEEN]
        pairs_of_texts = [
            ["".join(_parts(row)) for row in (pair["original"], pair["variant"])] for pair in some
        ]
        # What is the original itself is asked for no errors.
        service.foresee(text for texts in pairs_of_texts if texts[0] != texts[1] for text in texts)
        checked += [_check_one(service, pair["original"], pair["variant"]) for pair in some]
    return checked


def _check_one(service: TypeScript, original: Row, variant: Row) -> tuple[str, Row]:
    try:
        with named_program(original):
            return "variants", {**variant, "checks": _verified(service, original, variant)}
    except TypeScriptError as error:
        return "rejected", rejection(
            STEP,
            error.reason,
            error.detail,
            original["package"],
            original["path"],
            variant["example_id"],
            variant["edit"],
        )


def _verified(service: TypeScript, original: Row, variant: Row) -> Row:
    """The checks of a variant that passes them all; raises TypeScriptError for any other."""
    renames = [Rename(**rename) for rename in variant["renames"]]
    verdict = service.check(_parts(original), _parts(variant), renames)
    if verdict.reason is not None:
        raise TypeScriptError(verdict.reason, verdict.detail)
    return {
        "parses": verdict.parses,
        "same_errors": verdict.same_errors,
        "same_javascript": verdict.same_javascript,
        "same_text": verdict.same_text,
    }


def _parts(row: Row) -> tuple[str, str, str]:
    return row["prefix"], row["gold"], row["suffix"]


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    parser.add_argument("--edited", type=Path, required=True, help="the variants, unchecked")
    add_pool_options(parser)
    add_part_options(parser, out="the variants that pass", out_rejected="the rejected table")
    with run_step(parser) as args, TypeScriptPool(args.workers, args.seconds) as pool:
        store = variant_store(STEP, args)
        examples, edited = Rows(args.examples, EXAMPLES), Rows(args.edited, VARIANTS)
        write_variants(check_types(pool, examples, edited, store), args)
        store.log_counts()


if __name__ == "__main__":
    main()
