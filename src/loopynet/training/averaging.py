"""A moving average of the weights, which is what is validated and kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import lightning
import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor

from loopynet.network import LoopyNet


class AverageWeights(WeightAveraging):
    """Averages the weights over the last steps, exponentially (Polyak and Juditsky 1992).

    After n steps the weight of the past is the smaller of `decay` and (1 + n) / (10 + n), so that a
    short run is not held back by its first weights. Validation, the kept weights and the finished
    network have the average, running statistics of batch norm included.

    Args:
        decay: the weight of the past at each step, from 0 to below 1.
    """

    def __init__(self, decay: float) -> None:
        def average(past: Sequence[Tensor], new: Sequence[Tensor], count: Tensor | int) -> None:
            share = min(decay, (1 + int(count)) / (10 + int(count)))
            for old, now in zip(past, new, strict=True):
                if old.is_floating_point():
                    old.lerp_(now.to(old.dtype), 1 - share)
                else:  # counts
                    old.copy_(now)

        super().__init__(use_buffers=True, multi_avg_fn=torch.no_grad()(average))

    def on_fit_end(self, _: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Give the network the average, also if no epoch was left to train.

        Lightning does so at the end of training, which a run that was killed after its last epoch
        and is continued does not come to.
        """
        self._copy_average_to_current(module)

    def weights(self, net: LoopyNet) -> dict[str, Tensor]:
        """Return the averaged state of the network; the network's own before the first step."""
        if self._average_model is None:
            return dict(net.state_dict())
        averaged = cast(LoopyNet, self._average_model.module.net)
        return dict(averaged.state_dict())
