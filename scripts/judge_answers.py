"""Judge every completed type by the compiler: the gold, equivalent to it, or does it check?"""

from collections import Counter
from pathlib import Path

from fimscope.experiments.whole_types.judging import judge_answers
from fimscope.experiments.whole_types.tables import COMPLETIONS, VERDICTS
from fimscope.experiments.whole_types.verdicts import RIGHT
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import REJECTED, check_sum
from fimscope.files.tables import read_table, write_tables
from fimscope.parts.store import add_cache_option
from fimscope.steps.frame import log, run_step, step_parser
from fimscope.typescript.pool import TypeScriptPool, add_pool_options
from fimscope.typescript.tables import VARIANTS
from fimscope.typescript.variants import variant_store

STEP = "judge_answers"


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--variants", type=Path, required=True, help="variants/{edit}.parquet")
    parser.add_argument(
        "--completions", type=Path, required=True, help="completions/{edit}.parquet"
    )
    parser.add_argument("--right", choices=list(RIGHT), required=True, help="what counts as right")
    add_pool_options(parser)
    add_cache_option(parser)
    parser.add_argument("--out", type=Path, required=True, help="the verdicts table")
    parser.add_argument("--out-rejected", type=Path, required=True, help="what was left out")
    with run_step(parser) as args, TypeScriptPool(args.workers, args.seconds) as pool:
        store = variant_store(STEP, args)
        completions = read_table(args.completions, COMPLETIONS).to_pylist()
        columns = ["example_id", "prefix", "gold", "suffix"]
        variants = {
            row["example_id"]: row
            for row in read_table(args.variants, VARIANTS, columns).to_pylist()
        }
        rows = judge_answers(STEP, pool, variants, completions, args.right, store)
        paths = {VERDICTS: args.out, REJECTED: args.out_rejected}
        written = write_tables(paths, rows, run_manifest(args))
        check_sum(STEP, len(completions), written["verdicts"], written["rejected"])
        store.log_counts()
        found = read_table(args.out, VERDICTS, ["verdict"])["verdict"].to_pylist()
        log.info("%s", dict(Counter(found)))


if __name__ == "__main__":
    main()
