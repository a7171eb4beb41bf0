"""Copies of a model that have modules of their own and no numbers of their own."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from loopynet.errors import LoopyNetError

Module = TypeVar("Module", bound=nn.Module)


def mirror(module: Module, of: Callable[[Tensor], Tensor]) -> Module:
    """Return a copy of a module tree, whose parameters and buffers are `of` the module's.

    Hooks and flags of the copy are its own, so that it can be watched while other threads use the
    original.

    Raises:
        LoopyNetError: the module cannot be copied.
    """
    tensors = [*module.parameters(), *module.buffers()]
    stand_ins = {id(tensor): of(tensor) for tensor in tensors}
    try:
        return copy.deepcopy(module, dict(stand_ins))
    except Exception as error:  # whatever a model's own attributes raise
        raise LoopyNetError(
            f"{type(module).__name__} cannot be copied, which looking inside needs: "
            f"{type(error).__name__}: {error}"
        ) from error


def shared(tensor: Tensor) -> Tensor:
    """Return the tensor itself."""
    return tensor


def on_meta(tensor: Tensor) -> Tensor:
    """Return a tensor that has a shape and a type only."""
    empty = torch.empty_like(tensor, device="meta")
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(empty, requires_grad=tensor.requires_grad)
    return empty


def safe(tensor: Tensor) -> Tensor:
    """Return a parameter itself, and a copy of a buffer: a run may move it."""
    return tensor if isinstance(tensor, nn.Parameter) else tensor.clone()
