"""Dense (fully connected) layers and maxout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from loopynet.parts.initializers import initializers
from loopynet.parts.layers.base import LayerSpec, WeightedLayerSpec, layer
from loopynet.parts.shape import Count, Shape, ShapeError, size

if TYPE_CHECKING:
    from torch import nn


@layer("dense")
class Dense(WeightedLayerSpec):
    """A fully connected layer; an image is flattened first, channels outermost."""

    type: Literal["dense"] = "dense"
    units: Count = Field(description="output features")

    def weight_shape(self, shape: Shape) -> Shape:
        return (self.units, size(shape))

    def output_shape(self, shape: Shape) -> Shape:
        return (self.units,)

    def parameters(self, shape: Shape) -> int:
        return size(shape) * self.units + (self.units if self.bias else 0)

    def multiply_adds(self, shape: Shape) -> int:
        return size(shape) * self.units

    def build(self, shape: Shape) -> nn.Module:
        from loopynet.modules.dense import FlatLinear

        module = FlatLinear(size(shape), self.units, self.bias)
        initializers.call(self.init, module.weight.data)
        if self.bias:
            initializers.call(self.bias_init, module.bias.data)
        return module


@layer("maxout")
class Maxout(LayerSpec):
    """The maximum over groups of `pieces` neighboring channels (Goodfellow et al. 2013)."""

    type: Literal["maxout"] = "maxout"
    pieces: Count = Field(2, description="channels that compete for one output channel")

    def output_shape(self, shape: Shape) -> Shape:
        return (max(shape[0] // self.pieces, 1), *shape[1:])

    def check(self, shape: Shape) -> None:
        if shape[0] % self.pieces:
            raise ShapeError(
                f"has {shape[0]} channels, which pieces: {self.pieces} does not divide"
            )

    def build(self, shape: Shape) -> nn.Module:
        from loopynet.modules.maxout import Maxout

        return Maxout(self.pieces)
