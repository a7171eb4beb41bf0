"""A dense layer that takes images too."""

from __future__ import annotations

from torch import Tensor, nn


class FlatLinear(nn.Linear):
    """A linear layer that flattens what it gets, channels outermost."""

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, out_features] of [N, C, H, W] or [N, F]."""
        return super().forward(x.flatten(1))
