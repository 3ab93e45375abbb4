"""The named places of a model that can be read and written, the same for every family."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from fimscope.errors import UserError
from fimscope.models.load import Model

Kind = Literal["residual", "attention_output", "mlp_output", "head"]

# The order in which a forward passes the places of one block; a residual point is passed last,
# as the block's output.
_ORDER = {"head": 0, "attention_output": 1, "mlp_output": 2, "residual": 3}


@dataclass(frozen=True)
class Place:
    """Where an activation is: a residual point, or what a component of a block adds to the stream.

    kind   residual: index is a point, 0..L. attention_output, mlp_output: index is a block, and
           the value is what is added to the residual stream. head: index is a block, and the
           value is one head's mix of values before the output projection
    """

    kind: Kind
    index: int
    head: int | None = None

    def __str__(self) -> str:
        if self.kind == "residual":
            return f"point {self.index}"
        name = f"head {self.head}" if self.kind == "head" else self.kind.replace("_", " ")
        return f"{name} of block {self.index}"

    @property
    def order(self) -> tuple[int, int, int]:
        """Sorts places as a forward passes them."""
        block = self.index - 1 if self.kind == "residual" else self.index
        return block, _ORDER[self.kind], self.head or 0


def residual(point: int) -> Place:
    """What enters block `point`; the last point enters the final norm."""
    return Place("residual", point)


def attention_output(block: int) -> Place:
    """What the attention of a block adds to the residual stream."""
    return Place("attention_output", block)


def mlp_output(block: int) -> Place:
    """What the MLP of a block adds to the residual stream."""
    return Place("mlp_output", block)


def head(block: int, index: int) -> Place:
    """One head's mix of values, before the output projection."""
    return Place("head", block, index)


def check_places(model: Model, places: Sequence[Place]) -> list[Place]:
    """The places as a forward passes them; raises UserError where the model lacks one."""
    for place in places:
        n = model.n_points if place.kind == "residual" else model.n_blocks
        if not 0 <= place.index < n or not 0 <= (place.head or 0) < model.n_heads:
            raise UserError(
                f"{place}: no such place; the model has points 0..{model.n_blocks}, "
                f"blocks 0..{model.n_blocks - 1} and heads 0..{model.n_heads - 1}"
            )
    return sorted(places, key=lambda place: place.order)


def width_of(model: Model, place: Place) -> int:
    """The size of the vectors at a place."""
    return model.d_head if place.kind == "head" else model.d_model


def activation(model: Model, place: Place) -> Tensor:
    """Inside a trace: the activation there, [example, token, width]; writing into it patches it."""
    if place.kind == "residual":
        return model.residual(place.index)
    if place.kind == "head":
        first = (place.head or 0) * model.d_head
        mixed = model.in_block(place.index, model.family.head_mixer).input
        return mixed[..., first : first + model.d_head]
    output = model.in_block(place.index, getattr(model.family, place.kind)).output
    # An attention module gives its weights beside its output.
    return output[0] if isinstance(output, tuple) else output
