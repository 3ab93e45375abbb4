"""Whether a config describes the weights beside it, asked of their shapes alone, in no memory."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.errors import UserError
from fimscope.models.sources import one_line

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

N_BLOCKS = ("num_hidden_layers", "n_layer", "block_count")  # as configs and GGUF files spell it

Shape = tuple[int, ...]  # in ascending order: a GGUF file holds some tensors transposed


def weight_shapes(paths: Sequence[Path]) -> Counter[Shape]:
    """How many tensors of each shape some safetensors files hold, by their headers.

    raises UserError where one is not whole
    """
    from safetensors import SafetensorError, safe_open

    found: Counter[Shape] = Counter()
    for path in paths:
        try:
            with safe_open(path, framework="numpy") as file:
                names = file.keys()
                found.update(tuple(sorted(file.get_slice(name).get_shape())) for name in names)
        except SafetensorError as error:
            raise UserError(f"{path.name}: not a whole safetensors file ({error})") from None
    return found


def count_parameters(shapes: Counter[Shape]) -> int | None:
    """How many numbers tensors of these shapes hold; None of no tensor."""
    return sum(n * math.prod(shape) for shape, n in shapes.items()) or None


def check_n_blocks(config: Any, n_tensors: int, where: str) -> None:
    """raises UserError where a config, or a part of it, names more blocks than there are tensors

    Asked before transformers reads it, which makes lists as long as the model has blocks.
    where   the file that names them
    """
    for key, value in config.items() if isinstance(config, dict) else ():
        if key in N_BLOCKS and isinstance(value, int) and value > n_tensors:
            raise UserError(
                f"{where}: {key} is {value}, and the weights hold {n_tensors} tensors; "
                "they are not of one model, fetch both again"
            )
        check_n_blocks(value, n_tensors, where)


def empty_network(config: "PreTrainedConfig") -> "PreTrainedModel":
    """The network that a config describes, without memory (torch's meta device)."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


def check_shapes(config: "PreTrainedConfig", weights: Counter[Shape], where: str) -> None:
    """raises UserError where a config describes a tensor that the weights do not hold

    Weights may hold more: masks that older versions stored, and what is tied, twice. The experts of
    a block are one tensor of the network and many of the weights; of those the numbers are counted.
    where   the file that describes them
    """
    try:
        model = empty_network(config)
    except (ValueError, TypeError, ArithmeticError, RuntimeError) as error:
        raise UserError(f"{where}: no model can have these sizes ({one_line(error)})") from None
    left = Counter(weights)
    of_experts = []
    for name, parameter in model.named_parameters():
        shape = tuple(sorted(parameter.shape))
        if parameter.ndim == 3 and not left[shape]:
            of_experts.append((name, parameter))
        elif not left[shape]:
            raise _absent(where, name, parameter.shape)
        else:
            left[shape] -= 1
    n_left = count_parameters(left) or 0
    for name, parameter in of_experts:
        n_left -= parameter.numel()
        if n_left < 0:
            raise _absent(where, name, parameter.shape)


def _absent(where: str, name: str, shape: Sequence[int]) -> UserError:
    return UserError(
        f"{where}: {name} would be of {' x '.join(map(str, shape))}, {math.prod(shape):.1e} "
        "numbers, and the weights hold no such tensor; they are not of one model, fetch both again"
    )
