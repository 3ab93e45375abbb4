"""Write the page that gives the columns of every table, from the schemas in the code."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from fimscope.experiments.registry import all_tables
from fimscope.files.atomic import replacing
from fimscope.files.rejections import REASONS
from fimscope.files.tables import Table
from fimscope.report.markdown import table
from fimscope.steps.frame import run_step, step_parser

INTRODUCTION = """\
# Tables

The tables that pass between the steps: Parquet files under `results/`, which pandas, polars,
DuckDB and Arrow read. `{study}` is the name of a study, `{edit}` an edit of its config. Each file
says in its metadata which table it is (`fimscope.schema`) and how it was made
(`fimscope.manifest`: command line, versions, hashes of the inputs). Logarithms are natural; a rank
of 0 is the first; a point k is what enters block k, and the last is what enters the final norm.
"""


def tables_page(tables: Iterable[Table]) -> str:
    """The page as Markdown, of the tables that have a place."""
    lines = [INTRODUCTION]
    for one in tables:
        if one.place is None:
            continue
        lines += [f"## {one.name}", "", f"`results/{one.place}`: a row is {one.row}.", ""]
        rows = [
            [f"`{name}`", type_text(kind), *(rest or [""])] for name, kind, *rest in one.columns
        ]
        lines += table(["column", "type", "what it holds"], rows, n_left=3)
    lines += ["## Reasons", "", "`reason` of a `rejected` table is one of these:", ""]
    lines += [f"`{reason}`," for reason in REASONS[:-1]] + [f"`{REASONS[-1]}`."]
    return "\n".join(lines) + "\n"


def type_text(kind: pa.DataType) -> str:
    """An Arrow type in a few words."""
    if pa.types.is_list(kind):
        return f"list of {type_text(kind.value_type)}"
    if pa.types.is_struct(kind):
        return "(" + ", ".join(f"{field.name}: {type_text(field.type)}" for field in kind) + ")"
    return {"double": "float64", "float": "float32"}.get(str(kind), str(kind))


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--out", type=Path, required=True, help="docs/tables.md")
    with run_step(parser) as args, replacing(args.out) as temporary:
        temporary.write_text(tables_page(all_tables().values()), encoding="utf-8")


if __name__ == "__main__":
    main()
