"""Prompts asked with changes: what a prompt and its changed versions share is run once."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from fimscope.experiments.answers import ask_all, ask_types
from fimscope.inference.batching import BatchRunner
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.prompt import Unfit
from fimscope.report.format import counted

if TYPE_CHECKING:
    from fimscope.inference.generate import Answers
    from fimscope.models.load import Model

Row = Mapping[str, Any]


def fitting(
    asked: Sequence[Row], max_tokens: int, reject: Callable[[Row, Unfit], Row]
) -> tuple[list[Row], list[Row]]:
    """What is no longer than the model reads, and what `reject` makes of the rest."""
    fits, rejected = [], []
    for row in asked:
        if (n := len(row["token_ids"])) <= max_tokens:
            fits.append(row)
        else:
            error = Unfit("over_budget", f"{counted(n, 'token')}, the most is {max_tokens}")
            rejected.append(reject(row, error))
    return fits, rejected


def ask_branches(
    runner: BatchRunner,
    recipients: Sequence[Row],
    asked: Sequence[Row],
    encoder: Encoder,
    max_new_tokens: int,
    what: str,
) -> list[Row]:
    """The answers of `ask_types` to what is asked, in its order.

    recipients   rows of prompts, each once; they go through the model once, for all that is asked
                 of each
    asked        rows with the `example_id` of a recipient, with `token_ids`, `gold`,
                 `gold_token_ids` and `kind`, and with `hidden` and `readers` as
                 `interventions.branches.Branch` has them
    what         for the progress messages
    """
    trunks = {row["example_id"]: row["token_ids"] for row in recipients}
    of_trunk: dict[str, list[int]] = {name: [] for name in trunks}
    for i, row in enumerate(asked):
        of_trunk[row["example_id"]].append(i)
    names = list(trunks)
    planned = runner.plan(len(trunks[name]) for name in names)
    found = ([i for row in batch for i in of_trunk[names[row]]] for batch in planned)
    batches = [batch for batch in found if batch]

    def answer(model: "Model", rows: Sequence[Row], n_new: int, stops: set[int]) -> "Answers":
        from fimscope.interventions.branches import Branch, answer_branches

        own = list(dict.fromkeys(row["example_id"] for row in rows))
        place = {name: i for i, name in enumerate(own)}
        branches = [
            Branch(place[row["example_id"]], row["token_ids"], row["hidden"], row["readers"])
            for row in rows
        ]
        golds = [row["gold_token_ids"][0] for row in rows]
        prompts = [trunks[name] for name in own]
        return answer_branches(model, prompts, branches, golds, n_new, stops)

    ask = partial(ask_all, runner, answer=answer, decides=("readers", "hidden"), batches=batches)
    return ask_types(asked, encoder, max_new_tokens, partial(ask, what=what))
