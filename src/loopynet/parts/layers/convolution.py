"""Convolutions and their transposes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from loopynet.parts.initializers import initializers
from loopynet.parts.layers.base import WeightedLayerSpec, layer
from loopynet.parts.shape import (
    Count,
    Pair,
    Shape,
    ShapeError,
    image,
    numbers,
    pair,
    pair_schema,
    size,
    unchanged,
)

if TYPE_CHECKING:
    from torch import nn


def _padding(value: object) -> str | int | tuple[int, int]:
    if value in ("same", "valid"):
        return str(value)
    found = numbers(value, 0)
    if found is None:
        message = "must be same, valid, a whole number from 0 up, or two of them"
        raise PydanticCustomError("padding", message)
    return found


Padding = Annotated[
    Literal["same", "valid"] | int | tuple[int, int],
    PlainValidator(_padding),
    PlainSerializer(unchanged),
    WithJsonSchema(pair_schema(0, "same", "valid")),
]
Margins = tuple[tuple[int, int], tuple[int, int]]


class _Convolution(WeightedLayerSpec):
    """The options of both kinds."""

    filters: Count = Field(description="output channels")
    size: Pair = Field(3, description="height and width of the filters")
    stride: Pair = Field(1, description="step between positions")
    padding: Padding = Field("same", description="same, valid, or zeros on each side")
    groups: Count = Field(1, description="groups of channels that do not mix")
    dilation: Pair = Field(1, description="step between the taps of a filter")

    def check(self, shape: Shape) -> None:
        channels = image(shape)[0]
        for name, count in (("input channels", channels), ("filters", self.filters)):
            if count % self.groups:
                raise ShapeError(f"has {count} {name}, which groups: {self.groups} does not divide")
        super().check(shape)

    def parameters(self, shape: Shape) -> int:
        height, width = pair(self.size)
        weights = shape[0] * self.filters * height * width // self.groups
        return weights + (self.filters if self.bias else 0)

    def spans(self) -> tuple[int, int]:
        """Return the height and width that a dilated filter covers."""
        (h, w), (dh, dw) = pair(self.size), pair(self.dilation)
        return dh * (h - 1) + 1, dw * (w - 1) + 1

    def _initialize(self, module: nn.Conv2d | nn.ConvTranspose2d) -> None:
        initializers.call(self.init, module.weight.data)
        if module.bias is not None:
            initializers.call(self.bias_init, module.bias.data)


@layer("conv2d")
class Conv2d(_Convolution):
    """A two-dimensional convolution.

    `padding: same` gives ceil(input / stride) positions; where the zeros cannot be equal on both
    sides, the odd one stands at the end.
    """

    type: Literal["conv2d"] = "conv2d"

    def margins(self, shape: Shape) -> Margins:
        """Return the zeros (before, after) in height and in width."""
        if self.padding == "valid":
            return (0, 0), (0, 0)
        if self.padding == "same":
            strides, spans = pair(self.stride), self.spans()
            rows, columns = (
                same_margins(n, span, s)
                for n, span, s in zip(image(shape)[1:], spans, strides, strict=True)
            )
            return rows, columns
        height, width = pair(self.padding)
        return (height, height), (width, width)

    def weight_shape(self, shape: Shape) -> Shape:
        return (self.filters, shape[0] // self.groups, *pair(self.size))

    def output_shape(self, shape: Shape) -> Shape:
        rows, columns = (
            (n + sum(margin) - span) // step + 1
            for n, margin, span, step in zip(
                image(shape)[1:], self.margins(shape), self.spans(), pair(self.stride), strict=True
            )
        )
        if min(rows, columns) < 1:
            raise ShapeError(
                f"has filters that span {self.spans()[0]}x{self.spans()[1]}, more than its "
                f"{shape[1]}x{shape[2]} input holds; write padding: same or a smaller size"
            )
        return self.filters, rows, columns

    def multiply_adds(self, shape: Shape) -> int:
        height, width = pair(self.size)
        return size(self.output_shape(shape)) * height * width * shape[0] // self.groups

    def build(self, shape: Shape) -> nn.Module:
        from torch import nn

        rows, columns = self.margins(shape)
        equal = rows[0] == rows[1] and columns[0] == columns[1]
        module = nn.Conv2d(
            shape[0],
            self.filters,
            pair(self.size),
            pair(self.stride),
            (rows[0], columns[0]) if equal else 0,
            pair(self.dilation),
            self.groups,
            self.bias,
        )
        self._initialize(module)
        return module if equal else nn.Sequential(nn.ZeroPad2d((*columns, *rows)), module)


@layer("conv_transpose2d")
class ConvTranspose2d(_Convolution):
    """The transpose of a convolution, for upsampling with learned weights.

    `padding: same` gives input * stride positions.
    """

    type: Literal["conv_transpose2d"] = "conv_transpose2d"

    def weight_shape(self, shape: Shape) -> Shape:
        return (shape[0], self.filters // self.groups, *pair(self.size))

    def output_shape(self, shape: Shape) -> Shape:
        rows, columns = (
            (n - 1) * step - sum(crop) + span
            for n, crop, span, step in zip(
                image(shape)[1:], self.crops(), self.spans(), pair(self.stride), strict=True
            )
        )
        if min(rows, columns) < 1:
            raise ShapeError(f"crops its whole output away with padding: {self.padding}")
        return self.filters, rows, columns

    def crops(self) -> Margins:
        """Return what is cut from the full output (before, after); negative adds positions."""
        if self.padding == "valid":
            return (0, 0), (0, 0)
        if self.padding == "same":
            rows, columns = (
                (max(span - step, 0) // 2, span - step - max(span - step, 0) // 2)
                for span, step in zip(self.spans(), pair(self.stride), strict=True)
            )
            return rows, columns
        height, width = pair(self.padding)
        return (height, height), (width, width)

    def multiply_adds(self, shape: Shape) -> int:
        height, width = pair(self.size)
        return size(shape) * height * width * self.filters // self.groups

    def build(self, shape: Shape) -> nn.Module:
        from torch import nn

        (top, bottom), (left, right) = self.crops()
        module = nn.ConvTranspose2d(
            shape[0],
            self.filters,
            pair(self.size),
            pair(self.stride),
            groups=self.groups,
            bias=self.bias,
            dilation=pair(self.dilation),
            output_padding=(max(-bottom, 0), max(-right, 0)),
        )
        self._initialize(module)
        crop = (-left, -max(right, 0), -top, -max(bottom, 0))
        if not any(crop):
            return module
        return nn.Sequential(module, nn.ZeroPad2d(crop))


def same_margins(n: int, span: int, step: int) -> tuple[int, int]:
    """Return the padding (before, after) that gives ceil(n / step) windows of `span`."""
    total = max((-(-n // step) - 1) * step + span - n, 0)
    return total // 2, total - total // 2
