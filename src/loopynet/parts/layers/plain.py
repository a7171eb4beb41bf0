"""Layers without weights that keep the shape: dropout, norms, identity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from loopynet.parts.layers.base import LayerSpec, layer
from loopynet.parts.norms import NormSpec, OverTime
from loopynet.parts.shape import Count, Shape, image, size

if TYPE_CHECKING:
    from torch import nn


@layer("dropout")
class Dropout(LayerSpec):
    """Zeros at random in training, the rest scaled up (Srivastava et al. 2014).

    Every unroll draws a mask of its own.
    """

    type: Literal["dropout"] = "dropout"
    rate: Annotated[float, Field(ge=0, lt=1)] = Field(0.5, description="share of zeros")
    spatial: bool = Field(False, description="drop whole channels")

    def check(self, shape: Shape) -> None:
        if self.spatial:
            image(shape)

    def build(self, shape: Shape) -> nn.Module:
        from torch import nn

        return nn.Dropout2d(self.rate) if self.spatial else nn.Dropout(self.rate)


@layer("norm")
class Norm(LayerSpec):
    """Normalization as a layer of its own."""

    type: Literal["norm"] = "norm"
    kind: Literal["batch", "group", "layer"] = Field("batch", description="what is normalized")
    over_time: OverTime = Field("shared", description="what the unrolls share")
    momentum: Annotated[float, Field(gt=0, le=1)] = Field(0.1, description="of the statistics")
    eps: Annotated[float, Field(gt=0)] = Field(1e-5, description="added to the variance")
    groups: Count | None = Field(None, description="of group norm")

    @field_validator("norm")
    @classmethod
    def _no_norm_of_its_own(cls, norm: NormSpec | None) -> NormSpec | None:
        if norm is not None:
            raise PydanticCustomError("norm_layer", "a norm layer has a kind: write kind: batch")
        return norm

    def as_norm(self) -> NormSpec:
        """Return the same as the norm that other layers have."""
        return NormSpec(
            type=self.kind,
            over_time=self.over_time,
            momentum=self.momentum,
            eps=self.eps,
            groups=self.groups,
        )


@layer("local_response_norm")
class LocalResponseNorm(LayerSpec):
    """Divides by the activity of neighboring channels (Krizhevsky, Sutskever and Hinton 2012).

    y_c = x_c / (k + alpha / size * sum of x_i^2 over the `size` channels about c)^beta
    """

    type: Literal["local_response_norm"] = "local_response_norm"
    size: Count = Field(5, description="channels that are summed over")
    alpha: Annotated[float, Field(ge=0)] = Field(1e-4, description="weight of their mean square")
    beta: Annotated[float, Field(ge=0)] = Field(0.75, description="exponent")
    k: Annotated[float, Field(gt=0)] = Field(1.0, description="what is added to it")

    def check(self, shape: Shape) -> None:
        image(shape)

    def stretch(self, shape: Shape) -> float:
        return float(self.k**-self.beta)  # about 0; elsewhere the quotient can rise a little faster

    def build(self, shape: Shape) -> nn.Module:
        from torch import nn

        return nn.LocalResponseNorm(self.size, self.alpha, self.beta, self.k)


@layer("scale")
class Scale(LayerSpec):
    """Multiplies by a number that is not learned: a loop made weaker or stronger."""

    type: Literal["scale"] = "scale"
    factor: Annotated[float, Field(allow_inf_nan=False)] = Field(
        1.0, description="what the input is multiplied by"
    )

    def stretch(self, shape: Shape) -> float:
        return abs(self.factor)

    def build(self, shape: Shape) -> nn.Module:
        from loopynet.modules.scale import Scaled

        return Scaled(self.factor)


@layer("flatten")
class Flatten(LayerSpec):
    """An image as a vector, channels outermost: [C, H, W] becomes [C * H * W]."""

    type: Literal["flatten"] = "flatten"

    def output_shape(self, shape: Shape) -> Shape:
        return (size(shape),)

    def build(self, shape: Shape) -> nn.Module:
        from torch import nn

        return nn.Flatten()


@layer("identity")
class Identity(LayerSpec):
    """Passes its input on: a named place for a loop or skip to start or end, or an activation."""

    type: Literal["identity"] = "identity"
