"""A factor that is not learned."""

from __future__ import annotations

from torch import Tensor, nn


class Scaled(nn.Module):
    """x * factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Return the product, of the input's shape."""
        return x * self.factor

    def extra_repr(self) -> str:
        """Return what stands between the brackets of its name."""
        return f"{self.factor:g}"
