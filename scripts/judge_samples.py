"""Judge every type among a hole's samples by the compiler, and count verdicts: pass@k."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from fimscope.experiments.samples.tables import DRAWN_TYPES, KS, SAMPLED_TYPES, SAMPLES
from fimscope.experiments.whole_types.judging import judge_answers
from fimscope.experiments.whole_types.verdicts import RIGHT, VERDICTS
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import REJECTED, check_sum
from fimscope.files.tables import read_table, write_tables
from fimscope.parts.store import UNKEPT, add_cache_option
from fimscope.statistics.pass_at_k import pass_at_k
from fimscope.steps.frame import log, run_step, step_parser
from fimscope.typescript.pool import TypeScriptPool, add_pool_options
from fimscope.typescript.tables import VARIANTS
from fimscope.typescript.variants import Store, variant_store

STEP = "judge_samples"
Row = Mapping[str, Any]
TOGETHER = 15  # types of one hole: with the gold's, as many programs as the compiler reads at once
KEPT = ("example_id", "edit", "program_id", "gold", "n_gold_tokens")


def judge_samples(
    pool: TypeScriptPool,
    variants: Mapping[str, Row],
    drawn: Sequence[Row],
    right: str,
    store: Store = UNKEPT,
) -> Iterator[tuple[str, Row]]:
    """Rows with the table of each: `samples`, `sampled_types` or `rejected`, variant by variant.

    A variant goes to `rejected` whole where one of its types cannot be judged: its counts would not
    add up.

    variants   example_id -> its row of the variants table, with the hole
    drawn      rows of the drawn types, those of a variant together
    right      of RIGHT: which verdicts count as right
    """
    asked = [{key: value for key, value in row.items() if key != "count"} for row in drawn]
    judged = judge_answers(STEP, pool, variants, asked, right, store, TOGETHER)
    both = zip(drawn, judged, strict=True)
    for _, own in groupby(both, key=lambda pair: pair[0]["example_id"]):
        types, found = zip(*own, strict=True)
        rejected = [row for table, row in found if table == "rejected"]
        if rejected:
            yield "rejected", rejected[0]
            continue
        rows = [{**row, "count": one["count"]} for one, (_, row) in zip(types, found, strict=True)]
        yield "samples", count_verdicts(rows)
        yield from (("sampled_types", row) for row in rows)


def count_verdicts(types: Sequence[Row]) -> Row:
    """The row of the samples table of one variant.

    types   rows of the verdicts table with `count`, of all that its samples spell

    pass@k is null where fewer than k samples were drawn.
    """
    n = sum(row["count"] for row in types)
    verdicts: Counter[str] = Counter()
    for row in types:
        verdicts[row["verdict"]] += row["count"]
    n_right = _count(types, itemgetter("right"))
    return {
        **{key: types[0][key] for key in (*KEPT, "form")},
        "n": n,
        **{f"n_{verdict}": verdicts[verdict] for verdict in VERDICTS},
        "n_any": _count(types, itemgetter("is_any")),
        "n_unended": _count(types, lambda row: not row["ended"]),
        "n_right": n_right,
        **{f"pass_at_{k}": pass_at_k(n, n_right, k) if k <= n else None for k in KS},
        "distinct": len({row["completed_type"] for row in types if row["completed_type"]}),
    }


def _count(types: Sequence[Row], holds: Callable[[Row], bool]) -> int:
    return sum(row["count"] for row in types if holds(row))


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--variants", type=Path, required=True, help="variants/{edit}.parquet")
    parser.add_argument("--drawn", type=Path, required=True, help="drawn_types/{edit}.parquet")
    parser.add_argument("--right", choices=list(RIGHT), required=True, help="what counts as right")
    add_pool_options(parser)
    add_cache_option(parser)
    parser.add_argument("--out", type=Path, required=True, help="the samples table")
    parser.add_argument("--out-types", type=Path, required=True, help="the types of each variant")
    parser.add_argument("--out-rejected", type=Path, required=True, help="what was left out")
    with run_step(parser) as args, TypeScriptPool(args.workers, args.seconds) as pool:
        store = variant_store(STEP, args)
        drawn = read_table(args.drawn, DRAWN_TYPES).to_pylist()
        columns = ["example_id", "prefix", "gold", "suffix"]
        variants = {
            row["example_id"]: row
            for row in read_table(args.variants, VARIANTS, columns).to_pylist()
        }
        rows = judge_samples(pool, variants, drawn, args.right, store)
        paths = {SAMPLES: args.out, SAMPLED_TYPES: args.out_types, REJECTED: args.out_rejected}
        written = write_tables(paths, rows, run_manifest(args))
        n_in = len({row["example_id"] for row in drawn})
        check_sum(STEP, n_in, written["samples"], written["rejected"])
        store.log_counts()
        counted = read_table(args.out, SAMPLES, [f"n_{verdict}" for verdict in VERDICTS])
        n_each = {name: sum(counted[name].to_pylist()) for name in counted.column_names}
        log.info("%d variants, %d types: %s", n_in, len(drawn), n_each)


if __name__ == "__main__":
    main()
