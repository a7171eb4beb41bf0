"""Pooling, global pooling and upsampling."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from loopynet.parts.layers.base import LayerSpec, layer
from loopynet.parts.layers.convolution import Margins, Padding, same_margins
from loopynet.parts.shape import Pair, Shape, ShapeError, image, pair

if TYPE_CHECKING:
    from torch import nn

BICUBIC_ROW = 1.375
"""The largest sum of absolute weights of bicubic interpolation, half-way between two points."""


@layer("pool2d")
class Pool2d(LayerSpec):
    """The maximum or mean over windows.

    Padding never wins a maximum, and is not counted in a mean. `padding: same` gives
    ceil(input / stride) positions; where it cannot be equal on both sides, the odd one stands at
    the end.
    """

    type: Literal["pool2d"] = "pool2d"
    mode: Literal["max", "mean"] = Field("max", description="what a window gives")
    size: Pair = Field(2, description="height and width of the windows")
    stride: Pair | None = Field(None, description="step between windows; the size if null")
    padding: Padding = Field("valid", description="same, valid, or positions on each side")

    def output_shape(self, shape: Shape) -> Shape:
        channels, *sizes = image(shape)
        windows, strides = pair(self.size), pair(self.stride or self.size)
        rows, columns = (
            (n + sum(m) - w) // s + 1
            for n, m, w, s in zip(sizes, self.margins(shape), windows, strides, strict=True)
        )
        if min(rows, columns) < 1:
            raise ShapeError(
                f"has {windows[0]}x{windows[1]} windows, more than its {sizes[0]}x{sizes[1]} input "
                "holds; write a smaller size or remove the layer"
            )
        return channels, rows, columns

    def check(self, shape: Shape) -> None:
        self.output_shape(shape)
        widest = zip(self.margins(shape), pair(self.size), strict=True)
        if self.padding != "same" and any(2 * m[0] > w for m, w in widest):
            raise ShapeError(f"has padding: {self.padding}, more than half its window")

    def margins(self, shape: Shape) -> Margins:
        """Return the padding (before, after) in height and in width."""
        if self.padding == "valid":
            return (0, 0), (0, 0)
        if self.padding == "same":
            windows, strides = pair(self.size), pair(self.stride or self.size)
            rows, columns = (
                same_margins(n, w, s)
                for n, w, s in zip(image(shape)[1:], windows, strides, strict=True)
            )
            return rows, columns
        height, width = pair(self.padding)
        return (height, height), (width, width)

    def stretch(self, shape: Shape) -> float:
        windows, strides = pair(self.size), pair(self.stride or self.size)
        # Every value of the input is in at most so many windows.
        return math.sqrt(math.prod(-(-w // s) for w, s in zip(windows, strides, strict=True)))

    def build(self, shape: Shape) -> nn.Module:
        from loopynet.modules.pooling import PaddedPool2d

        windows, strides = pair(self.size), pair(self.stride or self.size)
        return PaddedPool2d(self.mode, windows, strides, self.margins(shape))


@layer("global_pool")
class GlobalPool(LayerSpec):
    """The mean or maximum of each channel over all positions: [C, H, W] becomes [C]."""

    type: Literal["global_pool"] = "global_pool"
    mode: Literal["max", "mean"] = Field("mean", description="what a channel gives")

    def output_shape(self, shape: Shape) -> Shape:
        return (image(shape)[0],)

    def build(self, shape: Shape) -> nn.Module:
        from torch import nn

        pool = nn.AdaptiveAvgPool2d(1) if self.mode == "mean" else nn.AdaptiveMaxPool2d(1)
        return nn.Sequential(pool, nn.Flatten())


@layer("upsample")
class Upsample(LayerSpec):
    """A larger image by repetition or interpolation."""

    type: Literal["upsample"] = "upsample"
    scale: Pair = Field(2, description="factor for height and width")
    mode: Literal["nearest", "bilinear", "bicubic"] = Field("nearest", description="interpolation")

    def output_shape(self, shape: Shape) -> Shape:
        (channels, height, width), (down, across) = image(shape), pair(self.scale)
        return channels, height * down, width * across

    def stretch(self, shape: Shape) -> float:
        largest = BICUBIC_ROW**2 if self.mode == "bicubic" else 1.0
        return largest * math.sqrt(math.prod(pair(self.scale)))

    def build(self, shape: Shape) -> nn.Module:
        from torch import nn

        aligned = None if self.mode == "nearest" else False
        down, across = pair(self.scale)
        return nn.Upsample(
            scale_factor=(float(down), float(across)), mode=self.mode, align_corners=aligned
        )
