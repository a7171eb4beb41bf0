"""One layer of a running network: operation, normalization of the unroll, activation."""

from __future__ import annotations

from torch import Tensor, nn

from loopynet.graph import LayerNode
from loopynet.modules.norm import BatchNormOverTime, GroupNormOverTime
from loopynet.parts.activations import activations
from loopynet.parts.norms import NormSpec
from loopynet.parts.shape import Shape


class Layer(nn.Module):
    """A layer's operation, then the norm of unroll t, then its activation.

    Args:
        node: the layer as the graph resolved it.
        steps: how many unrolls share this module: `node.runs` when tied, 1 for an untied copy.
    """

    def __init__(self, node: LayerNode, steps: int) -> None:
        super().__init__()
        self.op = node.spec.build(node.input_shape)
        self.norm = build_norm(node.norm, node.output_shape, steps)
        plain = node.spec.activation.name == "linear"
        self.activation = None if plain else activations.call(node.spec.activation)

    def forward(self, x: Tensor, t: int) -> Tensor:
        """Return the output at unroll t (from 1) for an input [N, *input_shape]."""
        if self.op is not None:
            x = self.op(x)
        if self.norm is not None:
            x = self.norm(x, t)
        if self.activation is not None:
            x = self.activation(x)
        return x


def build_norm(spec: NormSpec, shape: Shape, steps: int) -> nn.Module | None:
    """Return what normalizes outputs [N, *shape] of `steps` unrolls; None for no norm."""
    channels = shape[0]
    affine = steps if spec.over_time == "per_step" else 1
    if spec.type == "none":
        return None
    if spec.type == "batch":
        statistics = 1 if spec.over_time == "shared" else steps
        return BatchNormOverTime(channels, affine, statistics, spec.momentum, spec.eps)
    return GroupNormOverTime(channels, spec.group_count(shape), affine, spec.eps)
