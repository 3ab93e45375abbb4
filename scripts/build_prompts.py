"""Turn every variant into the prompt that the model is asked: window, tokens, named positions."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fimscope.errors import UserError
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import REJECTED, check_settled, check_sum, rejection
from fimscope.files.tables import read_table, write_table
from fimscope.models.prepared import read_prepared
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.maker import PromptMaker
from fimscope.prompts.options import add_prompt_options, prompt_maker
from fimscope.prompts.prompt import Prompt, Unfit
from fimscope.prompts.tables import PROMPTS
from fimscope.report.format import counted
from fimscope.report.head import say_size
from fimscope.steps.frame import Progress, log, run_step, step_parser
from fimscope.typescript.client import TypeScript
from fimscope.typescript.edit_names import ORIGINAL
from fimscope.typescript.pool import TypeScriptPool, add_pool_options, by_program
from fimscope.typescript.results import TypeScriptError
from fimscope.typescript.tables import VARIANTS

Row = Mapping[str, Any]


def build_prompts(
    pool: TypeScriptPool,
    make: Callable[..., PromptMaker],
    originals: Mapping[str, Row],
    variants: Sequence[Row],
    longest: int,
) -> tuple[list[Row], list[Row]]:
    """Rows of the prompts table, and rows of the rejected table, in the variants' order.

    make        gives the maker that works with a service: make(typescript=service)
    originals   example_id -> its row of variants/original
    longest     tokens of a prompt: a variant may be longer than its original, of which the window
                is chosen
    """
    prompts: list[Row] = []
    rejected: list[Row] = []
    progress = Progress("prompts", len(variants), "variants")

    def build_all(service: TypeScript, group: Sequence[Row]) -> list[tuple[bool, Row]]:
        maker = make(typescript=service)
        return [_build_one(maker, originals[row["example_id"]], row, longest) for row in group]

    for rows in pool.map(build_all, by_program(variants)):
        for is_prompt, row in rows:
            (prompts if is_prompt else rejected).append(row)
        progress.add(len(rows))
    return prompts, rejected


def _build_one(maker: PromptMaker, original: Row, variant: Row, longest: int) -> tuple[bool, Row]:
    """Whether the variant gives a prompt, and its row of the one or the other table."""
    try:
        prompt = maker.make(original, variant)
        if len(prompt.token_ids) > longest:
            detail = f"{counted(len(prompt.token_ids), 'token')}; the model has room for {longest}"
            raise Unfit("over_budget", detail)
        return True, _prompt_row(variant, prompt)
    except (Unfit, TypeScriptError) as error:
        return False, rejection(
            "build_prompts",
            error.reason,
            str(error),
            example_id=variant["example_id"],
            edit=variant["edit"],
        )


def _prompt_row(variant: Row, prompt: Prompt) -> dict[str, Any]:
    return {
        **{key: variant[key] for key in ("example_id", "edit", "program_id", "kind", "gold")},
        "text": prompt.text,
        "token_ids": prompt.token_ids,
        "gold_token_ids": prompt.gold_token_ids,
        "positions": [{"name": n, "index": i} for n, i in sorted(prompt.positions.items())],
        "regions": [vars(region) for region in prompt.regions],
        "window": prompt.window,
        "n_prompt_truncated": prompt.n_truncated,
    }


def warn_if_small(prompts: Sequence[Row]) -> None:
    """Say before the model is asked that the study's programs are few for its tests."""
    programs = {row["program_id"] for row in prompts if row["edit"] == ORIGINAL}
    if programs and (small := say_size(len(programs))):
        log.warning("%s", small)


def check_room(longest: int, max_tokens: int) -> None:
    """raises UserError where the model has no room for the longest prompt and its answer"""
    if longest < max_tokens:
        raise UserError(
            f"prompt.max_tokens: {max_tokens} found, where the model has room for {longest} beside "
            "predict.max_new_tokens; lower one of them"
        )


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--original", type=Path, required=True, help="variants/original.parquet")
    parser.add_argument("--variants", type=Path, required=True, help="variants/{edit}.parquet")
    parser.add_argument("--model", type=Path, required=True, help="folder of the prepared model")
    add_prompt_options(parser)
    parser.add_argument("--max-new-tokens", type=int, required=True, help="room for an answer")
    add_pool_options(parser)
    parser.add_argument("--out", type=Path, required=True, help="the prompts table")
    parser.add_argument("--out-rejected", type=Path, required=True, help="what was left out")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        originals = {r["example_id"]: r for r in read_table(args.original, VARIANTS).to_pylist()}
        variants = read_table(args.variants, VARIANTS).to_pylist()
        encoder = Encoder.from_folder(args.model)
        longest = read_prepared(args.model).n_context - args.max_new_tokens
        check_room(longest, args.max_tokens)
        make = prompt_maker(args, encoder)
        with TypeScriptPool(args.workers, args.seconds) as pool:
            prompts, rejected = build_prompts(pool, make, originals, variants, longest)
        check_settled("build_prompts", rejected, len(variants))
        check_sum("build_prompts", len(variants), len(prompts), len(rejected))
        write_table(args.out, PROMPTS, prompts, manifest)
        write_table(args.out_rejected, REJECTED, rejected, manifest)
        log.info("%d prompts, %d variants left out", len(prompts), len(rejected))
        warn_if_small(prompts)


if __name__ == "__main__":
    main()
