"""Ask the model for the type at every hole: first token, completed type, ranks, probabilities."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fimscope.experiments.answers import answers_reading, completed_types, judge
from fimscope.experiments.tables import PREDICTIONS
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import check_sum
from fimscope.files.shelf import Shelf
from fimscope.files.tables import ROWS_AT_ONCE, Rows, read_table, stream_table
from fimscope.inference.batching import BatchRunner
from fimscope.inference.readings import STEP, read
from fimscope.models.options import add_model_options
from fimscope.parts.store import add_cache_option
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.tables import PROMPTS
from fimscope.prompts.token_texts import token_text
from fimscope.steps.frame import log, run_step, step_parser
from fimscope.typescript.client import TypeScript

Row = Mapping[str, Any]
KEPT = ("example_id", "edit", "program_id", "kind", "gold", "n_prompt_truncated")
COLUMNS = [*KEPT, "token_ids", "gold_token_ids"]


def prediction(prompt: Row, answer: Row, completion: str, completed_type: str, encoder: Encoder):
    """One row of the predictions table."""
    return {
        **{key: prompt[key] for key in KEPT},
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
            {"text": token_text(token, encoder), "logprob": logprob}
            for token, logprob in zip(answer["top_ids"], answer["top_logprobs"], strict=True)
        ],
    }


def predict_types(
    prompts: Sequence[Row], answers: Sequence[Row], encoder: Encoder
) -> Iterator[Row]:
    """Rows of the predictions table, in the prompts' order, a few hundred at a time.

    answers   the model's, in the same order
    """
    with TypeScript() as typescript:
        for start in range(0, len(prompts), ROWS_AT_ONCE):
            some = slice(start, start + ROWS_AT_ONCE)
            asked, answered = prompts[some], answers[some]
            completions = [encoder.decode(answer["completion_ids"]) for answer in answered]
            types = completed_types(typescript, completions, asked)
            for row in zip(asked, answered, completions, types, strict=True):
                yield prediction(*row, encoder)


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--prompts", type=Path, required=True, help="prompts/{edit}.parquet")
    add_model_options(parser)
    parser.add_argument("--max-new-tokens", type=int, required=True, help="of the completed type")
    add_cache_option(parser)
    parser.add_argument("--out", type=Path, required=True, help="the predictions table")
    with run_step(parser) as args:
        prompts = Shelf.of(Rows(args.prompts, PROMPTS, COLUMNS))
        runner = BatchRunner.of_step(STEP, args)
        answers = Shelf[Row](len(prompts))
        for rows, found in read(runner, prompts, answers_reading(prompts, args.max_new_tokens)):
            for row, own in zip(rows, found, strict=True):
                answers[row] = own
        runner.store.log_counts()
        predictions = predict_types(prompts, answers, Encoder.from_folder(args.model))
        stream_table(args.out, PREDICTIONS, predictions, run_manifest(args))
        right = read_table(args.out, PREDICTIONS, ["correct"])["correct"].to_pylist()
        check_sum("predict_types", len(prompts), len(right), 0)
        log.info("%d of %d right", sum(right), len(right))


if __name__ == "__main__":
    main()
