"""The mean loss over the images of an epoch."""

from __future__ import annotations

from torch import Tensor
from torchmetrics import MeanMetric


class MeanOverImages(MeanMetric):
    """A mean to which each batch adds its own, by its number of images; NaN stays NaN.

    With nan_strategy="disable", which waits for no device, torchmetrics 1.9 forgets the weights.
    """

    def __init__(self) -> None:
        super().__init__(nan_strategy="disable")

    def update(self, value: Tensor, count: int) -> None:  # type: ignore[override]
        """Add the mean of a batch of `count` images."""
        self.mean_value += value.to(self.mean_value.dtype) * count
        self.weight += count
