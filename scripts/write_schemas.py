"""Write the page that gives the columns of every table, from the schemas in the code."""

import ast
import io
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from fimscope.files import schemas
from fimscope.files.atomic import replacing
from fimscope.files.schemas import REASONS, SCHEMAS
from fimscope.report.markdown import table
from fimscope.steps.frame import run_step, step_parser

# Where each table stands in results/, and what one row of it is.
PLACES = {
    "programs": ("source/programs.parquet", "a program"),
    "rejected": ("{folder}/rejected.parquet", "an input that was left out, at any step"),
    "examples": ("source/examples.parquet", "an example"),
    "variants": ("source/variants/{edit}.parquet", "a variant that passed every check"),
    "prompts": ("{model}/prompts/{edit}.parquet", "a variant"),
    "activation_index": (
        "{model}/activations/{edit}/index.parquet",
        "a row of the activations' tensors, in their order",
    ),
    "predictions": ("{model}/predictions/{edit}.parquet", "a variant"),
    "split": ("{model}/split/{edit}.parquet", "a variant"),
    "funnel": ("{model}/funnel/{edit}.parquet", "a stage that programs and holes come through"),
    "pairs": ("{model}/pairs.parquet", "a recipient and one of its donors"),
    "patches": (
        "{model}/patches/{condition}.parquet",
        "a patch; those of other tokens are in `patch_positions/`",
    ),
    "components": ("{model}/components/{condition}.parquet", "a patch of a part of a block"),
    "lens": ("{model}/lens/{edit}.parquet", "a variant, point and position"),
    "lens_tokens": ("{model}/lens_tokens.parquet", "a token of a shown example, and a point"),
    "attention_shares": ("{model}/attention/{edit}.parquet", "a variant, head and kind of region"),
    "attention_differences": (
        "{model}/attention_differences.parquet",
        "a comparison, head and kind of region",
    ),
    "attention_heads": ("{model}/attention_heads.parquet", "a shown variant and head"),
    "attention_tokens": ("{model}/attention_tokens/{edit}.parquet", "a variant and head"),
    "samples": ("{model}/samples/{edit}.parquet", "a variant"),
    "steering_vectors": (
        "{model}/steering/vectors.parquet",
        "a vector and point; those of the replication are in `replication/vectors/`",
    ),
    "steering_results": (
        "{model}/steering/results.parquet",
        "a variant and dose; those of the replication are in `replication/`",
    ),
    "steering_settings": ("{model}/steering/settings.parquet", "a setting tried on `select`"),
    "steering_disturbance": (
        "{model}/steering/disturbance.parquet",
        "an unrelated token of a variant, and a dose",
    ),
    "steering_completions": ("{model}/steering/completions.parquet", "a variant and dose"),
    "steering_types": ("{model}/steering/types.parquet", "a variant and dose, type-checked"),
    "probes": ("{model}/probes.parquet", "a variant, point and task"),
    "icl": ("{model}/icl/{edit}.parquet", "a variant with one choice of shots"),
    "masking": ("{model}/masking.parquet", "a variant and mask"),
    "training_programs": ("training/programs.parquet", "a program of the embedded model's corpus"),
    "training_packages": ("training/packages.parquet", "a package of that corpus"),
    "training_log": ("training/curve.parquet", "a measurement during training"),
}
# Of unfinished steps, in results/cache/: no table that passes between steps.
PARTS = ("answers", "drawn", "masked_parts", "variant_parts")
INTRODUCTION = """\
# Tables

The tables that pass between the steps: Parquet files under `results/`, which pandas, polars,
DuckDB and Arrow read. `{model}` is `model.name` of the config, `{edit}` an edit of it, `{folder}`
either `source` or `{model}`. Each file says in its metadata which table it is (`fimscope.schema`)
and how it was made (`fimscope.manifest`: command line, versions, hashes of the inputs). Logarithms
are natural; a rank of 0 is the first; a point k is what enters block k, and the last is what enters
the final norm.
"""


def tables_page(places: Mapping[str, tuple[str, str]], source: str) -> str:
    """The page as Markdown.

    places   table -> its path in results/ and what a row is, in the order of the page
    source   the text of schemas.py, where a comment behind a column says what it holds
    """
    remarks = column_remarks(source)
    lines = [INTRODUCTION]
    for name, (path, row) in places.items():
        lines += [f"## {name}", "", f"`results/{path}`: a row is {row}.", ""]
        rows = [
            [f"`{field.name}`", type_text(field.type), remarks[name].get(field.name, "")]
            for field in SCHEMAS[name]
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


def column_remarks(source: str) -> dict[str, dict[str, str]]:
    """Table -> column -> the comment on the column's line, for those that have one.

    raises ValueError where the source does not define SCHEMAS as schemas.py does
    """
    comments = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    lists = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            lists[node.targets[0].id] = node.value
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            tables = next(n for n in ast.walk(node.value) if isinstance(n, ast.Dict))
            return {
                ast.literal_eval(key): dict(_columns(columns, lists, comments))
                for key, columns in zip(tables.keys, tables.values, strict=True)
                if key is not None
            }
    raise ValueError("schemas.py: no `SCHEMAS: ... =` found")


def _columns(
    node: ast.expr, lists: Mapping[str, ast.expr], comments: Mapping[int, str]
) -> Iterator[tuple[str, str]]:
    """Column and comment of a list of columns, of those that it takes in with a star too."""
    if isinstance(node, ast.Name):
        yield from _columns(lists[node.id], lists, comments)
    elif isinstance(node, ast.List | ast.Tuple):
        for element in node.elts:
            if isinstance(element, ast.Starred):
                yield from _columns(element.value, lists, comments)
            elif isinstance(element, ast.Tuple) and element.end_lineno in comments:
                yield ast.literal_eval(element.elts[0]), comments[element.end_lineno]


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--out", type=Path, required=True, help="docs/tables.md")
    with run_step(parser) as args:
        source = Path(schemas.__file__).read_text(encoding="utf-8")
        with replacing(args.out) as temporary:
            temporary.write_text(tables_page(PLACES, source), encoding="utf-8")


if __name__ == "__main__":
    main()
