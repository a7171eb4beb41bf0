"""Targets as ordinary functions of the image, for Captum and its like.

Captum explains what a module gave when it last ran. In a network with tied weights a module runs
once for each unroll, so that its layer methods see the last unroll only. A `Score` is a function of
the image alone, whichever unroll its target is at, and every method that takes a function is exact.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from loopynet.explain.backward import run_to
from loopynet.explain.frozen import Network, check_evaluation, frozen_copy
from loopynet.explain.target import Target, check_position, filter_numbers, resolve


class Score(nn.Module):
    """The value of one target for each image, or of several.

    Args:
        net: the network, in evaluation mode; the score shares its weights and changes nothing.
        targets: one, or several.
        unrolls: passes to run; the spec's if None.

    Raises:
        LoopyNetError: the network is in training mode; at a call, there is no such target.
    """

    def __init__(
        self, net: Network, targets: Target | Sequence[Target], unrolls: int | None = None
    ) -> None:
        super().__init__()
        check_evaluation(net)
        self.net = frozen_copy(net)
        self.single = isinstance(targets, Target)
        self.targets = (targets,) if isinstance(targets, Target) else tuple(targets)
        self.unrolls = unrolls
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Return [N], or [N, targets] for several, of images [N, *input_shape]."""
        names = [resolve(self.net, target.at) for target in self.targets]
        found = run_to(self.net, images, names, self.unrolls)
        columns = [
            _value(found[name][0], name, target)
            for name, target in zip(names, self.targets, strict=True)
        ]
        return columns[0] if self.single else torch.stack(columns, 1)


def _value(activation: Tensor, name: str, target: Target) -> Tensor:
    """Return the target's value [N] of its activation [N, C, ...]."""
    (number,) = filter_numbers(target.filter, name, activation)
    check_position(target.position, name, activation)
    if target.position is not None:
        return activation[:, number, target.position[0], target.position[1]]
    return (
        activation[:, number].flatten(1).sum(1) if activation.dim() > 2 else activation[:, number]
    )
