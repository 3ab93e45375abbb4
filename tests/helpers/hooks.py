"""The network with values put in by PyTorch's own hooks: what every patch is held against."""

from contextlib import ExitStack

from fimscope.inference.places import residual
from models import alone_logits


def hooked_logits(model, prompt, writes):
    """Logits behind a prompt, with values put in at (place, token) by PyTorch's own hooks."""
    blocks = model.network.get_submodule(model.family.blocks)

    def put(tensor, place, token, value):
        first = (place.head or 0) * model.d_head
        changed = tensor.clone()
        changed[:, token, first : first + len(value)] = value
        return changed

    def after(write):
        def hook(_, __, output):
            if isinstance(output, tuple):
                return (put(output[0], *write), *output[1:])
            return put(output, *write)

        return hook

    def before(write):
        return lambda _, inputs: (put(inputs[0], *write), *inputs[1:])

    with ExitStack() as stack:
        for write in writes:
            place = write[0]
            if place == residual(0):
                handle = blocks[0].register_forward_pre_hook(before(write))
            elif place.kind == "residual":
                handle = blocks[place.index - 1].register_forward_hook(after(write))
            elif place.kind == "head":
                mixer = blocks[place.index].get_submodule(model.family.head_mixer)
                handle = mixer.register_forward_pre_hook(before(write))
            else:
                module = blocks[place.index].get_submodule(getattr(model.family, place.kind))
                handle = module.register_forward_hook(after(write))
            stack.callback(handle.remove)
        return alone_logits(model.network, prompt)[-1]
