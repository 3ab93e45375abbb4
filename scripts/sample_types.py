"""Draw many completions of every hole and count how often the type is right: pass@k."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.experiments.samples.tables import DRAWN, SAMPLES
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import check_sum
from fimscope.files.tables import read_table, write_table
from fimscope.inference.batching import get_parts
from fimscope.models.options import add_model_options, model_opener, stop_ids
from fimscope.parts.formats import RowsFormat
from fimscope.parts.recipe import model_recipe
from fimscope.parts.store import PartStore, add_part_options
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.tables import PROMPTS
from fimscope.statistics.pass_at_k import pass_at_k
from fimscope.steps.frame import Progress, log, positive, run_step, step_parser
from fimscope.steps.seeds import draw
from fimscope.typescript.client import TypeScript

if TYPE_CHECKING:
    from fimscope.models.load import Model

Row = Mapping[str, Any]
KS = (1, 10, 100)


def draw_completions(
    open_model: Callable[[], "Model"],
    prompts: Sequence[Row],
    settings: Mapping[str, Any],
    batch_tokens: int,
    store: PartStore[list[Row]],
) -> list[list[list[int]]]:
    """Token ids of every sample of every prompt of the store's shard, [prompt][sample].

    settings   n_samples, max_new_tokens, temperature, top_p, seed; a prompt's own seed comes of it
               and its example, so that a sample does not depend on what else is asked
    """
    from fimscope.inference.batch import plan_batches, run_batches
    from fimscope.inference.sampling import sample

    drawing = {key: value for key, value in settings.items() if key != "seed"}

    def ingredients(row: int) -> tuple[list[int], int]:
        return prompts[row]["token_ids"], _seed(settings["seed"], prompts[row])

    def sample_rows(rows: list[int]) -> list[Row]:
        token_ids, seeds = zip(*map(ingredients, rows), strict=True)
        stops = stop_ids(open_model())
        samples = sample(open_model(), token_ids, seeds, stop_ids=stops, **drawing)
        return [{"token_ids": [one.token_ids for one in own]} for own in samples]

    def sample_batch(rows: list[int]) -> list[Row]:
        return [row for _, drawn in run_batches(sample_rows, [rows]) for row in drawn]

    found: list[list[list[int]]] = [[] for _ in prompts]
    progress = Progress("samples", len(prompts), "prompts")
    # Samples that begin alike share their tokens: all but a few part late and stop early.
    lengths = [len(prompt["token_ids"]) + settings["n_samples"] for prompt in prompts]
    batches = plan_batches(lengths, batch_tokens)
    for rows, drawn in get_parts(sample_batch, batches, store, ingredients):
        for row, samples in zip(rows, drawn, strict=True):
            found[row] = samples["token_ids"]
        progress.add(len(rows))
    return found


def spelled_types(
    typescript: TypeScript, encoder: Encoder, kind: str, samples: Sequence[Sequence[int]]
) -> list[str]:
    """The first type that each sample spells; equal samples are read once."""
    texts = [encoder.decode(token_ids) for token_ids in samples]
    distinct = sorted(set(texts))
    found = typescript.type_texts([(text, kind) for text in distinct])
    spelled = dict(zip(distinct, found, strict=True))
    return [spelled[text] for text in texts]


def count_right(prompt: Row, types: Sequence[str]) -> Row:
    """One row of the samples table; white space inside a type does not count.

    pass@k is null where fewer than k samples were drawn.
    """
    spelled = ["".join(text.split()) for text in types]
    n_correct = spelled.count("".join(prompt["gold"].split()))
    return {
        **{key: prompt[key] for key in ("example_id", "edit", "program_id", "gold")},
        "n": len(types),
        "n_correct": n_correct,
        **{
            f"pass_at_{k}": pass_at_k(len(types), n_correct, k) if k <= len(types) else None
            for k in KS
        },
        "distinct": len(set(spelled)),
    }


def _seed(seed: int, prompt: Row) -> int:
    name = f"{seed}/{prompt['example_id']}/{prompt['edit']}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7])


def draw_rows(rows: Sequence[Row], n: int | None, seed: int) -> list[Row]:
    """At most `n` of the rows, in their order: the same examples whatever the edit."""
    drawn = sorted(rows, key=lambda row: draw(seed, row["example_id"]))[:n]
    chosen = {row["example_id"] for row in drawn}
    return [row for row in rows if row["example_id"] in chosen]


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--prompts", type=Path, required=True, help="prompts/{edit}.parquet")
    add_model_options(parser)
    parser.add_argument("--max-examples", type=positive, help="draw so many; default: all")
    parser.add_argument("--n-samples", type=positive, required=True, help="of each prompt")
    parser.add_argument("--max-new-tokens", type=positive, required=True, help="of each sample")
    parser.add_argument("--temperature", type=float, required=True, help="of the sampling")
    parser.add_argument(
        "--top-p",
        type=float,
        required=True,
        help="the likeliest tokens that make up so much are drawn from",
    )
    parser.add_argument("--seed", type=int, required=True, help="of the examples and the samples")
    add_part_options(parser, out="the samples table")
    with run_step(parser) as args:
        prompts = draw_rows(
            read_table(args.prompts, PROMPTS).to_pylist(), args.max_examples, args.seed
        )
        names = ("n_samples", "max_new_tokens", "temperature", "top_p", "seed")
        settings = {name: getattr(args, name) for name in names}
        recipe = model_recipe("sample_types", args, **settings)
        store = PartStore(args.cache, args.shard, recipe, RowsFormat(DRAWN))
        drawn = draw_completions(model_opener(args), prompts, settings, args.batch_tokens, store)
        store.log_counts()
        if args.shard is None:
            encoder = Encoder.from_folder(args.model)
            with TypeScript() as typescript:
                rows = [
                    count_right(prompt, spelled_types(typescript, encoder, prompt["kind"], own))
                    for prompt, own in zip(prompts, drawn, strict=True)
                ]
            check_sum("sample_types", len(prompts), len(rows), 0)
            write_table(args.out, SAMPLES, rows, run_manifest(args))
            log.info("%d prompts, %d samples each", len(rows), args.n_samples)


if __name__ == "__main__":
    main()
