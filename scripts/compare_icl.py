"""Ask with solved examples in front of the prompt: none or several, of the same type or not."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fimscope.experiments.answers import ask_all, ask_types
from fimscope.experiments.icl.choices import CHOICES
from fimscope.experiments.icl.shots import (
    WRITERS,
    Shot,
    draw_shots,
    make_shot,
    put_in_front,
)
from fimscope.experiments.icl.tables import ICL
from fimscope.experiments.outcomes import draw_of_each
from fimscope.experiments.tables import SPLIT
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import REJECTED, check_settled, check_sum, rejection
from fimscope.files.tables import read_table, write_table
from fimscope.inference.batching import BatchRunner
from fimscope.models.options import add_model_options
from fimscope.models.prepared import read_prepared
from fimscope.parts.store import add_cache_option
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.prompt import Unfit
from fimscope.prompts.tables import PROMPTS
from fimscope.report.format import counted
from fimscope.steps.frame import log, positive, run_step, step_parser
from fimscope.typescript.client import TypeScript
from fimscope.typescript.pool import TypeScriptPool, add_pool_options, by_program
from fimscope.typescript.results import TypeScriptError
from fimscope.typescript.tables import EXAMPLES

STEP = "compare_icl"
Row = Mapping[str, Any]


def make_shots(
    pool: TypeScriptPool, encoder: Encoder, format: str, donors: Sequence[Row], max_tokens: int
) -> tuple[list[Shot], list[Row]]:
    """The shots of all donors that can be one, and rows of the rejected table for the others."""

    def make_all(service: TypeScript, group: Sequence[Row]) -> list[Shot | Row]:
        return [_shot_or_rejection(encoder, service, format, row, max_tokens) for row in group]

    made = [one for group in pool.map(make_all, by_program(donors)) for one in group]
    shots = [one for one in made if isinstance(one, Shot)]
    return shots, [one for one in made if not isinstance(one, Shot)]


def _shot_or_rejection(
    encoder: Encoder, service: TypeScript, format: str, donor: Row, max_tokens: int
) -> Shot | Row:
    try:
        return make_shot(encoder, service, format, donor, max_tokens)
    except (Unfit, TypeScriptError) as error:
        return rejection(STEP, error.reason, f"no shot: {error}", example_id=donor["example_id"])


def find_donors(
    split: Sequence[Row], shots: Sequence[Shot], choices: Sequence[str], n: int
) -> tuple[list[Row], list[Row]]:
    """Rows of the split table for which every choice has n shots, and the rejected others."""
    found, rejected = [], []
    for row in split:
        try:
            for choice in choices:
                draw_shots(choice, row, shots, n, seed=0)
            found.append(row)
        except Unfit as error:
            key = {name: row[name] for name in ("example_id", "edit")}
            rejected.append(rejection(STEP, error.reason, str(error), **key))
    return found, rejected


def write_prompts(
    recipients: Sequence[Row],
    shots: Sequence[Shot],
    choices: Sequence[str],
    numbers: Sequence[int],
    seeds: Sequence[int],
    n_start: int,
    max_tokens: int,
) -> Iterator[Row]:
    """Each recipient's prompt with no shots, and with every number of every choice and seed.

    recipients   rows of the prompts table with their `outcome`, all of them with donors
    returns      rows with `token_ids`, or rows of the rejected table, which have a `reason`
    """
    for prompt in recipients:
        plain = {"choice": "none", "n_shots": 0, "seed": None, "shots": []}
        yield {**prompt, **plain}
        for choice in choices:
            for n in numbers:
                for seed in seeds:
                    shot_ids, names = draw_shots(choice, prompt, shots, n, seed)
                    token_ids = put_in_front(prompt, shot_ids, n_start)
                    if len(token_ids) > max_tokens:
                        detail = (
                            f"{counted(len(token_ids), 'token')} with {counted(n, 'shot')} "
                            f"({choice})"
                        )
                        key = {name: prompt[name] for name in ("example_id", "edit")}
                        why = f"{detail}, the most is {max_tokens}"
                        yield rejection(STEP, "over_budget", why, **key)
                        continue
                    how = {"choice": choice, "n_shots": n, "seed": seed, "shots": names}
                    yield {**prompt, **how, "token_ids": token_ids}


def icl_row(asked: Row, answer: Row) -> Row:
    """A row of the icl table."""
    keys = ("example_id", "edit", "program_id", "gold", "outcome")
    how = ("choice", "n_shots", "seed", "shots")
    kept = {key: asked[key] for key in (*keys, *how)}
    return {**kept, "n_tokens": len(asked["token_ids"]), **answer}


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    parser.add_argument("--prompts", type=Path, required=True, help="prompts/{edit}.parquet")
    parser.add_argument("--split", type=Path, required=True, help="split/{edit}.parquet")
    add_model_options(parser)
    parser.add_argument("--format", choices=sorted(WRITERS), required=True, help="prompt format")
    parser.add_argument(
        "--choices", nargs="+", choices=CHOICES, required=True, help="how the shots are chosen"
    )
    parser.add_argument(
        "--n-shots", nargs="+", type=positive, required=True, help="numbers of shots, each tried"
    )
    parser.add_argument(
        "--shot-tokens", type=positive, required=True, help="typed code of one shot"
    )
    parser.add_argument("--n-seeds", type=positive, required=True, help="draws of the shots")
    parser.add_argument("--max-examples", type=positive, required=True, help="of each outcome")
    parser.add_argument(
        "--max-new-tokens", type=positive, required=True, help="of a completed type"
    )
    parser.add_argument("--seed", type=int, required=True, help="of the examples and the shots")
    add_pool_options(parser)
    add_cache_option(parser)
    parser.add_argument("--out", type=Path, required=True, help="the icl table")
    parser.add_argument("--out-rejected", type=Path, required=True, help="what was left out")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        examples = read_table(args.examples, EXAMPLES).to_pylist()
        encoder = Encoder.from_folder(args.model)
        donors = [row for row in examples if row["group"] == "fit"]
        with TypeScriptPool(args.workers, args.seconds) as pool:
            shots, rejected = make_shots(pool, encoder, args.format, donors, args.shot_tokens)
        log.info("%d of %d `fit` examples are shots", len(shots), len(donors))

        away = {row["example_id"] for row in examples if row["group"] != "fit"}
        split = [
            row for row in read_table(args.split, SPLIT).to_pylist() if row["example_id"] in away
        ]
        with_donors, lonely = find_donors(split, shots, args.choices, max(args.n_shots))
        rejected += lonely
        outcomes = draw_of_each(with_donors, args.max_examples, args.seed, "icl")
        recipients = [
            {**prompt, "outcome": outcomes[prompt["example_id"]]}
            for prompt in read_table(args.prompts, PROMPTS).to_pylist()
            if prompt["example_id"] in outcomes
        ]
        runner = BatchRunner.of_step(STEP, args)
        seeds = [args.seed + i for i in range(args.n_seeds)]
        room = read_prepared(args.model).n_context - args.max_new_tokens
        written = list(
            write_prompts(
                recipients, shots, args.choices, args.n_shots, seeds, len(encoder.start_ids), room
            )
        )
        asked = [row for row in written if "reason" not in row]
        rejected += [row for row in written if "reason" in row]
        n_cells = 1 + len(args.choices) * len(args.n_shots) * args.n_seeds
        n_in = len(donors) - len(shots) + len(lonely) + n_cells * len(recipients)
        check_settled(STEP, rejected, n_in)
        check_sum(STEP, n_in, len(asked), len(rejected))
        ask = partial(ask_all, runner, what="in-context answers")
        answers = ask_types(asked, encoder, args.max_new_tokens, ask)
        runner.store.log_counts()
        rows = [icl_row(*pair) for pair in zip(asked, answers, strict=True)]
        write_table(args.out, ICL, rows, manifest)
        write_table(args.out_rejected, REJECTED, rejected, manifest)
        log.info("%d examples, %d prompts, %d left out", len(recipients), len(rows), len(rejected))


if __name__ == "__main__":
    main()
