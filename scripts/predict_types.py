"""Ask the model for the type at every hole: first token, completed type, ranks, probabilities."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.answers import judge
from fimscope.manifest import run_manifest
from fimscope.models.options import add_model_options, open_model, stop_ids
from fimscope.prompts.encoder import Encoder
from fimscope.rejections import check_sum
from fimscope.steps import Progress, log, run_step, step_parser
from fimscope.tables import read_table, write_table
from fimscope.typescript import TypeScript

if TYPE_CHECKING:
    from fimscope.models.load import Model

Row = Mapping[str, Any]


def ask(
    model: "Model", prompts: Sequence[Row], max_new_tokens: int, batch_tokens: int
) -> Iterator[tuple[int, Row]]:
    """Row number and the model's answer to it: ids, log-probabilities and ranks, in batch order."""
    from fimscope.batch import plan_batches, run_batches
    from fimscope.generate import answer

    stops = stop_ids(model)

    def ask_rows(rows: list[int]) -> Any:
        return answer(
            model,
            [prompts[row]["token_ids"] for row in rows],
            [prompts[row]["gold_token_ids"][0] for row in rows],
            max_new_tokens,
            stops,
        )

    batches = plan_batches([len(prompt["token_ids"]) for prompt in prompts], batch_tokens)
    for rows, answers in run_batches(ask_rows, batches):
        for i, row in enumerate(rows):
            yield (
                row,
                {
                    "top_ids": answers.top_ids[i].tolist(),
                    "top_logprobs": answers.top_logprobs[i].tolist(),
                    "gold_rank": int(answers.gold_rank[i]),
                    "gold_logprob": float(answers.gold_logprob[i]),
                    "completion_ids": answers.completions[i].token_ids,
                },
            )


def prediction(prompt: Row, answer: Row, completion: str, completed_type: str, encoder: Encoder):
    """One row of the predictions table."""
    return {
        **{key: prompt[key] for key in ("example_id", "edit", "program_id", "kind", "gold")},
        "n_tokens": len(prompt["token_ids"]),
        "gold_token_id": prompt["gold_token_ids"][0],
        **judge(prompt, answer["top_ids"][0], completed_type, encoder),
        "predicted_token_id": answer["top_ids"][0],
        "first_token": encoder.decode(answer["top_ids"][:1]),
        "completion": completion,
        "completed_type": completed_type,
        "gold_rank": answer["gold_rank"],
        "gold_logprob": answer["gold_logprob"],
        "top10": [
            {"text": encoder.decode([token]), "logprob": logprob}
            for token, logprob in zip(answer["top_ids"], answer["top_logprobs"], strict=True)
        ],
        "n_prompt_truncated": prompt["n_prompt_truncated"],
    }


def predict_types(
    model: "Model",
    prompts: Sequence[Row],
    encoder: Encoder,
    max_new_tokens: int,
    batch_tokens: int,
) -> list[Row]:
    """Rows of the predictions table, in the prompts' order."""
    answers: list[Row] = [{}] * len(prompts)
    progress = Progress("answers", len(prompts), "prompts")
    for row, answer in ask(model, prompts, max_new_tokens, batch_tokens):
        answers[row] = answer
        progress.add()
    completions = [encoder.decode(answer["completion_ids"]) for answer in answers]
    with TypeScript() as typescript:
        types = typescript.type_texts(
            [(text, p["kind"]) for text, p in zip(completions, prompts, strict=True)]
        )
    rows = zip(prompts, answers, completions, types, strict=True)
    return [prediction(*row, encoder) for row in rows]


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--prompts", type=Path, required=True, help="prompts/{edit}.parquet")
    add_model_options(parser)
    parser.add_argument("--max-new-tokens", type=int, default=12, help="of the completed type")
    parser.add_argument("--out", type=Path, required=True, help="the predictions table")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        prompts = read_table(args.prompts, "prompts").to_pylist()
        encoder = Encoder.from_folder(args.model)
        model = open_model(args)
        rows = predict_types(model, prompts, encoder, args.max_new_tokens, args.batch_tokens)
        check_sum("predict_types", len(prompts), len(rows), 0)
        write_table(args.out, "predictions", rows, manifest)
        log.info("%d of %d right", sum(row["correct"] for row in rows), len(rows))


if __name__ == "__main__":
    main()
