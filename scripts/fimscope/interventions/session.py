"""Read and write the inside of a model, several places, prompts and ways at once.

    donors, recipients = Batch(model, right), Batch(model, wrong)
    with donors.run() as run:
        found = run.collect([residual(12), residual(13)], ["fim_suffix", "last"])
    with recipients.run() as run:
        run.replace(found, [("fim_suffix", "fim_prefix"), ("last", 5)])
        run.add(direction, [residual(14)], ["last"], strength=2.0)
    run.logits

As in nnsight, nothing runs before the block ends; then one forward does all of it.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from fimscope.errors import MisalignedError, UserError
from fimscope.inference.batch import pad_batch
from fimscope.inference.forward import Arguments, run_plain, run_traced
from fimscope.inference.generate import Completion, continue_past, cut_at_stops
from fimscope.inference.kv_cache import fill_past
from fimscope.inference.places import Place, activation, check_places, width_of
from fimscope.inference.readout import first_best, rank_of, top_of, unembed_normed
from fimscope.inference.residuals import at_columns, put_at_columns, token_columns
from fimscope.models.load import Model

Position = str | int | Sequence[str | int]  # one for all prompts, or one for each


@dataclass(frozen=True)
class NamedPrompt:
    """A prompt whose tokens have names; a name may stand at several."""

    prompt_id: str
    token_ids: Sequence[int]
    positions: Sequence[tuple[str, int]] = ()

    def index_of(self, position: str | int) -> int:
        """The token index, from 0, of a position; raises MisalignedError unless there is one."""
        n_tokens = len(self.token_ids)
        if isinstance(position, int):
            if not -n_tokens <= position < n_tokens:
                raise MisalignedError(
                    f"prompt {self.prompt_id}: no token {position}; it has {n_tokens} tokens"
                )
            return position % n_tokens
        found = [index for name, index in self.positions if name == position]
        if position == "last" and not found:
            return n_tokens - 1
        if len(found) != 1:
            names = ", ".join(sorted({name for name, _ in self.positions})) or "none"
            why = f"stands at tokens {found}" if found else f"is none of its positions ({names})"
            raise MisalignedError(f"prompt {self.prompt_id}: {position!r} {why}; one expected")
        return found[0]


@dataclass(frozen=True)
class Activations:
    """Activations of a batch: at each place [example, position, width], on the model's device."""

    prompt_ids: Sequence[str]
    positions: Sequence[Position]
    values: dict[Place, Tensor]

    def __getitem__(self, place: Place) -> Tensor:
        if place not in self.values:
            raise MisalignedError(
                f"{place} was not collected; {', '.join(map(str, self.values)) or 'nothing'} was"
            )
        return self.values[place]

    def at(self, place: Place, position: Position) -> Tensor:
        """[example, width] at one of the positions that were collected."""
        if position not in self.positions:
            raise MisalignedError(
                f"position {position!r} was not collected; expected one of {list(self.positions)}"
            )
        return self[place][:, list(self.positions).index(position)]


@dataclass(frozen=True)
class Edit:
    """One change: `change` makes new values of the old [example, position, width]."""

    place: Place
    columns: Tensor
    change: Callable[[Tensor], Tensor]


class Batch:
    """Prompts that go through a model together."""

    def __init__(self, model: Model, prompts: Sequence[NamedPrompt]):
        self.model = model
        self.prompts = list(prompts)
        self.inputs = pad_batch(model, [prompt.token_ids for prompt in self.prompts])

    @classmethod
    def from_texts(cls, model: Model, texts: Iterable[str]) -> Self:
        """Texts, tokenized with the model's own tokenizer and named by their order."""
        tokenize = model.nnsight.tokenizer
        return cls(
            model,
            [NamedPrompt(str(i), tokenize(text)["input_ids"]) for i, text in enumerate(texts)],
        )

    def run(self) -> "Run":
        """A block of edits and collections that runs as one forward when it ends."""
        return Run(self)

    def generate(
        self,
        max_new_tokens: int,
        stop_ids: Collection[int] = (),
        edit_new_tokens: bool = False,
    ) -> "Generation":
        """The same, and a greedy completion behind it.

        edit_new_tokens  makes every edit again at each generated token; otherwise edits act at the
                         prompt only
        """
        return Generation(self, max_new_tokens, stop_ids, edit_new_tokens)

    def columns(self, positions: Sequence[Position]) -> Tensor:
        """Columns [example, position] of positions; raises MisalignedError where one is missing."""
        for position in positions:
            if not isinstance(position, str | int) and len(position) != len(self.prompts):
                raise MisalignedError(
                    f"positions of {len(position)} prompts for {len(self.prompts)}: {position!r}"
                )
        indices = [
            [prompt.index_of(p if isinstance(p, str | int) else p[row]) for p in positions]
            for row, prompt in enumerate(self.prompts)
        ]
        return token_columns(self.inputs, indices)


class Run:
    """The edits and collections of one block, and after it what came of them.

    Edits at one place act in the order in which they were asked for; what is collected there is
    what comes after them.
    """

    def __init__(self, batch: Batch):
        self.batch = batch
        self.model = batch.model
        self.edits: list[Edit] = []
        self.collections: list[tuple[Activations, Tensor]] = []
        self._logits: Tensor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            with torch.inference_mode():
                self._execute()

    # What to do.

    def collect(self, places: Sequence[Place], positions: Sequence[Position]) -> Activations:
        """Activations that are there once the block has ended: [example, position, width] each."""
        places = check_places(self.model, places)
        prompt_ids = [prompt.prompt_id for prompt in self.batch.prompts]
        nothing = torch.empty(0, device=self.model.device)
        found = Activations(prompt_ids, list(positions), dict.fromkeys(places, nothing))
        self.collections.append((found, self.batch.columns(positions)))
        return found

    def replace(
        self,
        donors: Activations,
        positions: Sequence[tuple[Position, Position]],
        places: Sequence[Place] | None = None,
    ) -> None:
        """Put donors' activations into the recipients, row by row, at the same place.

        positions  pairs of a donor's position, collected, and the recipient's
        places     default: all that the donors were collected at
        raises     MisalignedError where rows differ in number, or a place or a position was not
                   collected
        """
        self._need_rows(donors)
        for place in donors.values if places is None else places:
            values = torch.stack([donors.at(place, donor) for donor, _ in positions], dim=1)
            self._edit(place, [recipient for _, recipient in positions], lambda _, v=values: v)

    def replace_mean(
        self,
        donors: Activations,
        positions: Sequence[tuple[Position, Position]],
        places: Sequence[Place] | None = None,
    ) -> None:
        """As `replace`, with the mean over the donors, of which there may be any number."""
        for place in donors.values if places is None else places:
            values = torch.stack([donors.at(place, donor).mean(0) for donor, _ in positions])
            self._edit(place, [recipient for _, recipient in positions], lambda _, v=values: v)

    def add(
        self,
        direction: Tensor,
        places: Sequence[Place],
        positions: Sequence[Position],
        strength: float = 1.0,
    ) -> None:
        """Add a vector [width], or one for each prompt [example, 1, width], times the strength."""
        scaled = direction.to(self.model.device, self.model.dtype) * strength
        for place in places:
            if scaled.shape[-1] != width_of(self.model, place):
                raise MisalignedError(
                    f"{place}: a vector of {scaled.shape[-1]} numbers found, "
                    f"{width_of(self.model, place)} expected"
                )
            self._edit(place, positions, lambda old: old + scaled)

    def zero(self, places: Sequence[Place], positions: Sequence[Position]) -> None:
        """Put zeros there."""
        for place in places:
            self._edit(place, positions, torch.zeros_like)

    def add_noise(
        self, places: Sequence[Place], positions: Sequence[Position], spread: float, seed: int
    ) -> None:
        """Add normal noise; its standard deviation is `spread` times that of the embeddings as
        they enter block 0.

        As in causal tracing (Meng et al. 2022, with a spread of 3). Drawn on the CPU, in the order
        of the prompts, so that every device gets the same numbers.
        """
        scale = spread * self.model.embedding_spread
        generator = torch.Generator().manual_seed(seed)
        for place in check_places(self.model, places):
            shape = (len(self.batch.prompts), len(positions), width_of(self.model, place))
            noise = torch.randn(shape, generator=generator).to(self.model.device) * scale
            noise = noise.to(self.model.dtype)
            self._edit(place, positions, lambda old, n=noise: old + n)

    # What came of it.

    @property
    def logits(self) -> Tensor:
        """[example, vocab] float32 of the token behind each prompt."""
        if self._logits is None:
            raise UserError("the block has not ended: its results are there after it")
        return self._logits

    def top(self, n: int = 10) -> tuple[Tensor, Tensor]:
        """Token ids and log-probabilities [example, n], best first."""
        return top_of(self.logits.log_softmax(-1), n)

    def ranks(self, token_ids: Sequence[int]) -> Tensor:
        """The rank of one token for each prompt, [example] int64; 0 is first."""
        return rank_of(self.logits, torch.tensor(list(token_ids), device=self.logits.device))

    # How.

    def _execute(self) -> None:
        _, hidden = fill_past(self.model, self.batch.inputs, self._forward)
        self._logits = unembed_normed(self.model, hidden)

    def _forward(self, model: Model, arguments: Arguments) -> Tensor:
        return run_traced(
            model, arguments, lambda: touch_places(model, self.edits, self.collections)
        )

    def _edit(
        self, place: Place, positions: Sequence[Position], change: Callable[[Tensor], Tensor]
    ) -> None:
        check_places(self.model, [place])
        self.edits.append(Edit(place, self.batch.columns(positions), change))

    def _need_rows(self, donors: Activations) -> None:
        if len(donors.prompt_ids) != len(self.batch.prompts):
            raise MisalignedError(
                f"{len(donors.prompt_ids)} donors, the first {donors.prompt_ids[0]}, for "
                f"{len(self.batch.prompts)} recipients, the first "
                f"{self.batch.prompts[0].prompt_id}; expected one donor for each"
            )


class Generation(Run):
    """A run with a greedy completion behind it, in `completions`, one a prompt."""

    def __init__(
        self,
        batch: Batch,
        max_new_tokens: int,
        stop_ids: Collection[int],
        edit_new_tokens: bool,
    ):
        super().__init__(batch)
        self.max_new_tokens = max_new_tokens
        self.stop_ids = stop_ids
        self.edit_new_tokens = edit_new_tokens
        self.completions: list[Completion] = []

    def _execute(self) -> None:
        past, hidden = fill_past(self.model, self.batch.inputs, self._forward)
        self._logits = unembed_normed(self.model, hidden)
        tokens = continue_past(
            self.model,
            past,
            self._logits[:, None],
            first_best,
            self.max_new_tokens,
            self.stop_ids,
            self._run_new_tokens if self.edit_new_tokens else run_plain,
        )
        self.completions = [copy for (copy,) in cut_at_stops(tokens, self.stop_ids)]

    def _run_new_tokens(self, model: Model, arguments: Arguments) -> Tensor:
        edits = [replace(edit, columns=torch.zeros_like(edit.columns)) for edit in self.edits]
        return run_traced(model, arguments, lambda: touch_places(model, edits, []))

    def _edit(
        self, place: Place, positions: Sequence[Position], change: Callable[[Tensor], Tensor]
    ) -> None:
        if self.edit_new_tokens and len(positions) != 1:
            raise MisalignedError(
                f"{place}: {len(positions)} positions; an edit that is made again at every new "
                "token has one"
            )
        super()._edit(place, positions, change)


def touch_places(
    model: Model, edits: Sequence[Edit], collections: Sequence[tuple[Activations, Tensor]]
) -> None:
    """Inside a trace: edit and collect at every place asked for, as the forward passes them."""
    asked = {edit.place for edit in edits}
    asked |= {place for found, _ in collections for place in found.values}
    for place in check_places(model, list(asked)):
        hidden = activation(model, place)
        for edit in edits:
            if edit.place == place:
                changed = edit.change(at_columns(hidden, edit.columns))
                put_at_columns(hidden, edit.columns, changed)
        for found, columns in collections:
            if place in found.values:
                found.values[place] = at_columns(hidden, columns)
