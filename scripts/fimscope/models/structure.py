"""The family of a network that is in no list, found by what its modules give each other."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from fimscope.errors import UserError
from fimscope.models.families import Family

N_TOKENS = 6
# Roundings of a sum of three numbers in one dtype, in units of the largest of them.
ROUNDINGS = 4


@torch.inference_mode()
def family_of(network: PreTrainedModel, where: str) -> Family:
    """The family of a network, from one forward of a few tokens.

    The blocks are the one list of num_hidden_layers modules, the final norm reads what the last
    one gives, and what attention and MLP add is the pair of a block's modules whose outputs sum up
    to what the block adds to its input, in every block and at every token.

    where   the file that names the model's type, for an error
    raises  UserError that names the first place that is not found
    """
    names = {module: name for name, module in network.named_modules()}
    model_type = network.config.get_text_config().model_type

    def refuse(what: str) -> UserError:
        return UserError(
            f"{where}: model_type {model_type!r} is in no list, and its structure is not read: "
            f"{what}; take another model, or name its module paths in "
            "scripts/fimscope/models/families.py"
        )

    blocks = _blocks(network)
    if blocks is None:
        raise refuse("no list of num_hidden_layers modules")
    attention = _child(blocks[0], "attention", "attn")
    mlp = _child(blocks[0], "mlp", "moe", "feedforward", but=attention)
    if not all({attention, mlp} <= dict(block.named_children()).keys() for block in blocks):
        raise refuse("not every block has one attention and one MLP")
    mixer = _mixer(blocks[0].get_submodule(attention), network.config.get_text_config().hidden_size)
    if mixer is None:
        raise refuse("no projection from the heads to the residual stream")
    trunk = network.get_submodule(names[blocks].rpartition(".")[0])
    ids = torch.arange(1, 1 + N_TOKENS, device=network.device)[None]
    inside = [child for module in (trunk, *blocks) for child in module.children()]
    with _recorded([*blocks, *inside]) as (inputs, outputs):
        network(input_ids=ids, use_cache=False)
    ends = [name for name in _norm_names(trunk) if _reads_end(trunk, name, blocks, inputs, outputs)]
    if len(ends) != 1:
        raise refuse("no one norm reads what the last block gives")
    added = _what_is_added(blocks, attention, mlp, inputs, outputs)
    if added is None:
        raise refuse("no two modules of a block give what it adds to the residual stream")
    embedding = network.get_input_embeddings()
    return Family(
        embedding=names[embedding],
        blocks=names[blocks],
        final_norm=f"{names[trunk]}.{ends[0]}",
        attention=attention,
        attention_output=added[0],
        mlp_output=added[1],
        head_mixer=f"{attention}.{mixer}",
        masks_by_kind=_takes_masks_by_kind(network, ids),
        unembedding=names[network.get_output_embeddings()],
        embedding_times_root_width=_times_root_width(embedding, ids, inputs[blocks[0]]),
    )


def _blocks(network: PreTrainedModel) -> nn.ModuleList | None:
    """The list of num_hidden_layers modules that lies least deep."""
    n_blocks = network.config.get_text_config().num_hidden_layers
    found = {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == n_blocks
    }
    return found[min(found, key=lambda name: name.count("."))] if found else None


def _is_norm(module: nn.Module) -> bool:
    return "norm" in type(module).__name__.lower()


def _norm_names(module: nn.Module) -> list[str]:
    return [name for name, child in module.named_children() if _is_norm(child)]


def _child(block: nn.Module, *words: str, but: str | None = None) -> str | None:
    """The one module of a block, but for one, whose class is named by one of the words."""
    found = [
        name
        for name, child in block.named_children()
        if name != but
        and not _is_norm(child)
        and any(word in type(child).__name__.lower() for word in words)
    ]
    return found[0] if len(found) == 1 else None


def _mixer(attention: nn.Module, d_model: int) -> str | None:
    """The projection of an attention that gives as many numbers as the residual stream has.

    Queries may be as wide; they are not its last one, or not by name.
    """
    found = [
        name
        for name, child in attention.named_children()
        if (isinstance(child, nn.Linear) and child.out_features == d_model)
        or (isinstance(child, Conv1D) and child.nf == d_model)
    ]
    return next((name for name in reversed(found) if name[0] not in "qkv"), None)


@contextmanager
def _recorded(
    modules: list[nn.Module],
) -> Iterator[tuple[dict[nn.Module, Tensor], dict[nn.Module, Tensor]]]:
    """What enters and what leaves each module in a forward inside, [1, token, width], on the CPU.

    Of a network that is spread over devices a block's input comes from the one before it.
    """
    inputs: dict[nn.Module, Tensor] = {}
    outputs: dict[nn.Module, Tensor] = {}

    def keep(module: nn.Module, args: tuple, kwargs: dict, output: object) -> None:
        entered = args[0] if args else kwargs.get("hidden_states")
        left = output[0] if isinstance(output, tuple) else output
        if isinstance(entered, Tensor):
            inputs[module] = entered.to("cpu", copy=True)
        if isinstance(left, Tensor):
            outputs[module] = left.to("cpu", copy=True)

    handles = [module.register_forward_hook(keep, with_kwargs=True) for module in modules]
    try:
        yield inputs, outputs
    finally:
        for handle in handles:
            handle.remove()


def _reads_end(
    trunk: nn.Module,
    name: str,
    blocks: nn.ModuleList,
    inputs: Mapping[nn.Module, Tensor],
    outputs: Mapping[nn.Module, Tensor],
) -> bool:
    entered = inputs.get(trunk.get_submodule(name))
    end = outputs.get(blocks[-1])
    return entered is not None and end is not None and torch.equal(entered, end)


def _what_is_added(
    blocks: nn.ModuleList,
    attention: str,
    mlp: str,
    inputs: Mapping[nn.Module, Tensor],
    outputs: Mapping[nn.Module, Tensor],
) -> tuple[str, str] | None:
    """The modules of a block whose outputs are what attention and MLP add to the residual stream.

    They are the two themselves, or a norm behind each. Of norms in front of them, which have the
    same shapes, the sum is not what the block adds.
    """
    norms = _norm_names(blocks[0])
    for pair in product([attention, *norms], [mlp, *norms]):
        if pair[0] != pair[1] and all(_adds_up(block, pair, inputs, outputs) for block in blocks):
            return pair
    return None


def _adds_up(
    block: nn.Module,
    pair: tuple[str, str],
    inputs: Mapping[nn.Module, Tensor],
    outputs: Mapping[nn.Module, Tensor],
) -> bool:
    added = (outputs.get(block.get_submodule(name)) for name in pair)
    tensors = [inputs.get(block), *added, outputs.get(block)]
    shapes = {None if each is None else each.shape for each in tensors}
    if None in shapes or len(shapes) != 1:
        return False
    *parts, left = tensors
    return adds_up(parts, left)


def adds_up(parts: Sequence[Tensor], whole: Tensor) -> bool:
    """Whether a tensor is the sum of others, but for the roundings of its dtype."""
    summands = torch.stack([*parts]).float()
    largest = torch.maximum(summands.abs().amax(0), whole.float().abs())
    limit = ROUNDINGS * torch.finfo(whole.dtype).eps * largest
    return bool(((summands.sum(0) - whole.float()).abs() <= limit).all())


def _takes_masks_by_kind(network: PreTrainedModel, ids: Tensor) -> bool:
    """Whether its blocks are of several kinds, and a forward takes a mask for each in a dict."""
    kinds = set(getattr(network.config.get_text_config(), "layer_types", None) or ())
    n_tokens = ids.shape[1]
    seen = torch.ones(1, 1, n_tokens, n_tokens, dtype=torch.bool, device=ids.device).tril()
    try:
        network(input_ids=ids, attention_mask=dict.fromkeys(kinds, seen), use_cache=False)
    except (AttributeError, TypeError, ValueError, KeyError):
        return False
    return bool(kinds)


def _times_root_width(embedding: nn.Module, ids: Tensor, entered: Tensor) -> bool:
    weight = embedding.weight[ids].cpu()
    return torch.allclose(entered, weight * weight.shape[-1] ** 0.5, rtol=1e-2)
