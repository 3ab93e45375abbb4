"""Draw many completions of every hole and count how often the type is right: pass@k."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.manifest import run_manifest
from fimscope.models.options import add_model_options, open_model, stop_ids
from fimscope.pass_at_k import pass_at_k
from fimscope.prompts.encoder import Encoder
from fimscope.rejections import check_sum
from fimscope.steps import Progress, log, positive, run_step, step_parser
from fimscope.tables import read_table, write_table
from fimscope.typescript import TypeScript

if TYPE_CHECKING:
    from fimscope.models.load import Model

Row = Mapping[str, Any]
KS = (1, 10, 100)


def draw_completions(
    model: "Model", prompts: Sequence[Row], settings: Mapping[str, Any], batch_tokens: int
) -> list[list[list[int]]]:
    """Token ids of every sample of every prompt, [prompt][sample].

    settings   n_samples, max_new_tokens, temperature, top_p, seed; a prompt's own seed comes of it
               and its example, so that a sample does not depend on what else is asked
    """
    from fimscope.batch import plan_batches, run_batches
    from fimscope.sampling import sample

    drawing = {key: value for key, value in settings.items() if key != "seed"}

    def sample_rows(rows: list[int]) -> Any:
        return sample(
            model,
            [prompts[row]["token_ids"] for row in rows],
            [_seed(settings["seed"], prompts[row]) for row in rows],
            stop_ids=stop_ids(model),
            **drawing,
        )

    found: list[list[list[int]]] = [[] for _ in prompts]
    progress = Progress("samples", len(prompts), "prompts")
    # Samples that begin alike share their tokens: all but a few part late and stop early.
    lengths = [len(prompt["token_ids"]) + settings["n_samples"] for prompt in prompts]
    for rows, samples in run_batches(sample_rows, plan_batches(lengths, batch_tokens)):
        for row, completions in zip(rows, samples, strict=True):
            found[row] = [completion.token_ids for completion in completions]
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


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--prompts", type=Path, required=True, help="prompts/{edit}.parquet")
    add_model_options(parser)
    parser.add_argument("--n-samples", type=positive, default=100, help="of each prompt")
    parser.add_argument("--max-new-tokens", type=positive, default=12, help="of each sample")
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--top-p", type=float, default=0.95)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="the samples table")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        prompts = read_table(args.prompts, "prompts").to_pylist()
        encoder = Encoder.from_folder(args.model)
        model = open_model(args)
        names = ("n_samples", "max_new_tokens", "temperature", "top_p", "seed")
        settings = {name: getattr(args, name) for name in names}
        drawn = draw_completions(model, prompts, settings, args.batch_tokens)
        with TypeScript() as typescript:
            rows = [
                count_right(prompt, spelled_types(typescript, encoder, prompt["kind"], own))
                for prompt, own in zip(prompts, drawn, strict=True)
            ]
        check_sum("sample_types", len(prompts), len(rows), 0)
        write_table(args.out, "samples", rows, manifest)
        log.info("%d prompts, %d samples each", len(rows), args.n_samples)


if __name__ == "__main__":
    main()
