"""Mask what may distract from the type, in the text and from attention, and ask again."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fimscope.experiments.branched import ask_branches, fitting
from fimscope.experiments.masking.distractors import (
    draw_rest,
    mask_text,
    n_lacking,
    tokens_of,
)
from fimscope.experiments.masking.tables import MASKED_PARTS, MASKING
from fimscope.experiments.masking.ways import REGIONS, TEXT
from fimscope.experiments.outcomes import draw_of_each
from fimscope.experiments.tables import SPLIT
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import (
    REJECTED,
    check_settled,
    check_sum,
    rejection,
    unsettled,
)
from fimscope.files.tables import read_table, write_table
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
from fimscope.typescript.results import TypeScriptError
from fimscope.typescript.tables import VARIANTS

STEP = "mask_distractors"
Row = Mapping[str, Any]
READERS = {"attention_last": "last", "attention_later": "later"}
UNHIDDEN = {"hidden": [], "readers": "later"}
PLAIN = {"way": "none", "distractor": "none", "is_control": False, "n_masked": 0, **UNHIDDEN}


def mask_in_text(
    pool: TypeScriptPool,
    make: Callable[..., PromptMaker],
    recipients: Sequence[Row],
    seed: int,
    store: PartStore,
) -> Iterator[Row]:
    """Each recipient without each distractor of the text, and its control; or rejected rows.

    make         PromptMaker but for its `typescript`
    recipients   rows of the prompts table with `original` and `variant`, their variants
    store        where finished parts are kept, one a program
    """
    progress = Progress("masks", len(recipients), "examples")

    def mask_all(service: TypeScript, group: Sequence[Row]) -> list[Row]:
        def masks() -> list[Row]:
            maker = make(typescript=service)
            return [
                mask
                for prompt in group
                for distractor in TEXT
                for mask in _in_text(maker, prompt, distractor, seed)
            ]

        found = iter(store.get(group, masks, RowsFormat(MASKED_PARTS), _is_settled))
        return [_asked(prompt, next(found)) for prompt in group for _ in range(2 * len(TEXT))]

    for group in pool.map(mask_all, by_program(recipients)):
        yield from group
        progress.add(len(group) // (2 * len(TEXT)))


def _in_text(maker: PromptMaker, prompt: Row, distractor: str, seed: int) -> Iterator[Row]:
    """Two rows of masked_parts: the prompt without a distractor, and its control."""
    try:
        masked = mask_text(maker, prompt["original"], prompt["variant"], distractor, seed)
        n = n_lacking(prompt["token_ids"], masked.token_ids)
        if not n:
            raise Unfit("nothing_to_edit", f"the prompt shows no {distractor}")
    except (Unfit, TypeScriptError) as error:
        why = {"reason": error.reason, "detail": str(error)}
        for is_control in (False, True):
            yield {"distractor": distractor, "is_control": is_control, **why}
        return
    how = {"distractor": distractor, "n_masked": n}
    tokens = {"token_ids": masked.token_ids, "gold_token_ids": masked.gold_token_ids}
    yield {**how, "is_control": False, **tokens}
    try:
        gone = set(draw_rest(prompt, n, seed, distractor))
    except Unfit as error:
        yield {**how, "is_control": True, "reason": error.reason, "detail": str(error)}
        return
    left = [token for i, token in enumerate(prompt["token_ids"]) if i not in gone]
    tokens = {"token_ids": left, "gold_token_ids": prompt["gold_token_ids"]}
    yield {**how, "is_control": True, **tokens}


def _asked(prompt: Row, mask: Row) -> Row:
    """What is asked of the model with a mask in the text, or a rejected row."""
    if mask.get("reason") is not None:
        error = Unfit(mask["reason"], mask["detail"])
        return _rejection(prompt, "text", mask["distractor"], mask["is_control"], error)
    names = ("distractor", "is_control", "n_masked", "token_ids", "gold_token_ids")
    return {**prompt, "way": "text", **UNHIDDEN, **{name: mask[name] for name in names}}


def _is_settled(masks: Sequence[Row]) -> bool:
    return not unsettled(mask for mask in masks if "reason" in mask)


def mask_from_attention(recipients: Sequence[Row], seed: int) -> Iterator[Row]:
    """Each recipient with the tokens of each region kind hidden, and its control; or rejected."""
    for prompt in recipients:
        for kind in REGIONS:
            for is_control in (False, True):
                try:
                    hidden = tokens_of(prompt, kind)
                    if is_control:
                        hidden = draw_rest(prompt, len(hidden), seed, kind)
                except Unfit as error:
                    for way in READERS:
                        yield _rejection(prompt, way, kind, is_control, error)
                    continue
                how = {"distractor": kind, "is_control": is_control, "n_masked": len(hidden)}
                for way, readers in READERS.items():
                    yield {**prompt, **how, "way": way, "hidden": hidden, "readers": readers}


def _rejection(
    prompt: Row, way: str, distractor: str, is_control: bool, error: Unfit | TypeScriptError
) -> Row:
    what = f"{way}, {distractor}{', control' if is_control else ''}: {error}"
    return rejection(STEP, error.reason, what, example_id=prompt["example_id"], edit=prompt["edit"])


def _too_long(asked: Row, error: Unfit) -> Row:
    return _rejection(asked, asked["way"], asked["distractor"], asked["is_control"], error)


def ask_masked(
    runner: BatchRunner,
    recipients: Sequence[Row],
    asked: Sequence[Row],
    encoder: Encoder,
    max_new_tokens: int,
) -> list[Row]:
    """Rows of the masking table, in the order of what is asked.

    recipients   their prompts go through the model once, for all that is asked of each
    """
    answers = ask_branches(runner, recipients, asked, encoder, max_new_tokens, "masked")
    keys = ("example_id", "edit", "program_id", "gold", "outcome")
    how = ("way", "distractor", "is_control", "n_masked")
    return [
        {**{key: row[key] for key in (*keys, *how)}, "n_tokens": len(row["token_ids"]), **reply}
        for row, reply in zip(asked, answers, strict=True)
    ]


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--original", type=Path, required=True, help="variants/original.parquet")
    parser.add_argument("--variants", type=Path, required=True, help="variants/{edit}.parquet")
    parser.add_argument("--prompts", type=Path, required=True, help="prompts/{edit}.parquet")
    parser.add_argument("--split", type=Path, required=True, help="split/{edit}.parquet")
    add_model_options(parser)
    add_prompt_options(parser)
    parser.add_argument("--max-examples", type=positive, required=True, help="of each outcome")
    parser.add_argument(
        "--max-new-tokens", type=positive, required=True, help="of a completed type"
    )
    parser.add_argument(
        "--seed", type=int, required=True, help="of the examples, names and controls"
    )
    add_pool_options(parser)
    add_cache_option(parser)
    parser.add_argument("--out", type=Path, required=True, help="the masking table")
    parser.add_argument("--out-rejected", type=Path, required=True, help="what was left out")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        outcomes = draw_of_each(
            read_table(args.split, SPLIT).to_pylist(), args.max_examples, args.seed, "masking"
        )
        original, variant = (
            {row["example_id"]: row for row in read_table(path, VARIANTS).to_pylist()}
            for path in (args.original, args.variants)
        )
        recipients = [
            {
                **prompt,
                "outcome": outcomes[prompt["example_id"]],
                "original": original[prompt["example_id"]],
                "variant": variant[prompt["example_id"]],
            }
            for prompt in read_table(args.prompts, PROMPTS).to_pylist()
            if prompt["example_id"] in outcomes
        ]
        encoder = Encoder.from_folder(args.model)
        make = prompt_maker(args, encoder)
        names = ("format", "max_tokens", "golds", "seed", "seconds")
        options = {name: getattr(args, name) for name in names}
        runner = BatchRunner.of_step(STEP, args, compilers=compiler_versions(), **options)
        with TypeScriptPool(args.workers, args.seconds) as pool:
            masked = list(mask_in_text(pool, make, recipients, args.seed, runner.store))
        masked += mask_from_attention(recipients, args.seed)
        rejected = [row for row in masked if "reason" in row]
        asked = [{**prompt, **PLAIN} for prompt in recipients]
        asked += [row for row in masked if "reason" not in row]
        n_cells = 1 + 2 * (len(TEXT) + len(READERS) * len(REGIONS))
        room = read_prepared(args.model).n_context - args.max_new_tokens
        asked, too_long = fitting(asked, room, _too_long)
        rejected += too_long
        check_settled(STEP, rejected, n_cells * len(recipients))
        check_sum(STEP, n_cells * len(recipients), len(asked), len(rejected))
        rows = ask_masked(runner, recipients, asked, encoder, args.max_new_tokens)
        runner.store.log_counts()
        write_table(args.out, MASKING, rows, manifest)
        write_table(args.out_rejected, REJECTED, rejected, manifest)
        log.info("%d examples, %d prompts, %d left out", len(recipients), len(rows), len(rejected))


if __name__ == "__main__":
    main()
