"""The named places of a model that can be read and written, the same for every family."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from fimscope.errors import UserError
from fimscope.models.load import Model
from fimscope.models.projections import neurons_of, projection_of

Kind = Literal[
    "residual",
    "attention_output",
    "mlp_output",
    "head",
    "query",
    "key",
    "value",
    "pattern",
    "neurons",
    "module",
]

# The order in which a forward passes the places of one block; a residual point is passed last,
# as the block's output. The order of other modules is found by running them.
_ORDER = {
    "query": 0,
    "key": 1,
    "value": 2,
    "pattern": 3,
    "head": 4,
    "attention_output": 5,
    "neurons": 6,
    "mlp_output": 7,
    "residual": 8,
    "module": 9,
}


@dataclass(frozen=True)
class Place:
    """Where an activation is: a residual point, or a part of a block.

    kind    residual: index is a point, 0..L. module: any module by its path, and index is the block
            that it is in. Of all others index is a block: `attention_output` and so on say what
            the values are
    head    of the kinds that have heads; of key and value, one of the heads that they have
    path    of a module
    """

    kind: Kind
    index: int
    head: int | None = None
    path: str = ""

    def __str__(self) -> str:
        if self.kind == "residual":
            return f"point {self.index}"
        if self.kind == "module":
            return f"module {self.path}"
        name = self.kind.replace("_", " ")
        if self.head is not None:
            name = f"head {self.head}" if self.kind == "head" else f"{name} of head {self.head}"
        return f"{name} of block {self.index}"

    @property
    def order(self) -> tuple[int, int, int]:
        """Sorts places as a forward passes them; modules are not among them."""
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


def query(block: int, head: int) -> Place:
    """A head's query as its projection gives it, before norms and rotation."""
    return Place("query", block, head)


def key(block: int, head: int) -> Place:
    """A key as its projection gives it; models with grouped queries have fewer heads of keys."""
    return Place("key", block, head)


def value(block: int, head: int) -> Place:
    """A value as its projection gives it; as many heads as keys have."""
    return Place("value", block, head)


def pattern(block: int, head: int) -> Place:
    """A head's attention weights behind the softmax, of each token to all of its prompt.

    Only a model that was loaded with eager attention makes them.
    """
    return Place("pattern", block, head)


def neurons(block: int) -> Place:
    """The hidden activations of a block's MLP: what enters its last projection."""
    return Place("neurons", block)


def module(path: str) -> Place:
    """The output of any module that a forward calls, such as `model.layers.3.mlp.gate_proj`.

    path   as `model.network.named_modules()` gives it
    """
    blocks = [int(name) for name in path.split(".") if name.isdigit()]
    return Place("module", blocks[0] if blocks else 0, path=path)


def check_places(model: Model, places: Sequence[Place]) -> list[Place]:
    """The places as a forward passes them; raises UserError where the model lacks one."""
    for place in places:
        _check_place(model, place)
    if not any(place.kind == "module" for place in places):
        return sorted(places, key=lambda place: place.order)
    calls = _calls(model)

    def passed(place: Place) -> tuple[int, int]:
        path, side = _module_of(model, place)
        call = calls[path]
        if place.kind == "pattern":  # made inside the attention, before what it mixes
            mixer, _ = _module_of(model, Place("head", place.index, 0))
            return calls[mixer].entered, -1
        return (call.entered if side == "input" else call.left), place.head or 0

    return sorted(places, key=passed)


def width_of(model: Model, place: Place) -> int:
    """The size of the vectors at a place. raises UserError of a pattern, which has none"""
    if place.kind == "pattern":
        raise UserError(f"{place}: as wide as the prompt is long, so that it has no width")
    if place.kind == "neurons":
        return neurons_of(model, place.index)[1]
    if place.kind == "module":
        return _calls(model)[place.path].width
    return model.d_model if place.head is None else model.d_head


def activation(model: Model, place: Place) -> Tensor:
    """Inside a trace: the activation there, [example, token, width]; writing into it patches it.

    Of a pattern [example, query, key], in the columns of the padded batch.
    """
    if place.kind == "residual":
        return model.residual(place.index)
    if place.kind == "pattern":
        kernel = model.in_block(place.index, model.family.attention).source.attention_interface_1
        return kernel.source.nn_functional_dropout_0.output[:, place.head]
    path, side = _module_of(model, place)
    envoy = model.nnsight.get(path)
    values = envoy.input if side == "input" else envoy.output
    # An attention module gives its weights beside its output.
    values = values[0] if isinstance(values, tuple) else values
    if place.head is None:
        return values
    first = place.head * model.d_head
    if place.kind != "head":
        projection = projection_of(model, place.index, place.kind)
        first = projection.start + place.head * projection.step
    return values[..., first : first + model.d_head]


def _check_place(model: Model, place: Place) -> None:
    if place.kind == "module":
        if place.path not in _calls(model):
            raise UserError(
                f"{place}: no module that a forward calls and that gives a vector for each token; "
                f"expected a path such as {model.family.blocks}.0.{model.family.attention}"
            )
        return
    n_heads = model.n_heads
    n = model.n_points if place.kind == "residual" else model.n_blocks
    if 0 <= place.index < n and place.kind in ("key", "value"):
        n_heads = projection_of(model, place.index, place.kind).n_heads
    if not 0 <= place.index < n or not 0 <= (place.head or 0) < n_heads:
        raise UserError(
            f"{place}: no such place; the model has points 0..{model.n_blocks}, "
            f"blocks 0..{model.n_blocks - 1} and heads 0..{n_heads - 1}"
        )
    if place.kind == "pattern" and model.attention != "eager":
        raise UserError(
            f"{place}: a model with attention {model.attention!r} never makes the patterns; "
            "load it with 'eager'"
        )


def _module_of(model: Model, place: Place) -> tuple[str, Literal["input", "output"]]:
    """The path of the module whose input or output holds a place, and which of the two."""
    blocks, family = model.family.blocks, model.family
    block = f"{blocks}.{place.index}"
    match place.kind:
        case "module":
            return place.path, "output"
        case "residual" if place.index == 0:
            return f"{blocks}.0", "input"
        case "residual":
            return f"{blocks}.{place.index - 1}", "output"
        case "head":
            return f"{block}.{family.head_mixer}", "input"
        case "neurons":
            return f"{block}.{neurons_of(model, place.index)[0]}", "input"
        case "query" | "key" | "value":
            return f"{block}.{projection_of(model, place.index, place.kind).path}", "output"
        case "pattern":
            return f"{block}.{family.attention}", "output"
        case _:
            return f"{block}.{getattr(family, place.kind)}", "output"


class _Call(NamedTuple):
    """When a forward enters and leaves a module, counted, and the width of what leaves it."""

    entered: int
    left: int
    width: int


_CALLS: WeakKeyDictionary[Model, dict[str, _Call]] = WeakKeyDictionary()


@torch.inference_mode()
def _calls(model: Model) -> dict[str, _Call]:
    """The modules that give a vector for each token, as a forward of one token calls them."""
    if model in _CALLS:
        return _CALLS[model]
    entered: dict[str, int] = {}
    found: dict[str, _Call] = {}
    times = iter(range(2**62))

    def enter(path: str) -> Any:
        return lambda *_: entered.update({path: next(times)})

    def leave(path: str) -> Any:
        def hook(_: Any, __: Any, output: Any) -> None:
            values = output[0] if isinstance(output, tuple) else output
            if isinstance(values, Tensor) and values.ndim == 3 and values.shape[:2] == (1, 2):
                found[path] = _Call(entered[path], next(times), values.shape[-1])

        return hook

    handles = []
    for path, part in model.network.named_modules():
        handles += [part.register_forward_pre_hook(enter(path), prepend=True)]
        handles += [part.register_forward_hook(leave(path))]
    try:
        tokens = torch.full((1, 2), model.pad_id, device=model.device)
        model.network.base_model(input_ids=tokens, use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    _CALLS[model] = found
    return found
