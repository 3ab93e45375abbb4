"""A step's prompts through its model: in batches that fit, each of them kept as a part."""

import math
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

from fimscope.errors import UserError
from fimscope.models.options import model_opener
from fimscope.models.prepared import read_prepared
from fimscope.parts.formats import Format
from fimscope.parts.recipe import model_recipe
from fimscope.parts.store import PartStore, Unkept
from fimscope.steps.frame import Progress

if TYPE_CHECKING:
    from fimscope.models.load import Model

Result = TypeVar("Result")
Halves = list[tuple[int, Result]]  # number of rows and their result; one, where a batch fits
# Multiplications and additions of a part, at most, where its prompts can be parted: a minute or two
# of one core, after which the step says how far it is, and what a kill can lose.
OPERATIONS_OF_A_PART = 3e13


@dataclass(frozen=True)
class BatchRunner:
    """Runs the rows of a step through its model, batch by batch, and keeps every batch as a part.

    open_model    gives the model; a step that finds all its parts never asks for it
    batch_tokens  padded tokens of a batch, at most
    store         of the finished parts, with the shard that is to be run
    part_tokens   tokens of a batch that go through the model, patched copies too, at most; a small
                  model has no such limit
    """

    open_model: "Callable[[], Model]"
    batch_tokens: int
    store: PartStore | Unkept
    part_tokens: float = math.inf

    @classmethod
    def of_step(cls, step: str, args: Namespace, **options: Any) -> Self:
        """What the options of add_model_options and add_cache_option name.

        options   all else that decides every part of the step

        Called before anything imports torch: see `model_opener`.
        """
        recipe = model_recipe(step, args, **options)
        store = PartStore(args.cache, args.shard, recipe)
        n_parameters = read_prepared(args.model).n_parameters
        most = OPERATIONS_OF_A_PART / (2 * n_parameters) if n_parameters else math.inf
        return cls(model_opener(args), args.batch_tokens, store, most)

    def whole(self) -> Self:
        """The same for all rows, whatever the shard."""
        return replace(self, store=self.store.whole())

    def plan(
        self, lengths: Iterable[int], like: Sequence[int] = (), copied: Sequence[int] = ()
    ) -> list[list[int]]:
        """Row numbers in batches of like length: see `plan_batches`."""
        return plan_batches(list(lengths), self.batch_tokens, like, copied, self.part_tokens)

    def run(
        self,
        what: str,
        batches: Sequence[list[int]],
        ask: "Callable[[Model, list[int]], Result]",
        ingredients: Callable[[int], Any],
        format: Format[Halves[Result]],
    ) -> Iterator[tuple[list[int], Result]]:
        """Row numbers and their result, batch by batch of the store's shard: found, else asked for.

        what         the work's name in the log, which tells its parts from the step's others
        ask          (model, row numbers) -> their result; a batch that does not fit in memory is
                     halved, and then gives several
        ingredients  of a row: all that decides its result beside the store's recipe
        """
        own = list(self.store.shard.of(batches))
        progress = Progress(what, sum(map(len, own)), "prompts")
        for batch in own:
            start = 0
            part = [what, *map(ingredients, batch)]
            for n_rows, result in self.store.get(part, partial(self._halves, ask, batch), format):
                yield batch[start : start + n_rows], result
                start += n_rows
                progress.add(n_rows)

    def _halves(
        self, ask: "Callable[[Model, list[int]], Result]", batch: list[int]
    ) -> Halves[Result]:
        asked = run_batch(partial(ask, self.open_model()), batch)
        return [(len(rows), result) for rows, result in asked]


def plan_batches(
    lengths: Sequence[int],
    token_budget: int,
    like: Sequence[int] = (),
    copied: Sequence[int] = (),
    most: float = math.inf,
) -> list[list[int]]:
    """Row numbers in batches of like length, longest first, each of at most token_budget tokens.

    lengths       tokens of each prompt
    token_budget  padded tokens of a batch (examples x the longest); a prompt that is longer than
                  the budget makes a batch of its own
    like          of each prompt the number by which those of a batch are like, the largest first,
                  where that is not its length
    copied        of each prompt the tokens that its patched copies have, where there are some
    most          tokens of a batch's prompts and their copies; a prompt that has more makes a batch
                  of its own

    Longest first, so that a budget that does not fit in memory shows at the start.
    """
    if token_budget < 1:
        raise UserError(f"token_budget: {token_budget} found, a positive number expected")
    by = like or lengths
    work = [n + own for n, own in zip(lengths, copied, strict=True)] if copied else lengths
    batches: list[list[int]] = []
    longest = done = 0
    for row in sorted(range(len(lengths)), key=lambda row: (-by[row], row)):
        longest, done = max(longest, lengths[row]), done + work[row]
        if batches and (len(batches[-1]) + 1) * longest <= token_budget and done <= most:
            batches[-1].append(row)
        else:
            batches.append([row])
            longest, done = lengths[row], work[row]
    return batches


def run_batch(
    function: Callable[[list[int]], Result], rows: list[int]
) -> Iterator[tuple[list[int], Result]]:
    """Row numbers and what `function` gives for them.

    A batch that does not fit in memory is halved, and its halves again.
    raises UserError where one row alone does not fit
    """
    result = _try_batch(function, rows)
    if result is not None:
        yield rows, result
    elif len(rows) == 1:
        raise UserError(
            f"row {rows[0]} alone does not fit in memory; shorten the prompts, lower the "
            "memory budget or choose a smaller dtype"
        )
    else:
        middle = len(rows) // 2
        yield from run_batch(function, rows[:middle])
        yield from run_batch(function, rows[middle:])


def _try_batch(function: Callable[[list[int]], Result], rows: list[int]) -> Result | None:
    """What the function gives, or None when the memory did not suffice.

    A function of its own: the exception, and with it the failed batch's tensors, is gone on return.
    """
    import torch

    try:
        return function(rows)
    except torch.OutOfMemoryError:
        pass
    except RuntimeError as error:
        # The CPU's allocator has no exception class of its own.
        if "DefaultCPUAllocator" not in str(error):
            raise
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None
