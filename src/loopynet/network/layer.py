"""One layer of a running network: operation, normalization of the unroll, activation."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from itertools import accumulate

import torch
from torch import Tensor, nn

from loopynet.graph import LayerNode
from loopynet.modules.norm import BatchNormOverTime, GroupNormOverTime
from loopynet.parts.activations import activations
from loopynet.parts.norms import NormSpec
from loopynet.parts.shape import Shape

Norm = BatchNormOverTime | GroupNormOverTime


class Layer(nn.Module):
    """A layer's operation, then the norm of unroll t, then its activation.

    Args:
        node: the layer as the graph resolved it.
        times: the unrolls that it serves in a run of the trained length: all of a tied layer's, one
            of an untied copy's.
    """

    def __init__(self, node: LayerNode, times: Sequence[int]) -> None:
        super().__init__()
        self.channels = node.output_shape[0]
        with torch.device("meta") if node.weights_of else nullcontext():  # none drawn, none kept
            self.op = node.spec.build(node.input_shape)
        self.norm = build_norm(node.norm, node.output_shape, len(times))
        self._sets = tuple(accumulate(t in set(times) for t in range(1, times[-1] + 1)))
        plain = node.spec.activation.name == "linear"
        self.activation = None if plain else activations.call(node.spec.activation)

    def forward(self, x: Tensor, t: int) -> Tensor:
        """Return the output at unroll t (from 1) for an input [N, *input_shape]."""
        # Not by `apply_rows`: PyTorch's FLOP counter refuses rows as a module's input.
        if self.op is not None:
            x = self.op(x)
        if self.norm is not None:
            x = self.norm(x, self.norm_set(t))
        if self.activation is not None:
            x = self.activation(x)
        return x

    def rows(self, t: int) -> tuple[Tensor, ...]:
        """Return the numbers of its norm at unroll t; none without a norm."""
        return () if self.norm is None else self.norm.rows(self.norm_set(t))

    def apply_rows(self, x: Tensor, rows: tuple[Tensor, ...], activate: bool = True) -> Tensor:
        """Return the output for x, as `forward` at the unroll that the rows belong to."""
        if self.op is not None:
            x = self.op(x)
        if self.norm is not None:
            x = self.norm.normalize(x, rows)
        return self.activation(x) if activate and self.activation is not None else x

    def norm_set(self, t: int) -> int:
        """Return which of its sets of numbers (from 1) the norm uses at unroll t.

        The first unroll at which the layer runs has the first set, the next one the second. An
        unroll without a set of its own has that of the one before it, and none before the first.
        """
        return max(1, self._sets[min(t, len(self._sets)) - 1])


def build_norm(spec: NormSpec, shape: Shape, steps: int) -> Norm | None:
    """Return what normalizes outputs [N, *shape] of `steps` unrolls; None for no norm."""
    channels = shape[0]
    affine = steps if spec.over_time == "per_step" else 1
    if spec.type == "none":
        return None
    if spec.type == "batch":
        statistics = 1 if spec.over_time == "shared" else steps
        return BatchNormOverTime(channels, affine, statistics, spec.momentum, spec.eps)
    return GroupNormOverTime(channels, spec.group_count(shape), affine, spec.eps)
