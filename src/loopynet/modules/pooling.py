"""Pooling over windows that may reach beyond the image."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

Two = tuple[int, int]


class PaddedPool2d(nn.Module):
    """The maximum or mean over windows; padding, which may be uneven, counts in neither.

    Args:
        mode: "max" or "mean".
        size: height and width of the windows.
        stride: step between windows.
        margins: padding (before, after) in height and in width.
    """

    def __init__(
        self, mode: Literal["max", "mean"], size: Two, stride: Two, margins: tuple[Two, Two]
    ) -> None:
        super().__init__()
        self.mode, self.size, self.stride = mode, size, stride
        (top, bottom), (left, right) = margins
        self.even = (top, left) if top == bottom and left == right else None
        self.padding = (left, right, top, bottom)

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, C, rows, columns] of [N, C, H, W]."""
        if self.mode == "max":
            if self.even is not None:
                return functional.max_pool2d(x, self.size, self.stride, self.even)
            x = functional.pad(x, self.padding, value=float("-inf"))
            return functional.max_pool2d(x, self.size, self.stride)
        if self.even is not None:
            return functional.avg_pool2d(
                x, self.size, self.stride, self.even, count_include_pad=False
            )
        inside = functional.pad(x.new_ones(1, 1, x.shape[2], x.shape[3]), self.padding)
        total = functional.avg_pool2d(functional.pad(x, self.padding), self.size, self.stride)
        return total / functional.avg_pool2d(inside, self.size, self.stride)

    def extra_repr(self) -> str:
        """Return the options, for printing."""
        return f"{self.mode}, size={self.size}, stride={self.stride}, padding={self.padding}"
