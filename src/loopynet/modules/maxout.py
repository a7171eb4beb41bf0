"""Maxout over channels."""

from __future__ import annotations

from torch import Tensor, nn


class Maxout(nn.Module):
    """The maximum over groups of `pieces` neighboring channels (Goodfellow et al. 2013)."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, C / pieces, ...] of [N, C, ...]."""
        grouped = x.reshape(x.shape[0], -1, self.pieces, *x.shape[2:])
        return grouped.amax(2)
