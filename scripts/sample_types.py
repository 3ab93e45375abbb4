"""Draw many completions of every hole and count how often the type is right: pass@k."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.experiments.samples.tables import SAMPLED, SAMPLES
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import check_sum
from fimscope.files.tables import read_table, write_table
from fimscope.inference.batching import BatchRunner
from fimscope.models.options import add_model_options, stop_ids
from fimscope.parts.formats import BatchRows
from fimscope.parts.store import add_part_options
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.tables import PROMPTS
from fimscope.statistics.pass_at_k import pass_at_k
from fimscope.steps.frame import log, positive, run_step, step_parser
from fimscope.steps.seeds import seed_of
from fimscope.typescript.client import TypeScript

if TYPE_CHECKING:
    from fimscope.models.load import Model

Row = Mapping[str, Any]
KS = (1, 10, 100)


def sample_completions(
    runner: BatchRunner, prompts: Sequence[Row], options: Mapping[str, Any]
) -> list[list[list[int]]]:
    """Token ids of every sample of every prompt of the runner's shard, [prompt][sample].

    options   n_samples, max_new_tokens, temperature, top_p, seed; a prompt's own seed comes of it
              and its example, so that a sample does not depend on what else is asked
    """
    from fimscope.inference.sampling import sample

    how = {key: value for key, value in options.items() if key != "seed"}

    def ingredients(row: int) -> tuple[list[int], int]:
        return prompts[row]["token_ids"], _seed(options["seed"], prompts[row])

    def ask(model: "Model", rows: list[int]) -> list[Row]:
        token_ids, seeds = zip(*map(ingredients, rows), strict=True)
        samples = sample(model, token_ids, seeds, stop_ids=stop_ids(model), **how)
        return [{"token_ids": [one.token_ids for one in own]} for own in samples]

    found: list[list[list[int]]] = [[] for _ in prompts]
    # Samples that begin alike share their tokens: all but a few part late and stop early.
    batches = runner.plan(len(prompt["token_ids"]) + options["n_samples"] for prompt in prompts)
    for rows, sampled in runner.run("samples", batches, ask, ingredients, BatchRows(SAMPLED)):
        for row, own in zip(rows, sampled, strict=True):
            found[row] = own["token_ids"]
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
    drawn = sorted(rows, key=lambda row: seed_of(seed, "sample_types", row["example_id"]))[:n]
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
        options = {name: getattr(args, name) for name in names}
        runner = BatchRunner.of_step("sample_types", args, **options)
        samples = sample_completions(runner, prompts, options)
        runner.store.log_counts()
        if args.shard is None:
            encoder = Encoder.from_folder(args.model)
            with TypeScript() as typescript:
                rows = [
                    count_right(prompt, spelled_types(typescript, encoder, prompt["kind"], own))
                    for prompt, own in zip(prompts, samples, strict=True)
                ]
            check_sum("sample_types", len(prompts), len(rows), 0)
            write_table(args.out, SAMPLES, rows, run_manifest(args))
            log.info("%d prompts, %d samples each", len(rows), args.n_samples)


if __name__ == "__main__":
    main()
