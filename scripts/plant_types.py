"""Plant another type where an algorithm would read it, and see whether the answer follows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fimscope.experiments.algorithms.counterfactuals import plant_all
from fimscope.experiments.algorithms.hypotheses import HYPOTHESES
from fimscope.experiments.algorithms.names import NamesOfKind, telling_names
from fimscope.experiments.algorithms.tables import ALGORITHMS, PLANTED_PARTS
from fimscope.experiments.answers import same_type
from fimscope.experiments.branched import ask_branches, fitting
from fimscope.experiments.groups import read_groups
from fimscope.experiments.outcomes import draw_of_each, outcome_of
from fimscope.experiments.tables import PREDICTIONS, SPLIT
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import (
    REJECTED,
    check_settled,
    check_sum,
    rejection,
    unsettled,
)
from fimscope.files.tables import Rows, read_table, write_table
from fimscope.inference.batching import BatchRunner
from fimscope.models.options import add_model_options
from fimscope.models.prepared import read_prepared
from fimscope.parts.formats import RowsFormat
from fimscope.parts.store import PartStore, add_cache_option
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.maker import PromptMaker
from fimscope.prompts.options import add_prompt_options, prompt_maker
from fimscope.prompts.prompt import Unfit
from fimscope.prompts.tables import PROMPTS
from fimscope.steps.frame import Progress, log, positive, run_step, step_parser
from fimscope.typescript.client import TypeScript
from fimscope.typescript.pool import TypeScriptPool, add_pool_options, by_program
from fimscope.typescript.process import compiler_versions
from fimscope.typescript.tables import EXAMPLES, VARIANTS

STEP = "plant_types"
N_CELLS = 2 * len(HYPOTHESES)
Row = Mapping[str, Any]


def plant_types(
    pool: TypeScriptPool,
    make: Callable[..., PromptMaker],
    recipients: Sequence[Row],
    names: NamesOfKind,
    seed: int,
    store: PartStore,
) -> tuple[list[Row], list[Row]]:
    """What is asked of the model, rows of prompts with their change; and rejected rows.

    make         PromptMaker but for its `typescript`
    recipients   rows of the prompts table with `original`, `variant`, `answer` and `outcome`
    names        of `telling_names`
    store        where finished parts are kept, one a program
    """
    progress = Progress("counterfactuals", len(recipients), "examples")
    asked, rejected = [], []

    def plant(service: TypeScript, group: Sequence[Row]) -> list[tuple[Row, Row]]:
        def rows() -> list[Row]:
            maker = make(typescript=service)
            return [row for prompt in group for row in plant_all(maker, prompt, names, seed)]

        found = iter(store.get([group, names], rows, RowsFormat(PLANTED_PARTS), _is_settled))
        return [(prompt, next(found)) for prompt in group for _ in range(N_CELLS)]

    for group in pool.map(plant, by_program(recipients)):
        for prompt, row in group:
            if row.get("reason") is None:
                how = {"hidden": row.get("hidden") or [], "readers": "later"}
                asked.append({**prompt, **row, **how})
            else:
                rejected.append(_rejection(prompt, row, row["reason"], row["detail"]))
        progress.add(len(group) // N_CELLS)
    return asked, rejected


def _rejection(prompt: Row, row: Row, reason: str, detail: str) -> Row:
    what = f"{row['hypothesis']}{', control' if row['is_control'] else ''}: {detail}"
    return rejection(STEP, reason, what, example_id=prompt["example_id"], edit=prompt["edit"])


def _too_long(asked: Row, error: Unfit) -> Row:
    return _rejection(asked, asked, error.reason, str(error))


def _is_settled(rows: Sequence[Row]) -> bool:
    return not unsettled(row for row in rows if row.get("reason") is not None)


def algorithm_rows(asked: Sequence[Row], answers: Sequence[Row]) -> Iterator[Row]:
    """Rows of the algorithms table, of what was asked and its answers."""
    kept = [name for name in ALGORITHMS.schema.names if name != "name"]
    for row, reply in zip(asked, answers, strict=True):
        said = reply["predicted"]
        planted = row.get("planted")
        yield {
            **{name: row.get(name) for name in kept},
            "name": row["variant"]["name"],
            "predicted": said,
            "moved": not same_type(said, row["answer"]),
            "follows": None if planted is None else same_type(said, planted),
        }


def recipients_of(args) -> list[Row]:
    """The prompts that are asked, with their variants, what the model says and how that came out.

    They are not of `fit`, whose names are planted, and the same whatever edit is asked.
    """
    groups = read_groups(args.examples)
    drawn = draw_of_each(
        [row for row in Rows(args.drawn, SPLIT) if groups[row["example_id"]] != "fit"],
        args.max_examples,
        args.seed,
        "algorithms",
    )
    original, variant, answers, outcomes = (
        {row["example_id"]: row for row in Rows(path, table) if row["example_id"] in drawn}
        for path, table in (
            (args.original, VARIANTS),
            (args.variants, VARIANTS),
            (args.predictions, PREDICTIONS),
            (args.split, SPLIT),
        )
    )
    return [
        {
            **prompt,
            "original": original[prompt["example_id"]],
            "variant": variant[prompt["example_id"]],
            "answer": answers[prompt["example_id"]]["predicted"],
            "outcome": outcome_of(outcomes[prompt["example_id"]]),
        }
        for prompt in read_table(args.prompts, PROMPTS).to_pylist()
        if prompt["example_id"] in drawn
    ]


NAMES = ["example_id", "program_id", "kind", "name", "gold", "group", "package"]


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    parser.add_argument("--original", type=Path, required=True, help="variants/original.parquet")
    parser.add_argument("--variants", type=Path, required=True, help="variants/{edit}.parquet")
    parser.add_argument("--prompts", type=Path, required=True, help="prompts/{edit}.parquet")
    parser.add_argument(
        "--predictions", type=Path, required=True, help="predictions/{edit}.parquet"
    )
    parser.add_argument("--unedited", type=Path, required=True, help="predictions/original.parquet")
    parser.add_argument("--split", type=Path, required=True, help="split/{edit}.parquet")
    parser.add_argument(
        "--drawn", type=Path, required=True, help="split of the edit by which examples are drawn"
    )
    add_model_options(parser)
    add_prompt_options(parser)
    parser.add_argument("--max-examples", type=positive, required=True, help="of each outcome")
    parser.add_argument(
        "--min-programs", type=positive, required=True, help="of fit, that a name has its type in"
    )
    parser.add_argument(
        "--max-new-tokens", type=positive, required=True, help="of a completed type"
    )
    parser.add_argument("--seed", type=int, required=True, help="of examples, types and controls")
    add_pool_options(parser)
    add_cache_option(parser)
    parser.add_argument("--out", type=Path, required=True, help="algorithms/{edit}.parquet")
    parser.add_argument("--out-rejected", type=Path, required=True, help="what was left out")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        recipients = recipients_of(args)
        fit = (row for row in Rows(args.examples, EXAMPLES, NAMES) if row["group"] == "fit")
        right = {row["example_id"] for row in Rows(args.unedited, PREDICTIONS) if row["correct"]}
        names = telling_names(fit, right, args.min_programs)
        encoder = Encoder.from_folder(args.model)
        make = prompt_maker(args, encoder)
        decides = ("format", "max_tokens", "golds", "seed", "seconds")
        options = {name: getattr(args, name) for name in decides}
        runner = BatchRunner.of_step(STEP, args, compilers=compiler_versions(), **options)
        with TypeScriptPool(args.workers, args.seconds) as pool:
            asked, rejected = plant_types(pool, make, recipients, names, args.seed, runner.store)
        room = read_prepared(args.model).n_context - args.max_new_tokens
        asked, too_long = fitting(asked, room, _too_long)
        rejected += too_long
        check_settled(STEP, rejected, N_CELLS * len(recipients))
        check_sum(STEP, N_CELLS * len(recipients), len(asked), len(rejected))
        answers = ask_branches(runner, recipients, asked, encoder, args.max_new_tokens, "planted")
        rows = list(algorithm_rows(asked, answers))
        runner.store.log_counts()
        write_table(args.out, ALGORITHMS, rows, manifest)
        write_table(args.out_rejected, REJECTED, rejected, manifest)
        n_names = sum(len(own) for of_type in names.values() for own in of_type.values())
        told = len(recipients), len(rows), len(rejected), n_names
        log.info("%d examples, %d prompts, %d left out; %d telling names", *told)


if __name__ == "__main__":
    main()
