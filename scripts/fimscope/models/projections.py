"""Where the attention of a block makes its queries, keys and values, and its MLP its neurons.

Found by the modules that are there: architectures differ in how they join the three projections,
and most of them are one of three ways.
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from fimscope.errors import UserError
from fimscope.models.load import Model

Projected = Literal["query", "key", "value"]
SEPARATE = {"query": "q_proj", "key": "k_proj", "value": "v_proj"}
JOINED = ("c_attn", "qkv_proj")  # all queries, then all keys, then all values
HEAD_BY_HEAD = "query_key_value"  # one head's query, key and value, then the next head's
DOWN = ("mlp.down_proj", "mlp.c_proj", "mlp.dense_4h_to_h", "mlp.fc_out", "mlp.fc2")


@dataclass(frozen=True)
class Projection:
    """Heads of one kind in a module's output.

    path     of the module, in the block
    start    where the first head's numbers begin
    step     from one head's to the next's
    n_heads  how many there are; keys and values often have fewer than queries
    """

    path: str
    start: int
    step: int
    n_heads: int


def projection_of(model: Model, block: int, kind: Projected) -> Projection:
    """raises UserError where the block's attention is none whose projections are known"""
    attention = _block(model, block).get_submodule(model.family.attention)
    d_head = model.d_head
    if all(isinstance(getattr(attention, name, None), nn.Module) for name in SEPARATE.values()):
        module = getattr(attention, SEPARATE[kind])
        path = f"{model.family.attention}.{SEPARATE[kind]}"
        return Projection(path, 0, d_head, _sizes(module)[1] // d_head)
    for name in (*JOINED, HEAD_BY_HEAD):
        if isinstance(module := getattr(attention, name, None), nn.Module):
            path, width = f"{model.family.attention}.{name}", _sizes(module)[1]
            order = list(SEPARATE).index(kind)
            # So GPTBigCode has it, where each head has its own keys.
            if name == HEAD_BY_HEAD or getattr(attention, "multi_query", None) is False:
                return Projection(path, order * d_head, 3 * d_head, model.n_heads)
            n_keys = (width // d_head - model.n_heads) // 2
            before = (0, model.n_heads, model.n_heads + n_keys)[order]
            n_heads = model.n_heads if kind == "query" else n_keys
            return Projection(path, before * d_head, d_head, n_heads)
    raise UserError(
        f"{kind} of block {block}: attention of {type(attention).__name__} has none of "
        f"{', '.join([*SEPARATE.values(), *JOINED, HEAD_BY_HEAD])}; "
        "name its module with `module(path)` instead"
    )


def neurons_of(model: Model, block: int) -> tuple[str, int]:
    """The module in a block whose input is the MLP's neurons, and how many they are.

    raises UserError where the block has none that is known, as a mixture of experts has not
    """
    for path in DOWN:
        module: nn.Module | None = _block(model, block)
        for name in path.split("."):
            module = getattr(module, name, None)
        if isinstance(module, nn.Module):
            return path, _sizes(module)[0]
    raise UserError(
        f"neurons of block {block}: the block has none of {', '.join(DOWN)}; "
        "name a module of it with `module(path)` instead"
    )


def _block(model: Model, block: int) -> nn.Module:
    return model.network.get_submodule(model.family.blocks)[block]


def _sizes(module: nn.Module) -> tuple[int, int]:
    """How many numbers a linear layer takes and gives; GPT-2 keeps its weights transposed."""
    rows, columns = module.weight.shape
    return (columns, rows) if isinstance(module, nn.Linear) else (rows, columns)


def matrix_of(layer: nn.Module) -> Tensor:
    """The weights of a linear layer, [output, input]; GPT-2 keeps them transposed."""
    return layer.weight if isinstance(layer, nn.Linear) else layer.weight.T
