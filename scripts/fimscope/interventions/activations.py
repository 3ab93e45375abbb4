"""What was read of a batch, as donors are: activations by place and by named position."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from fimscope.errors import MisalignedError, UserError
from fimscope.inference.places import Place
from fimscope.interventions.named_prompt import NamedPrompt, Position, zip_rows


@dataclass(frozen=True)
class Activations:
    """Activations of a batch, on the model's device.

    positions  that were read, for all prompts; None: every token
    values     at each place [example, position, width], the model's dtype. Where every token was
               read, position is the token's index, and behind a prompt's last token is NaN. Of a
               pattern, width counts the prompt's tokens, and behind the last is 0
    logits     [example, vocab] float32, of the token behind each prompt

    In a `with`, they are the donors of the patches inside it that name no others.
    """

    prompts: Sequence[NamedPrompt]
    positions: Sequence[Position] | None
    values: dict[Place, Tensor]
    logits: Tensor

    def __getitem__(self, place: Place) -> Tensor:
        if place not in self.values:
            raise MisalignedError(
                f"{place} was not collected; {', '.join(map(str, self.values)) or 'nothing'} was"
            )
        return self.values[place]

    def at(self, place: Place, position: Position) -> Tensor:
        """[example, width] at one of the positions that were collected."""
        values = self[place]
        if self.positions is None:
            indices = [p.index_of(own) for p, own in zip_rows(self.prompts, position)]
            return values[torch.arange(len(values)), indices]
        if position not in self.positions:
            raise MisalignedError(
                f"position {position!r} was not collected; expected one of {list(self.positions)}"
            )
        return values[:, list(self.positions).index(position)]

    def map(self, function: Callable[[Tensor], Tensor]) -> Self:
        """The same with other values of the same shapes, such as a control of random ones."""
        values = {place: function(tensor) for place, tensor in self.values.items()}
        for place, tensor in values.items():
            if tensor.shape != self.values[place].shape:
                raise MisalignedError(
                    f"{place}: values of shape {tuple(tensor.shape)} found, "
                    f"{tuple(self.values[place].shape)} expected"
                )
        return replace(self, values=values)

    def __enter__(self) -> Self:
        _open.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _open.pop()


_open: list[Activations] = []


def innermost() -> Activations:
    """The donors whose `with` is open. raises UserError where none is"""
    if not _open:
        raise UserError("a patch without donors; expected those of a `collect`, or a `with` of it")
    return _open[-1]
