"""Normalization of a layer that runs once per unroll."""

from __future__ import annotations

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional


class BatchNormOverTime(nn.Module):
    """Batch normalization (Ioffe and Szegedy 2015) with numbers of its own for each unroll.

    Args:
        channels: C of the inputs [N, C, H, W] or [N, C].
        affine_steps: sets of scale and shift; unroll t uses set min(t, affine_steps).
        statistics_steps: sets of running mean and variance, chosen the same way.
        momentum: weight of the newest batch in the running statistics.
        eps: added to the variance.

    Attributes:
        together: whether training takes mean and variance over the batches of all processes that
            train together, as PyTorch's SyncBatchNorm does. Default: False.
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
        self.together = False
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
        if self.together and self.training and distributed.is_initialized():
            return self._normalize_together(x, mean, var, weight, bias)
        return functional.batch_norm(
            x, mean, var, weight, bias, self.training, self.momentum, self.eps
        )

    def _normalize_together(
        self, x: Tensor, running_mean: Tensor, running_var: Tensor, weight: Tensor, bias: Tensor
    ) -> Tensor:
        """Normalize by the mean and variance over the images of all processes."""
        from torch.distributed.nn.functional import all_reduce

        axes = [0, *range(2, x.dim())]
        shape = (1, -1, *(1 for _ in x.shape[2:]))
        ones = x.new_full((1,), float(x.numel() // x.shape[1]))
        total = all_reduce(torch.cat([x.sum(axes), ones]))  # type: ignore[no-untyped-call]
        count, mean = total[-1], total[:-1] / total[-1]
        centered = x - mean.view(shape)
        var = all_reduce(centered.square().sum(axes)) / count  # type: ignore[no-untyped-call]
        with torch.no_grad():
            running_mean.lerp_(mean, self.momentum)
            running_var.lerp_(var * count / (count - 1), self.momentum)
        scale = weight / (var + self.eps).sqrt()
        result: Tensor = centered * scale.view(shape) + bias.view(shape)
        return result


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
