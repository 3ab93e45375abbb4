"""Let the model complete the type of every hole, as long as it may be, until it ends."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.experiments.answers import completed_types
from fimscope.experiments.whole_types.asking import TypeEnds, draw_examples
from fimscope.experiments.whole_types.shown import shown_annotations, shown_types
from fimscope.experiments.whole_types.tables import COMPLETED, COMPLETIONS
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import REJECTED, check_settled, check_sum, rejection
from fimscope.files.tables import read_table, write_table
from fimscope.inference.batching import BatchRunner
from fimscope.models.options import add_model_options, stop_ids
from fimscope.models.prepared import read_prepared
from fimscope.parts.formats import BatchRows
from fimscope.parts.store import add_cache_option
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.maker import FORMATS, PromptMaker
from fimscope.prompts.prompt import Unfit
from fimscope.prompts.regions import read_regions
from fimscope.prompts.tables import PROMPTS
from fimscope.report.format import counted
from fimscope.steps.frame import Progress, log, positive, run_step, step_parser
from fimscope.typescript.client import TypeScript
from fimscope.typescript.pool import TypeScriptPool, add_pool_options, by_program
from fimscope.typescript.process import compiler_versions
from fimscope.typescript.results import TypeScriptError
from fimscope.typescript.tables import VARIANTS

if TYPE_CHECKING:
    from fimscope.models.load import Model

STEP = "complete_types"
Row = Mapping[str, Any]
KEPT = ("example_id", "edit", "program_id", "kind", "gold")
SHORT = 12  # tokens, behind which nine completions of ten have ended


def make_prompts(
    pool: TypeScriptPool,
    make: Callable[..., PromptMaker],
    originals: Mapping[str, Row],
    variants: Sequence[Row],
    known: Mapping[str, Row],
    longest: int,
) -> Iterator[Row]:
    """Each variant with its tokens, its gold's and its regions, or a row of the rejected table.

    make        PromptMaker of golds of any length, but for its `typescript`
    originals   example_id -> its row of variants/original
    known       example_id -> its row of the prompts table with its regions, where there is one: it
                is not made again
    longest     tokens of a prompt
    """
    progress = Progress("prompts", len(variants), "variants")

    def make_all(service: TypeScript, group: Sequence[Row]) -> list[Row]:
        maker = make(typescript=service)
        return [
            _asked(row, known[row["example_id"]])
            if row["example_id"] in known
            else _make_one(maker, originals[row["example_id"]], row, longest)
            for row in group
        ]

    for rows in pool.map(make_all, by_program(variants)):
        yield from rows
        progress.add(len(rows))


def _make_one(maker: PromptMaker, original: Row, variant: Row, longest: int) -> Row:
    try:
        prompt = maker.make(original, variant)
        if (n := len(prompt.token_ids)) > longest:
            raise Unfit("over_budget", f"{counted(n, 'token')}; the model has room for {longest}")
        return _asked(variant, vars(prompt))
    except (Unfit, TypeScriptError) as error:
        name, edit = variant["example_id"], variant["edit"]
        return rejection(STEP, error.reason, str(error), example_id=name, edit=edit)


def _asked(variant: Row, prompt: Row) -> Row:
    tokens = {name: prompt[name] for name in ("token_ids", "gold_token_ids", "regions")}
    return {**{key: variant[key] for key in KEPT}, **tokens}


def complete_types(
    runner: BatchRunner, prompts: Sequence[Row], encoder: Encoder, max_new_tokens: int
) -> list[Row]:
    """Rows of the completions table, in the prompts' order.

    The few that are long go through the model again, together: a batch is as slow as its longest.
    """
    found: list[Row] = [{"ended": False} for _ in prompts]
    with TypeScript() as typescript:
        ends = TypeEnds(typescript, encoder)
        for what, n_new in (("completions", SHORT), ("long completions", max_new_tokens)):
            still = [i for i, own in enumerate(found) if not own["ended"]]
            asked = [prompts[i] for i in still]
            made = _complete(runner, asked, ends, what, min(n_new, max_new_tokens))
            for i, own in zip(still, made, strict=True):
                found[i] = own
        texts = [encoder.decode(own["token_ids"]) for own in found]
        types = completed_types(typescript, texts, prompts)
        shown = shown_types(
            typescript,
            [shown_annotations(encoder, own["token_ids"], own["regions"]) for own in prompts],
        )
    return [
        {
            **{key: prompt[key] for key in KEPT},
            "n_gold_tokens": len(prompt["gold_token_ids"]),
            "gold_token_ids": prompt["gold_token_ids"],
            "n_tokens": len(prompt["token_ids"]),
            "token_ids": prompt["token_ids"],
            "shown_types": shows,
            "completion": text,
            "n_new_tokens": len(own["token_ids"]),
            "ended": own["ended"],
            "completed_type": spelled,
            "type_token_ids": tokens_of_type(own["token_ids"], spelled, encoder),
        }
        for prompt, shows, own, text, spelled in zip(
            prompts, shown, found, texts, types, strict=True
        )
    ]


def tokens_of_type(token_ids: Sequence[int], spelled: str, encoder: Encoder) -> list[int] | None:
    """The first tokens of a completion, those that spell its type; None where they spell more."""
    for end in range(len(token_ids) + 1):
        if encoder.decode(token_ids[:end]).strip() == spelled:
            return list(token_ids[:end])
    return None


def _complete(
    runner: BatchRunner,
    prompts: Sequence[Row],
    ends: TypeEnds,
    what: str,
    max_new_tokens: int,
) -> list[Row]:
    """Rows of the completed table, in the prompts' order."""

    def ask(model: "Model", rows: list[int]) -> list[Row]:
        from fimscope.inference.generate import complete

        token_ids = [prompts[row]["token_ids"] for row in rows]
        has_ended = partial(ends.look, [prompts[row]["kind"] for row in rows])
        made = complete(model, token_ids, max_new_tokens, stop_ids(model), has_ended)
        return [{"token_ids": one.token_ids, "ended": one.stopped} for one in made]

    def ingredients(row: int) -> list[Any]:
        return [prompts[row]["token_ids"], prompts[row]["kind"]]

    found: list[Row] = [{} for _ in prompts]
    batches = runner.plan(len(prompt["token_ids"]) for prompt in prompts)
    for rows, made in runner.run(what, batches, ask, ingredients, BatchRows(COMPLETED)):
        for row, own in zip(rows, made, strict=True):
            found[row] = own
    return found


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--original", type=Path, required=True, help="variants/original.parquet")
    parser.add_argument("--variants", type=Path, required=True, help="variants/{edit}.parquet")
    parser.add_argument("--prompts", type=Path, required=True, help="prompts/{edit}.parquet")
    add_model_options(parser)
    parser.add_argument("--format", choices=sorted(FORMATS), required=True, help="prompt format")
    parser.add_argument(
        "--max-tokens", type=positive, required=True, help="longest prompt of an original"
    )
    parser.add_argument("--max-examples", type=positive, required=True, help="drawn by the seed")
    parser.add_argument(
        "--max-new-tokens", type=positive, required=True, help="a type that goes on never ends"
    )
    parser.add_argument("--seed", type=int, required=True, help="of the examples")
    add_pool_options(parser)
    add_cache_option(parser)
    parser.add_argument("--out", type=Path, required=True, help="the completions table")
    parser.add_argument("--out-rejected", type=Path, required=True, help="what was left out")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        originals = {r["example_id"]: r for r in read_table(args.original, VARIANTS).to_pylist()}
        chosen = draw_examples(originals, args.max_examples, args.seed, STEP)
        variants, known = (
            [row for row in read_table(path, kind).to_pylist() if row["example_id"] in chosen]
            for path, kind in ((args.variants, VARIANTS), (args.prompts, PROMPTS))
        )
        encoder = Encoder.from_folder(args.model)
        make = partial(
            PromptMaker, FORMATS[args.format], encoder, max_tokens=args.max_tokens, golds="all"
        )
        longest = read_prepared(args.model).n_context - args.max_new_tokens
        runner = BatchRunner.of_step(
            STEP, args, compilers=compiler_versions(), max_new_tokens=args.max_new_tokens
        )
        with TypeScriptPool(args.workers, args.seconds) as pool:
            by_example = {row["example_id"]: {**row, "regions": read_regions(row)} for row in known}
            made = list(make_prompts(pool, make, originals, variants, by_example, longest))
        rejected = [row for row in made if "reason" in row]
        prompts = [row for row in made if "reason" not in row]
        check_settled(STEP, rejected, len(variants))
        check_sum(STEP, len(variants), len(prompts), len(rejected))
        rows = complete_types(runner, prompts, encoder, args.max_new_tokens)
        runner.store.log_counts()
        write_table(args.out, COMPLETIONS, rows, manifest)
        write_table(args.out_rejected, REJECTED, rejected, manifest)
        n_ended = sum(row["ended"] for row in rows)
        log.info("%d of %d completions end, %d left out", n_ended, len(rows), len(rejected))


if __name__ == "__main__":
    main()
