"""The graph of a model's residual stream: what writes into it, and what reads of it later.

A writer is the embedding, a head or an MLP. A reader is a head's query, key or value, an MLP or the
logits: it takes a norm of the sum of all that was written before it. So every pair of a writer and
a later reader is an edge, and each edge can be changed alone (Elhage et al., "A Mathematical
Framework for Transformer Circuits", 2021; Goldowsky-Dill et al. 2304.05969).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, get_args

import torch
from torch import Tensor, nn

from fimscope.errors import UserError
from fimscope.models.load import Model
from fimscope.models.projections import Projected, matrix_of, projection_of


class Node(NamedTuple):
    """A writer (embedding, head, mlp) or a reader (query, key, value, mlp, logits).

    block   of the embedding 0, of the logits the number of blocks
    head    of the kinds that have heads; of key and value, one of the heads that they have
    """

    kind: str
    block: int
    head: int | None = None

    def __str__(self) -> str:
        if self.kind in ("embedding", "logits"):
            return self.kind
        return f"{self.kind} {self.block}" + ("" if self.head is None else f".{self.head}")


@dataclass(frozen=True, eq=False)
class Projecting:
    """A linear layer of an attention, and the columns of its output that each reader makes.

    readers   numbers of readers, in the order of `columns`
    """

    module: nn.Module
    readers: list[int]
    columns: list[slice]


@dataclass(frozen=True, eq=False)
class Block:
    """The modules of a block through which it reads of the stream and writes into it.

    is_parallel   whether the MLP reads what enters the block, as the attention does
    attention_readers, mlp_reader   by number
    """

    whole: nn.Module
    attention: nn.Module
    attention_norm: nn.Module
    projections: list[Projecting]
    head_mixer: nn.Module
    mlp: nn.Module
    mlp_norm: nn.Module
    is_parallel: bool
    attention_readers: range
    mlp_reader: int


@dataclass(frozen=True, eq=False)
class ResidualGraph:
    """Writers and readers, each in the order in which a forward passes them.

    n_before   of each reader, how many writers come before it: those are its edges
    """

    writers: tuple[Node, ...]
    readers: tuple[Node, ...]
    n_before: tuple[int, ...]
    blocks: tuple[Block, ...]

    @cached_property
    def is_edge(self) -> Tensor:
        """[writer, reader] bool, on the CPU."""
        return torch.arange(len(self.writers))[:, None] < torch.tensor(self.n_before)

    @property
    def n_edges(self) -> int:
        return sum(self.n_before)


class NoGraphError(UserError):
    """A model whose blocks do not add what single heads and MLPs give to the stream."""


def residual_graph(model: Model) -> ResidualGraph:
    """The graph of a model whose blocks add what single heads and MLPs give to the stream.

    raises   NoGraphError where a block does not: where a norm stands behind the heads, where what
             is read is no norm of the stream, or where queries, keys and values are not known

    Found and checked by one forward of two tokens, not by the family's name.
    """
    calls = _calls(model)
    blocks: list[Block] = []
    n_readers = 0
    for index in range(model.n_blocks):
        blocks.append(_block(model, index, n_readers, calls))
        n_readers = blocks[-1].mlp_reader + 1
    each_block = range(model.n_blocks)
    writers = [Node("embedding", 0)]
    readers: list[Node] = []
    n_before: list[int] = []
    for index in each_block:
        own = _attention_nodes(model, index)
        n_before += [len(writers)] * len(own)
        readers += [*own, Node("mlp", index)]
        heads = [Node("head", index, head) for head in range(model.n_heads)]
        n_before.append(len(writers) + (0 if blocks[index].is_parallel else len(heads)))
        writers += [*heads, Node("mlp", index)]
    readers.append(Node("logits", model.n_blocks))
    n_before.append(len(writers))
    return ResidualGraph(tuple(writers), tuple(readers), tuple(n_before), tuple(blocks))


def first_tensor(values: Any) -> Tensor:
    """The activation among what a module takes or gives; others may stand beside it."""
    return values[0] if isinstance(values, tuple) else values


class _Call(NamedTuple):
    taken: Any
    given: Tensor


@torch.inference_mode()
def _calls(model: Model) -> dict[nn.Module, _Call]:
    """What every module takes and gives in a forward of two tokens, in the order of their ends."""
    found: dict[nn.Module, _Call] = {}

    def keep(module: nn.Module, args: Any, named: Any, output: Any) -> None:
        values = [*args, *named.values()]
        taken = next((value for value in values if isinstance(value, Tensor)), None)
        found[module] = _Call(taken, first_tensor(output))

    parts = list(model.network.base_model.modules())
    handles = [part.register_forward_hook(keep, with_kwargs=True) for part in parts]
    try:
        tokens = torch.tensor([[model.pad_id, (model.pad_id + 1) % model.vocab_size]])
        model.network.base_model(input_ids=tokens.to(model.device), use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    return found


def _attention_nodes(model: Model, block: int) -> list[Node]:
    return [
        Node(kind, block, head)
        for kind in get_args(Projected)
        for head in range(projection_of(model, block, kind).n_heads)
    ]


def _block(model: Model, index: int, n_readers: int, calls: dict[nn.Module, _Call]) -> Block:
    whole = model.network.get_submodule(model.family.blocks)[index]

    if any(weight.is_meta for weight in whole.parameters()):
        raise _refusal(
            model, index, "its weights are brought into memory for its own forward alone"
        )

    def part(path: str) -> nn.Module:
        return whole.get_submodule(path)

    family = model.family
    attention, mixer, mlp = map(part, (family.attention, family.head_mixer, family.mlp_output))
    # Modules behind the heads' and the MLP's output are what the stream gets in their place.
    written = calls[part(family.attention_output)].given
    if not _alike(calls[mixer].given, written):
        raise _refusal(model, index, "a norm stands behind the heads' output, which joins them")
    projections = _projections(model, index, n_readers)
    attention_norm = _giver(whole, calls, [calls[own.module].taken for own in projections])
    mlp_norm = _giver(whole, calls, [calls[mlp].taken])
    if attention_norm is None or mlp_norm is None:
        raise _refusal(model, index, "its attention or MLP does not read a norm of the stream")
    entered, left = calls[whole].taken, calls[whole].given
    read = calls[mlp_norm].taken
    is_parallel = _alike(read, entered)
    is_serial = _alike(read, entered + written)
    is_sum = _alike(left, entered + written + calls[mlp].given)
    if not _alike(calls[attention_norm].taken, entered) or not (is_parallel or is_serial):
        raise _refusal(model, index, "its attention or MLP reads something else than the stream")
    if not is_sum:
        raise _refusal(model, index, "what leaves it is not what entered, plus attention and MLP")
    n = sum(len(own.readers) for own in projections)
    return Block(
        whole,
        attention,
        attention_norm,
        projections,
        mixer,
        mlp,
        mlp_norm,
        is_parallel,
        range(n_readers, n_readers + n),
        n_readers + n,
    )


def _projections(model: Model, block: int, n_readers: int) -> list[Projecting]:
    """The linear layers of queries, keys and values; a joint one stands there once."""
    whole = model.network.get_submodule(model.family.blocks)[block]
    found: dict[str, Projecting] = {}
    try:
        nodes = _attention_nodes(model, block)
    except UserError:
        reason = "its queries, keys and values come from no known linear layer"
        raise _refusal(model, block, reason) from None
    for number, node in enumerate(nodes, start=n_readers):
        place = projection_of(model, block, node.kind)
        own = found.setdefault(place.path, Projecting(whole.get_submodule(place.path), [], []))
        start = place.start + node.head * place.step
        own.readers.append(number)
        own.columns.append(slice(start, start + model.d_head))
    for own in found.values():
        n_columns = len(matrix_of(own.module))
        if n_columns != len(own.readers) * model.d_head:
            raise _refusal(model, block, "its projections give more than queries, keys and values")
    return list(found.values())


def _giver(
    whole: nn.Module, calls: dict[nn.Module, _Call], taken: Sequence[Tensor]
) -> nn.Module | None:
    """The module of the block that gives the very tensors that others take."""
    for module in whole.modules():
        if module in calls and all(calls[module].given is own for own in taken):
            return module
    return None


def _alike(one: Tensor, other: Tensor) -> bool:
    """Whether two are the same but for the rounding of their dtype, many times over."""
    rounding = torch.finfo(other.dtype).eps ** 0.5
    return bool((one - other).abs().max() <= rounding * other.abs().max())


def _refusal(model: Model, block: int, reason: str) -> NoGraphError:
    return NoGraphError(
        f"block {block} of {model.config.model_type}: {reason}; circuits are made of models whose "
        "blocks add heads and MLPs to the stream"
    )
