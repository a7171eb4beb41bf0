"""Normalization of a layer that runs once per unroll."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class BatchNormOverTime(nn.Module):
    """Batch normalization (Ioffe and Szegedy 2015) with numbers of its own for each unroll.

    Args:
        channels: C of the inputs [N, C, H, W] or [N, C].
        affine_steps: sets of scale and shift; unroll t uses set min(t, affine_steps).
        statistics_steps: sets of running mean and variance, chosen the same way.
        momentum: weight of the newest batch in the running statistics.
        eps: added to the variance.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self,
        channels: int,
        affine_steps: int,
        statistics_steps: int,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.momentum, self.eps = momentum, eps
        # Kept as numbers: torch.fx cannot take the length of a tensor that it traces.
        self.affine_steps, self.statistics_steps = affine_steps, statistics_steps
        self.weight = nn.Parameter(torch.ones(affine_steps, channels))
        self.bias = nn.Parameter(torch.zeros(affine_steps, channels))
        self.register_buffer("running_mean", torch.zeros(statistics_steps, channels))
        self.register_buffer("running_var", torch.ones(statistics_steps, channels))

    def forward(self, x: Tensor, t: int) -> Tensor:
        """Return x normalized as unroll t (from 1) is; training updates its statistics."""
        return self.normalize(x, self.rows(t))

    def rows(self, t: int) -> tuple[Tensor, ...]:
        """Return running mean and variance, scale and shift of unroll t, each [C]."""
        affine = min(t, self.affine_steps) - 1
        statistics = min(t, self.statistics_steps) - 1
        moments = self.running_mean[statistics], self.running_var[statistics]
        return (*moments, self.weight[affine], self.bias[affine])

    def normalize(self, x: Tensor, rows: tuple[Tensor, ...]) -> Tensor:
        """Return x normalized with the rows of some unroll; training updates the first two."""
        mean, var, weight, bias = rows
        return functional.batch_norm(
            x, mean, var, weight, bias, self.training, self.momentum, self.eps
        )


class GroupNormOverTime(nn.Module):
    """Group normalization (Wu and He 2018) with a scale and shift of its own for each unroll.

    One group is layer normalization over channels and positions, with a scale per channel.

    Args:
        channels: C of the inputs [N, C, H, W] or [N, C].
        groups: number of groups; divides C.
        affine_steps: sets of scale and shift; unroll t uses set min(t, affine_steps).
        eps: added to the variance.
    """

    def __init__(self, channels: int, groups: int, affine_steps: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.groups, self.eps = groups, eps
        self.affine_steps = affine_steps
        self.weight = nn.Parameter(torch.ones(affine_steps, channels))
        self.bias = nn.Parameter(torch.zeros(affine_steps, channels))

    def forward(self, x: Tensor, t: int) -> Tensor:
        """Return x normalized over each group of channels, with the affine set of unroll t."""
        return self.normalize(x, self.rows(t))

    def rows(self, t: int) -> tuple[Tensor, ...]:
        """Return scale and shift of unroll t, each [C]."""
        affine = min(t, self.affine_steps) - 1
        return self.weight[affine], self.bias[affine]

    def normalize(self, x: Tensor, rows: tuple[Tensor, ...]) -> Tensor:
        """Return x normalized over each group of channels, with the rows of some unroll."""
        weight, bias = rows
        return functional.group_norm(x, self.groups, weight, bias, self.eps)
