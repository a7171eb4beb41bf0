"""A stand-in for a network that shares its numbers and nothing else.

Explaining must leave the network as it is, also for another thread that uses it at the same time:
no hooks, no exchanged modules, no flags. So it is not the network that runs but a shallow copy of
its modules, whose parameters are detached views of the same memory. No weight can get a gradient
there, and none is computed.
"""

from __future__ import annotations

from typing import TypeVar

from torch import Tensor, nn

from loopynet.errors import LoopyNetError
from loopynet.network import LoopyNet
from loopynet.wrap import LoopyModel

Network = LoopyNet | LoopyModel
"""What can be explained."""
Module = TypeVar("Module", bound=nn.Module)


def frozen_copy(module: Module) -> Module:
    """Return a copy of a module tree with detached tensors; no memory of tensors is copied."""
    copy = module.__new__(type(module))
    copy.__dict__ = dict(module.__dict__)
    copy.__dict__["_parameters"] = {k: _detached(p) for k, p in module._parameters.items()}
    copy.__dict__["_buffers"] = {k: _detached(b) for k, b in module._buffers.items()}
    copy.__dict__["_modules"] = {
        k: None if m is None else frozen_copy(m) for k, m in module._modules.items()
    }
    return copy


def _detached(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.detach()


def check_evaluation(net: Network) -> None:
    """Raise LoopyNetError if any part of the network is in training mode."""
    if any(module.training for module in net.modules()):
        raise LoopyNetError(
            f'"{net.graph.name}" is in training mode, where batch statistics and dropout would '
            "change what is explained; call net.eval() first"
        )


def check_described(net: Network) -> None:
    """Raise LoopyNetError for a wrapped model, whose loopy section cannot run by itself."""
    if isinstance(net, LoopyModel):
        raise LoopyNetError(
            f"this is measured on a LoopyNet, and {net.graph.name} is a model with loops added; "
            "attributions (guided_backprop and its like) and merges work with it"
        )


def as_input(net: Network, images: Tensor) -> Tensor:
    """Return images as a tensor of their own that asks for a gradient.

    Raises:
        LoopyNetError: they are no floating-point tensor of the network's type and device.
    """
    like = next(net.parameters(), None)
    if not isinstance(images, Tensor):
        raise LoopyNetError(f"images must be a tensor, and are {type(images).__name__}")
    if like is not None and (images.dtype, images.device) != (like.dtype, like.device):
        raise LoopyNetError(
            f'"{net.graph.name}" computes in {like.dtype} on {like.device}, and the images are '
            f"{images.dtype} on {images.device}; preprocess or convert them first"
        )
    return images.detach().clone().requires_grad_()
