"""Gather what every step left out into one table, and count it by step and reason."""

from collections import Counter
from pathlib import Path

import pyarrow as pa

from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import REJECTED
from fimscope.files.tables import read_table, write_table
from fimscope.steps.frame import log, run_step, step_parser


def gather_rejected(tables: list[pa.Table]) -> pa.Table:
    """All rows, in the order of the steps."""
    return pa.concat_tables([table.replace_schema_metadata(None) for table in tables])


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--tables", type=Path, nargs="+", required=True, help="rejected tables")
    parser.add_argument("--out", type=Path, required=True, help="rejected.parquet")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        rows = gather_rejected([read_table(path, REJECTED) for path in args.tables])
        write_table(args.out, REJECTED, rows, manifest)
        counts = Counter(zip(rows["step"].to_pylist(), rows["reason"].to_pylist(), strict=True))
        for (step, reason), n in sorted(counts.items()):
            log.info("%s: %s: %d", step, reason, n)


if __name__ == "__main__":
    main()
