"""Draw many completions of every hole, each until its type ends, and count the types."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.experiments.answers import completed_types
from fimscope.experiments.samples.tables import DRAWN_TYPES, SAMPLED
from fimscope.experiments.whole_types.asking import TypeEnds, draw_examples
from fimscope.experiments.whole_types.tables import COMPLETIONS
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table, write_table
from fimscope.inference.batching import BatchRunner
from fimscope.models.options import add_model_options, stop_ids
from fimscope.parts.formats import BatchRows
from fimscope.parts.store import add_part_options
from fimscope.prompts.encoder import Encoder
from fimscope.steps.frame import log, positive, run_step, step_parser
from fimscope.typescript.client import TypeScript
from fimscope.typescript.process import compiler_versions

if TYPE_CHECKING:
    from fimscope.models.load import Model

STEP = "sample_types"
Row = Mapping[str, Any]
KEPT = ("example_id", "edit", "program_id", "kind", "gold", "n_gold_tokens")


def sample_completions(
    runner: BatchRunner, prompts: Sequence[Row], options: Mapping[str, Any], ends: TypeEnds
) -> list[Row]:
    """Rows of the sampled table, one a prompt, of those of the runner's shard; else empty.

    options   n_samples, max_new_tokens, temperature, top_p, seed; a prompt's own seed comes of it
              and its example, so that a sample does not depend on what else is asked
    """
    from fimscope.inference.sampling import sample

    how = {key: value for key, value in options.items() if key != "seed"}

    def ingredients(row: int) -> list[Any]:
        own = prompts[row]
        return [own["token_ids"], own["kind"], _seed(options["seed"], own)]

    def ask(model: "Model", rows: list[int]) -> list[Row]:
        token_ids, kinds, seeds = zip(*map(ingredients, rows), strict=True)
        has_ended = partial(ends.look, kinds)
        stops = stop_ids(model)
        samples = sample(model, token_ids, seeds, stop_ids=stops, has_ended=has_ended, **how)
        return [
            {"token_ids": [s.token_ids for s in own], "ended": [s.stopped for s in own]}
            for own in samples
        ]

    found: list[Row] = [{} for _ in prompts]
    # Samples that begin alike share their tokens: all but a few part late and stop early.
    batches = runner.plan(len(prompt["token_ids"]) + options["n_samples"] for prompt in prompts)
    for rows, sampled in runner.run("samples", batches, ask, ingredients, BatchRows(SAMPLED)):
        for row, own in zip(rows, sampled, strict=True):
            found[row] = own
    return found


def count_types(typescript: TypeScript, encoder: Encoder, prompt: Row, sampled: Row) -> list[Row]:
    """Rows of the drawn types of one prompt, the commonest first.

    What has not ended spells no type.
    """
    both = zip(sampled["token_ids"], sampled["ended"], strict=True)
    counts = Counter((encoder.decode(tokens) if ended else "", ended) for tokens, ended in both)
    texts = [text for text, _ in counts]
    spelled = completed_types(typescript, texts, [prompt] * len(texts))
    types: Counter[tuple[str, bool]] = Counter()
    for one, ((_, ended), n) in zip(spelled, counts.items(), strict=True):
        types[one, ended] += n
    ranked = sorted(types.items(), key=lambda item: (-item[1], item[0]))
    return [
        {
            **{key: prompt[key] for key in KEPT},
            **{"completed_type": one, "ended": ended, "count": n},
        }
        for (one, ended), n in ranked
    ]


def _seed(seed: int, prompt: Row) -> int:
    name = f"{seed}/{prompt['example_id']}/{prompt['edit']}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7])


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--original", type=Path, required=True, help="completions/original.parquet")
    parser.add_argument(
        "--completions", type=Path, required=True, help="completions/{edit}.parquet"
    )
    add_model_options(parser)
    parser.add_argument("--max-examples", type=positive, required=True, help="drawn by the seed")
    parser.add_argument("--n-samples", type=positive, required=True, help="of each prompt")
    parser.add_argument(
        "--max-new-tokens", type=positive, required=True, help="a type that goes on never ends"
    )
    parser.add_argument("--temperature", type=float, required=True, help="of the sampling")
    parser.add_argument(
        "--top-p",
        type=float,
        required=True,
        help="the likeliest tokens that make up so much are drawn from",
    )
    parser.add_argument("--seed", type=int, required=True, help="of the examples and the samples")
    add_part_options(parser, out="the table of types")
    with run_step(parser) as args:
        originals = read_table(args.original, COMPLETIONS, ["example_id"])["example_id"].to_pylist()
        chosen = draw_examples(originals, args.max_examples, args.seed, STEP)
        completed = read_table(args.completions, COMPLETIONS, [*KEPT, "token_ids"]).to_pylist()
        prompts = [row for row in completed if row["example_id"] in chosen]
        names = ("n_samples", "max_new_tokens", "temperature", "top_p", "seed")
        options = {name: getattr(args, name) for name in names}
        runner = BatchRunner.of_step(STEP, args, compilers=compiler_versions(), **options)
        encoder = Encoder.from_folder(args.model)
        with TypeScript() as typescript:
            samples = sample_completions(runner, prompts, options, TypeEnds(typescript, encoder))
            runner.store.log_counts()
            if args.shard is None:
                rows = [
                    row
                    for prompt, own in zip(prompts, samples, strict=True)
                    for row in count_types(typescript, encoder, prompt, own)
                ]
                write_table(args.out, DRAWN_TYPES, rows, run_manifest(args))
                n = len(prompts)
                log.info("%d prompts, %d samples each, %d types", n, args.n_samples, len(rows))


if __name__ == "__main__":
    main()
