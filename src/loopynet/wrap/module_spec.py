"""A module that we know nothing of, as a layer that drawings and tables can speak of."""

from __future__ import annotations

from typing import Any

from pydantic import PrivateAttr
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from loopynet.parts.layers import LayerSpec
from loopynet.parts.norms import NormSpec
from loopynet.parts.shape import Shape


class ModuleSpec(LayerSpec):
    """The kind of a module, its learned numbers and its arithmetic."""

    _parameters: int = PrivateAttr(0)
    _multiply_adds: int = PrivateAttr(0)

    @classmethod
    def of(cls, kind: str, parameters: int, multiply_adds: int) -> ModuleSpec:
        """Return the layer of a module.

        Args:
            kind: its class's name.
            parameters: its learned numbers.
            multiply_adds: of one sample.
        """
        spec = cls(type=kind)
        spec._parameters, spec._multiply_adds = parameters, multiply_adds
        return spec

    def parameters(self, shape: Shape) -> int:
        """Return the number of learned weights and biases."""
        return self._parameters

    def multiply_adds(self, shape: Shape) -> int:
        """Return the multiply-add operations of one sample."""
        return self._multiply_adds


class ModuleNorm(NormSpec):
    """What a module keeps beside what it learns."""

    _statistics: int = PrivateAttr(0)

    @classmethod
    def of(cls, statistics: int) -> ModuleNorm:
        """Return the norm of a module with so many running means and variances."""
        norm = cls()
        norm._statistics = statistics
        return norm

    def statistics(self, shape: Shape, steps: int) -> int:
        """Return the number of running means and variances."""
        return self._statistics


class MultiplyAdds(TorchDispatchMode):
    """Counts the multiply-adds of convolutions and matrix products while it is on.

    Attributes:
        total: how many there have been.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run one operation, and count it."""
        result = func(*args, **(kwargs or {}))
        count = flop_registry.get(func._overloadpacket)
        if count is not None:
            self.total += count(*args, **(kwargs or {}), out_val=result) // 2
        return result
