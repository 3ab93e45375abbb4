"""Whether an answer is right: by its first token, or by the type that its completion spells."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fimscope.models.options import stop_ids
from fimscope.prompts.encoder import Encoder
from fimscope.steps import Progress
from fimscope.typescript import TypeScript

if TYPE_CHECKING:
    from fimscope.generate import Answers
    from fimscope.models.load import Model

Row = Mapping[str, Any]
TokenIds = Sequence[int]


def judge(prompt: Row, first_token_id: int, completed_type: str, encoder: Encoder) -> Row:
    """`predicted` and `correct` of one answer.

    prompt   a row with `gold` and `gold_token_ids`

    A gold of a single token is answered by the first token alone, any other by the completed type;
    white space inside a type does not count.
    """
    if len(prompt["gold_token_ids"]) == 1:
        predicted = encoder.decode([first_token_id]).strip()
        return {"predicted": predicted, "correct": first_token_id == prompt["gold_token_ids"][0]}
    return {"predicted": completed_type, "correct": same_type(completed_type, prompt["gold"])}


def same_type(one: str, other: str) -> bool:
    """Whether two types are spelled alike but for white space."""
    return "".join(one.split()) == "".join(other.split())


def ask_types(
    model: "Model",
    prompts: Sequence[Row],
    encoder: Encoder,
    max_new_tokens: int,
    batch_tokens: int,
    answer: Callable[..., "Answers"],
    what: str = "answers",
) -> list[Row]:
    """`predicted`, `correct`, `gold_rank` and `gold_logprob` of each prompt, in their order.

    prompts   rows with `token_ids`, `gold`, `gold_token_ids` and `kind`
    answer    (model, rows, max_new_tokens, stop_ids) -> Answers to those prompts; nothing is
              completed where every gold is a single token
    what      for the progress messages
    """
    from fimscope.batch import plan_batches, run_batches

    single = all(len(prompt["gold_token_ids"]) == 1 for prompt in prompts)
    n_new, stops = 0 if single else max_new_tokens, stop_ids(model)

    def ask_rows(rows: list[int]) -> "Answers":
        return answer(model, [prompts[row] for row in rows], n_new, stops)

    first_ids, completions = [0] * len(prompts), [""] * len(prompts)
    found: list[dict[str, Any]] = [{} for _ in prompts]
    progress = Progress(what, len(prompts), "prompts")
    batches = plan_batches([len(prompt["token_ids"]) for prompt in prompts], batch_tokens)
    for rows, answers in run_batches(ask_rows, batches):
        for i, row in enumerate(rows):
            first_ids[row] = int(answers.top_ids[i, 0])
            completions[row] = encoder.decode(answers.completions[i].token_ids)
            found[row] = {
                "gold_rank": int(answers.gold_rank[i]),
                "gold_logprob": float(answers.gold_logprob[i]),
            }
        progress.add(len(rows))
    types = [""] * len(prompts) if single else completed_types(completions, prompts)
    for prompt, first, spelled, row in zip(prompts, first_ids, types, found, strict=True):
        row.update(judge(prompt, first, spelled, encoder))
    return found


def answer_prompts(
    model: "Model", prompts: Sequence[Row], max_new_tokens: int, stops: set[int]
) -> "Answers":
    """The plain answers to rows of prompts, for `ask_types`."""
    from fimscope.generate import answer

    golds = [prompt["gold_token_ids"][0] for prompt in prompts]
    return answer(model, [prompt["token_ids"] for prompt in prompts], golds, max_new_tokens, stops)


def completed_types(completions: Sequence[str], prompts: Sequence[Row]) -> list[str]:
    """The first type that each completion of a prompt spells, "" where it spells none."""
    with TypeScript() as typescript:
        return typescript.type_texts(
            [(text, p["kind"]) for text, p in zip(completions, prompts, strict=True)]
        )
