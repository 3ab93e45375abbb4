"""Prompts whose tokens have names, and activations that are kept under those names."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from fimscope.errors import MisalignedError
from fimscope.inference.places import Place

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
