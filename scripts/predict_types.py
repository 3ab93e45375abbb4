"""Ask the model for the type at every hole: first token, completed type, ranks, probabilities."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fimscope.answers import ask_all, completed_types, judge
from fimscope.manifest import run_manifest
from fimscope.models.options import add_model_options, model_opener
from fimscope.part_formats import RowsFormat
from fimscope.parts import PartStore, add_part_options
from fimscope.prompts.encoder import Encoder
from fimscope.recipes import model_recipe
from fimscope.rejections import check_sum
from fimscope.steps import log, run_step, step_parser
from fimscope.tables import read_table, write_table

Row = Mapping[str, Any]


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
    prompts: Sequence[Row], answers: Mapping[int, Row], encoder: Encoder
) -> list[Row]:
    """Rows of the predictions table, in the prompts' order.

    answers   row number -> the model's answer
    """
    in_order = [answers[row] for row in range(len(prompts))]
    completions = [encoder.decode(answer["completion_ids"]) for answer in in_order]
    types = completed_types(completions, prompts)
    rows = zip(prompts, in_order, completions, types, strict=True)
    return [prediction(*row, encoder) for row in rows]


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--prompts", type=Path, required=True, help="prompts/{edit}.parquet")
    add_model_options(parser)
    parser.add_argument("--max-new-tokens", type=int, default=12, help="of the completed type")
    add_part_options(parser, out="the predictions table")
    with run_step(parser) as args:
        prompts = read_table(args.prompts, "prompts").to_pylist()
        recipe = model_recipe("predict_types", args)
        store = PartStore(args.cache, args.shard, recipe, RowsFormat("answers"))
        answers = ask_all(
            prompts, args.max_new_tokens, model_opener(args), args.batch_tokens, store
        )
        store.log_counts()
        if args.shard is None:
            rows = predict_types(prompts, answers, Encoder.from_folder(args.model))
            check_sum("predict_types", len(prompts), len(rows), 0)
            write_table(args.out, "predictions", rows, run_manifest(args))
            log.info("%d of %d right", sum(row["correct"] for row in rows), len(rows))


if __name__ == "__main__":
    main()
