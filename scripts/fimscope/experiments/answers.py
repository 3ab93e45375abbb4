"""Whether an answer is right: by its first token, or by the type that its completion spells."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fimscope.experiments.tables import ANSWERS
from fimscope.files.shelf import Shelf
from fimscope.inference.batching import BatchRunner
from fimscope.inference.readings import Reading
from fimscope.models.options import stop_ids
from fimscope.parts.formats import BatchRows
from fimscope.prompts.encoder import Encoder
from fimscope.typescript.client import TypeScript

if TYPE_CHECKING:
    from fimscope.inference.generate import Answers
    from fimscope.inference.prefill import Prefill
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
    prompts: Sequence[Row],
    encoder: Encoder,
    max_new_tokens: int,
    ask: Callable[[Sequence[Row], int], Sequence[Row]],
) -> list[Row]:
    """`predicted`, `correct`, `gold_rank` and `gold_logprob` of each prompt, in their order.

    prompts   rows with `token_ids`, `gold`, `gold_token_ids` and `kind`
    ask       (prompts, max_new_tokens) -> the model's answers in order (see `ask_all`); nothing is
              completed where every gold is a single token
    """
    single = all(len(prompt["gold_token_ids"]) == 1 for prompt in prompts)
    answers = list(ask(prompts, 0 if single else max_new_tokens))
    types = [""] * len(prompts)
    if not single:
        completions = [encoder.decode(answer["completion_ids"]) for answer in answers]
        with TypeScript() as typescript:
            types = completed_types(typescript, completions, prompts)
    return [
        {
            "gold_rank": answer["gold_rank"],
            "gold_logprob": answer["gold_logprob"],
            **judge(prompt, answer["top_ids"][0], spelled, encoder),
        }
        for prompt, answer, spelled in zip(prompts, answers, types, strict=True)
    ]


def ask_all(
    runner: BatchRunner,
    prompts: Sequence[Row],
    max_new_tokens: int,
    answer: "Callable[..., Answers] | None" = None,
    decides: Sequence[str] = (),
    what: str = "answers",
    batches: Sequence[list[int]] | None = None,
) -> Shelf[Row]:
    """The model's answer to each prompt of the runner's shard, in their order.

    prompts   rows with `token_ids` and `gold_token_ids`
    answer    (model, rows, max_new_tokens, stop_ids) -> Answers to them; default: plainly
    decides   columns of the rows that decide the answer beside those two
    what      for the progress messages
    batches   row numbers of the prompts that go through the model together; default: of like length
    """

    def ask(model: "Model", rows: list[int]) -> list[Row]:
        chosen = [prompts[row] for row in rows]
        return _rows((answer or answer_prompts)(model, chosen, max_new_tokens, stop_ids(model)))

    def ingredients(row: int) -> list[Any]:
        plain = _ingredients(prompts[row], max_new_tokens)
        return [*plain, *(prompts[row][column] for column in decides)]

    found = Shelf[Row](len(prompts))
    if batches is None:
        batches = runner.plan(len(prompt["token_ids"]) for prompt in prompts)
    for rows, answered in runner.run(what, batches, ask, ingredients, BatchRows(ANSWERS)):
        for row, own in zip(rows, answered, strict=True):
            found[row] = own
    return found


def answers_reading(prompts: Sequence[Row], max_new_tokens: int) -> Reading[list[Row]]:
    """The plain answers, as `ask_all` gives them, read of the one forward of each prompt."""

    def take(model: "Model", prefill: "Prefill", rows: list[int]) -> list[Row]:
        from fimscope.inference.generate import answer_past

        golds = [prompts[row]["gold_token_ids"][0] for row in rows]
        past, hidden = prefill.past, prefill.hidden
        return _rows(answer_past(model, past, hidden, golds, max_new_tokens, stop_ids(model)))

    def ingredients(row: int) -> list[Any]:
        return _ingredients(prompts[row], max_new_tokens)

    return Reading("answers", take, ingredients, BatchRows(ANSWERS))


def _ingredients(prompt: Row, max_new_tokens: int) -> list[Any]:
    return [prompt["token_ids"], prompt["gold_token_ids"][0], max_new_tokens]


def _rows(answers: "Answers") -> list[Row]:
    """Answers as rows of the answers table."""
    return [
        {
            "top_ids": answers.top_ids[i].tolist(),
            "top_logprobs": answers.top_logprobs[i].tolist(),
            "gold_rank": int(answers.gold_rank[i]),
            "gold_logprob": float(answers.gold_logprob[i]),
            "completion_ids": completion.token_ids,
        }
        for i, completion in enumerate(answers.completions)
    ]


def answer_prompts(
    model: "Model", prompts: Sequence[Row], max_new_tokens: int, stops: set[int]
) -> "Answers":
    """The plain answers to rows of prompts, for `ask_all`."""
    from fimscope.inference.generate import answer

    golds = [prompt["gold_token_ids"][0] for prompt in prompts]
    return answer(model, [prompt["token_ids"] for prompt in prompts], golds, max_new_tokens, stops)


def completed_types(
    typescript: TypeScript, completions: Sequence[str], prompts: Sequence[Row]
) -> list[str]:
    """The first type that each completion of a prompt spells, "" where it spells none."""
    return typescript.type_texts(
        [(text, p["kind"]) for text, p in zip(completions, prompts, strict=True)]
    )
