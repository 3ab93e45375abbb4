"""Choose donors and recipients whose answers are whole types, with their controls."""

from collections.abc import Iterable
from pathlib import Path

from fimscope.corpus.tables import PROGRAMS
from fimscope.experiments.patch.pairs import CONDITIONS, Predictions, number_programs, pair
from fimscope.experiments.whole_patches.pairs import STEP, judged_rows, numbered, whole_pairs
from fimscope.experiments.whole_patches.tables import WHOLE_PAIRS
from fimscope.experiments.whole_types.tables import COMPLETIONS, VERDICTS
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import REJECTED, rejection
from fimscope.files.tables import Rows, read_table, write_table
from fimscope.steps.frame import log, positive, run_step, step_parser
from fimscope.typescript.client import TypeScript
from fimscope.typescript.results import Verdict

COLUMNS = [  # of the completions
    *("example_id", "edit", "program_id", "gold", "gold_token_ids", "ended"),
    *("completed_type", "type_token_ids"),
]


def forms_of(typescript: TypeScript, types: Iterable[str]) -> dict[str, str]:
    """The form of each type, as the verdicts have it of a gold; `other` where there is none."""
    spelled = sorted(set(types))
    holes = [
        {"prefix": "function f(a: ", "gold": own, "suffix": ") {}", "kind": "parameter"}
        for own in spelled
    ]
    found = typescript.verdicts([{**hole, "answer": ""} for hole in holes])
    return {
        own: verdict.form if isinstance(verdict, Verdict) else "other"
        for own, verdict in zip(spelled, found, strict=True)
    }


def main() -> None:
    parser = step_parser(__doc__)
    many = {"type": Path, "nargs": 2, "required": True}
    parser.add_argument("--programs", type=Path, required=True, help="programs.parquet")
    parser.add_argument("--completions", **many, help="of `original` and of the edit")
    parser.add_argument("--verdicts", **many, help="of the same two")
    parser.add_argument(
        "--conditions", nargs="+", required=True, choices=CONDITIONS, help="conditions to pair for"
    )
    parser.add_argument(
        "--max-pairs",
        type=positive,
        required=True,
        help="of each condition, with targets of one token, and with longer ones",
    )
    parser.add_argument(
        "--max-type-tokens", type=positive, required=True, help="a longer type is left out"
    )
    parser.add_argument("--seed", type=int, required=True, help="of the pairs that are drawn")
    parser.add_argument("--out", type=Path, required=True, help="the whole_pairs table")
    parser.add_argument("--out-rejected", type=Path, required=True, help="what was left out")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        programs = number_programs(
            Rows(args.programs, PROGRAMS, ["program_id", "cluster", "package"]), args.seed
        )
        kept, rejected, numbers = [], [], {}
        for completions, verdicts in zip(args.completions, args.verdicts, strict=True):
            own, unfit = judged_rows(
                read_table(completions, COMPLETIONS, COLUMNS).to_pylist(),
                read_table(verdicts, VERDICTS).to_pylist(),
                args.max_type_tokens,
            )
            kept.append(own)
            rejected += unfit
        originals, variants = (
            Predictions(numbered(rows, numbers), programs, args.seed) for rows in kept
        )
        by_key = {(row["example_id"], row["edit"]): row for rows in kept for row in rows}
        pairs = []
        for condition in args.conditions:
            found, lonely = pair(condition, variants, originals, len(by_key), args.seed)
            made, unfit = whole_pairs(found, by_key, args.max_pairs)
            pairs += made
            rejected += unfit
            rejected += [
                rejection(
                    STEP,
                    "not_paired",
                    f"no donor under {condition}",
                    example_id=row["example_id"],
                    edit=row["edit"],
                )
                for row in lonely
            ]
            log.info("%s: %d rows, %d without a donor", condition, len(made), len(lonely))
        with TypeScript() as typescript:
            forms = forms_of(typescript, (row["target"] for row in pairs))
        rows = [{**row, "target_form": forms[row["target"]]} for row in pairs]
        write_table(args.out, WHOLE_PAIRS, rows, manifest)
        write_table(args.out_rejected, REJECTED, rejected, manifest)


if __name__ == "__main__":
    main()
