"""One forward of the network, plain or with hands in it; both give what leaves the final norm.

No logits are made here: over all positions and a large vocabulary they would cost more than the
rest of the forward.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from fimscope.models.load import Model

Arguments = dict[str, Any]
Forward = Callable[[Model, Arguments], Tensor]


def run_plain(model: Model, arguments: Arguments) -> Tensor:
    """What leaves the final norm, [example, token, d_model], of a forward with these arguments."""
    return model.network.base_model(**arguments).last_hidden_state


def run_traced(model: Model, arguments: Arguments, touch: Callable[[], None]) -> Tensor:
    """As `run_plain`; `touch` is called inside the trace and reads or writes activations.

    It must take places in the order in which the forward passes them, and may not take the
    residual stream behind the final norm.
    """
    # nnsight takes a tensor called attention_mask apart into rows, and refuses a dict of them;
    # under another name it passes both on untouched.
    masks = {"block_masks": arguments["attention_mask"]}
    rest = {name: value for name, value in arguments.items() if name != "attention_mask"}
    with model.nnsight.trace(**rest, **masks, fn=_Call(model)) as tracer:
        touch()
        hidden = model.final_norm.output.save()
        tracer.stop()
    return hidden


class _Call:
    """The network's forward, with its masks under the name that they have on their way here."""

    def __init__(self, model: Model):
        self.network = model.network

    def __call__(self, block_masks: Any, **arguments: Any) -> Any:
        return self.network(**arguments, attention_mask=block_masks, logits_to_keep=1)
