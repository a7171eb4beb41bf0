"""Normalization and what it does over time: the options, and how many numbers they cost."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from loopynet.parts.model import SpecModel
from loopynet.parts.shape import Count, Shape, ShapeError, show, size

NormType = Literal["none", "batch", "group", "layer"]
OverTime = Literal["shared", "per_step", "per_step_statistics"]


class NormSpec(SpecModel):
    """What normalizes a layer's output before its activation.

    `over_time` says what the unrolls of a tied layer share. `shared`: scale, shift and running
    statistics are one set for all unrolls. `per_step`: each unroll has its own set, as in the
    published networks. `per_step_statistics`: each unroll has its own running statistics, scale
    and shift are one (Cooijmans et al. 2016). Group and layer norm keep no statistics.
    """

    type: NormType = Field(
        "none", description="over the batch, over groups of channels, over all channels, or nothing"
    )
    over_time: OverTime = Field("shared", description="what the unrolls share")
    momentum: Annotated[float, Field(gt=0, le=1)] = Field(
        0.1, description="weight of the newest batch in the running statistics"
    )
    eps: Annotated[float, Field(gt=0)] = Field(1e-5, description="added to the variance")
    groups: Count | None = Field(
        None,
        description="of group norm; if null, the largest divisor of the channels up to 32 that "
        "leaves each group more than one value",
    )

    @property
    def differs_by_step(self) -> bool:
        """Whether unrolls have numbers of their own."""
        if self.type == "batch":
            return self.over_time != "shared"
        return self.type != "none" and self.over_time == "per_step"

    def check(self, shape: Shape) -> None:
        """Raise ShapeError if outputs of `shape` cannot be normalized so."""
        if self.type == "group" and self.groups and shape[0] % self.groups:
            divisors = [str(n) for n in range(1, shape[0] + 1) if shape[0] % n == 0][:12]
            raise ShapeError(
                f"has {shape[0]} channels, which {self.groups} groups do not divide; "
                f"write norm.groups as one of {', '.join(divisors)}"
            )
        if self.type == "group" and self.groups and size(shape) == self.groups:
            raise ShapeError(
                f"would be normalized over groups of one value of {show(shape)}, which leaves "
                "nothing; write fewer norm.groups, or norm: none for this layer"
            )

    def group_count(self, shape: Shape) -> int:
        """Return the number of groups for outputs of a shape: none is left with a single value."""
        if self.type == "layer":
            return 1
        if self.groups:
            return self.groups
        channels, values = shape[0], size(shape)
        divisors = (n for n in range(1, min(channels, 32) + 1) if channels % n == 0)
        return max((n for n in divisors if values // n > 1), default=1)

    def parameters(self, shape: Shape, steps: int) -> int:
        """Return the number of learned scales and shifts of a layer that runs `steps` times."""
        if self.type == "none":
            return 0
        return 2 * shape[0] * (steps if self.over_time == "per_step" else 1)

    def statistics(self, shape: Shape, steps: int) -> int:
        """Return the number of running means and variances of a layer that runs `steps` times."""
        if self.type != "batch":
            return 0
        return 2 * shape[0] * (1 if self.over_time == "shared" else steps)
