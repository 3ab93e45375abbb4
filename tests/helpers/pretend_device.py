"""A device that no machine has: its tensors lie on the CPU, and refuse what a GPU's would refuse.

An operation on tensors of both raises, as on a GPU, where a CPU's number or a CPU's indices are all
that may be mixed in; and so does `numpy()` of a tensor that is still there.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

_setup_privateuseone_for_python_backend("pretend")
PRETEND = torch.device("pretend", 0)
_aten = torch.ops.aten
# What brings a tensor from one device to another, or reads it from there.
_CROSSING = {_aten.copy_, _aten._to_copy, _aten._local_scalar_dense}
# Their indices may lie on the CPU.
_INDEXED = {_aten.index, _aten.index_put, _aten.index_put_, _aten._index_put_impl_}


def _run(
    _: Any,
    func: Any,
    types: Any,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """An operation on what the tensors hold; what it gives is where it would be."""
    kwargs = dict(kwargs or {})
    leaves = tree_leaves((args, kwargs))
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    inside = [isinstance(tensor, PretendTensor) for tensor in tensors]
    asked = next((leaf for leaf in leaves if isinstance(leaf, torch.device)), None)
    if any(inside) and asked is None and func.overloadpacket not in _CROSSING:
        _refuse_mixed(func, args, tensors)
    own_args, own_kwargs = tree_map_only((PretendTensor, torch.device), _on_cpu, (args, kwargs))
    made = func(*own_args, **own_kwargs)
    is_inside = any(inside) if asked is None else asked.type == PRETEND.type
    if func.overloadpacket is _aten.copy_:
        is_inside = inside[0]
    if not is_inside:
        return made
    wrapped = tree_map_only(Tensor, PretendTensor, made)
    return return_and_correct_aliasing(func, args, kwargs, wrapped) if any(inside) else wrapped


class PretendTensor(Tensor):
    """A tensor on PRETEND; `held` is what it holds, on the CPU."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> "PretendTensor":
        made = Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=PRETEND,
            requires_grad=held.requires_grad,
        )
        made.held = held
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl

    def tolist(self) -> Any:  # which torch refuses of subclasses
        return self.cpu().tolist()

    __torch_dispatch__ = classmethod(_run)


@contextmanager
def pretend_device() -> Iterator[None]:
    """Within it, tensors can be made on PRETEND."""
    with _Operations(), _Literals():
        yield


class _Literals(TorchFunctionMode):
    """`torch.tensor` and its like bring their data to a device where no dispatch is asked."""

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func in (torch.tensor, torch.as_tensor) and (device := kwargs.pop("device", None)):
            return func(*args, **kwargs).to(device)
        return func(*args, **kwargs)


class _Operations(TorchDispatchMode):
    __torch_dispatch__ = _run


def put_network(network: nn.Module) -> None:
    """Move a network to PRETEND; weights that are one stay one."""
    moved: dict[Tensor, Any] = {}
    for module in network.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                own = nn.Parameter(PretendTensor(weight.data), requires_grad=False)
                module._parameters[name] = moved.setdefault(weight, own)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = PretendTensor(buffer)


def _on_cpu(leaf: PretendTensor | torch.device) -> Tensor | torch.device:
    return leaf.held if isinstance(leaf, PretendTensor) else torch.device("cpu")


def _refuse_mixed(func: Any, args: Sequence[Any], tensors: Sequence[Tensor]) -> None:
    """raises RuntimeError where an operation is asked of tensors of both devices"""
    if func.overloadpacket in _INDEXED:
        tensors = [args[0]]
        if not isinstance(args[0], PretendTensor):
            raise RuntimeError(f"{func}: indices on {PRETEND} into a tensor on the CPU")
    if any(t.ndim and not isinstance(t, PretendTensor) for t in tensors):
        shapes = [(tuple(t.shape), str(t.device)) for t in tensors]
        raise RuntimeError(f"{func}: tensors on {PRETEND} and on the CPU: {shapes}")
