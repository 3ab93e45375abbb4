"""The network with values put in by PyTorch's own hooks: what every patch is held against."""

from contextlib import ExitStack

from fimscope.inference.places import residual
from models import alone_logits

LAST_OF_MLP = ("down_proj", "c_proj", "dense_4h_to_h", "fc2")


def where(model, place):
    """By hand: the module of a place, whether it is its input or its output, the first number."""
    network, family = model.network, model.family
    blocks = network.get_submodule(family.blocks)
    if place.kind == "module":
        return network.get_submodule(place.path), "output", 0
    if place == residual(0):
        return blocks[0], "input", 0
    if place.kind == "residual":
        return blocks[place.index - 1], "output", 0
    block, first = blocks[place.index], (place.head or 0) * model.d_head
    if place.kind == "head":
        return block.get_submodule(family.head_mixer), "input", first
    if place.kind == "neurons":
        [last] = [part for name, part in block.mlp.named_children() if name in LAST_OF_MLP]
        return last, "input", 0
    if place.kind in ("query", "key", "value"):
        return where_projected(model, place, block.get_submodule(family.attention), first)
    return block.get_submodule(getattr(family, place.kind)), "output", 0


def where_projected(model, place, attention, first):
    number = ["query", "key", "value"].index(place.kind)
    if hasattr(attention, "query_key_value"):  # head by head
        return attention.query_key_value, "output", 3 * first + number * model.d_head
    if hasattr(attention, "qkv_proj"):  # all queries, two heads of keys, two of values
        start = (0, model.d_model, model.d_model + 2 * model.d_head)[number]
        return attention.qkv_proj, "output", start + first
    if not hasattr(attention, "c_attn"):
        return getattr(attention, f"{place.kind[0]}_proj"), "output", first
    config = model.network.config
    if config.model_type == "gpt2":
        return attention.c_attn, "output", number * model.d_model + first
    if config.multi_query:  # all queries, one key, one value
        start = (0, model.d_model, model.d_model + model.d_head)[number]
        return attention.c_attn, "output", start + first
    return attention.c_attn, "output", 3 * first + number * model.d_head


def hooked_logits(model, prompt, writes):
    """Logits behind a prompt, with values put in at (place, token) by PyTorch's own hooks."""

    def put(tensor, first, token, value):
        changed = tensor.clone()
        changed[:, token, first : first + len(value)] = value
        return changed

    def after(*write):
        def hook(_, __, output):
            if isinstance(output, tuple):
                return (put(output[0], *write), *output[1:])
            return put(output, *write)

        return hook

    def before(*write):
        return lambda _, inputs: (put(inputs[0], *write), *inputs[1:])

    with ExitStack() as stack:
        for place, token, value in writes:
            module, side, first = where(model, place)
            if side == "input":
                handle = module.register_forward_pre_hook(before(first, token, value))
            else:
                handle = module.register_forward_hook(after(first, token, value))
            stack.callback(handle.remove)
        return alone_logits(model.network, prompt)[-1]
