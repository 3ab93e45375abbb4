"""What steps read of the one forward of each prompt, as parts that every one of them finds.

A step that looks inside the model asks for its own reading. Where `read_prompts` has made the parts
of all readings that a study wants, in one forward of each batch, the step finds them and runs
nothing; else it runs the same forward for its own.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fimscope.inference.batching import BatchRunner, run_batch
from fimscope.parts.formats import Format
from fimscope.parts.store import UNKEPT
from fimscope.steps.frame import Progress

if TYPE_CHECKING:
    from fimscope.inference.prefill import Prefill
    from fimscope.models.load import Model

Prompts = Sequence[Mapping[str, Any]]  # rows with `token_ids`
Result = TypeVar("Result")
STEP = "read_prompts"  # whose code and options all parts of readings are made by


@dataclass(frozen=True)
class Reading(Generic[Result]):
    """Something that is read of the forward of some prompts.

    what         its name in the log, and among the parts
    take         (model, prefill, row numbers) -> their result; it may let the past grow
    ingredients  of a row: all that decides its result beside the model
    format       of its parts
    positions    of a row: the token indices whose residuals `take` needs, if any
    patterns     whether `take` needs the last token's attention
    heads        whether it needs what each head gives there
    """

    what: str
    take: "Callable[[Model, Prefill, list[int]], Result]"
    ingredients: Callable[[int], Any]
    format: Format[list[tuple[int, Result]]]
    positions: Callable[[int], list[int]] | None = None
    patterns: bool = False
    heads: bool = False


def read(
    runner: BatchRunner, prompts: Prompts, reading: Reading[Result]
) -> Iterator[tuple[list[int], Result]]:
    """Row numbers and their result, batch by batch of the runner's shard: found, else made."""

    def ask(model: "Model", rows: list[int]) -> Result:
        [result] = _read_together(model, prompts, [reading], rows)
        return result

    batches = _plan(runner, prompts)
    return runner.run(reading.what, batches, ask, reading.ingredients, reading.format)


def keep_readings(runner: BatchRunner, prompts: Prompts, readings: Sequence[Reading[Any]]) -> None:
    """Make the parts of all readings that are not there, in one forward of each batch.

    Where no parts are kept, none is missing.
    """
    if runner.store is UNKEPT:
        return
    batches = list(runner.store.shard.of(_plan(runner, prompts)))
    progress = Progress("prompts", sum(map(len, batches)), "prompts")
    for batch in batches:
        parts = [[reading.what, *map(reading.ingredients, batch)] for reading in readings]
        missing = [place for place, part in enumerate(parts) if part not in runner.store]
        if missing:
            chosen = [readings[place] for place in missing]
            ask = partial(_read_together, runner.open_model(), prompts, chosen)
            halves = list(run_batch(ask, batch))
            for i, place in enumerate(missing):
                own = [(len(rows), results[i]) for rows, results in halves]
                runner.store.put(parts[place], own, readings[place].format)
        progress.add(len(batch))


def _plan(runner: BatchRunner, prompts: Prompts) -> list[list[int]]:
    return runner.plan(len(prompt["token_ids"]) for prompt in prompts)


def _read_together(
    model: "Model", prompts: Prompts, readings: Sequence[Reading[Any]], rows: list[int]
) -> list[Any]:
    """The results of some readings, of which one at most reads residuals, from one forward."""
    from fimscope.inference.prefill import prefill

    positions = next((reading.positions for reading in readings if reading.positions), None)
    found = prefill(
        model,
        [prompts[row]["token_ids"] for row in rows],
        None if positions is None else [positions(row) for row in rows],
        any(reading.patterns for reading in readings),
        any(reading.heads for reading in readings),
    )
    return [reading.take(model, found, rows) for reading in readings]
