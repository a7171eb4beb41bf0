"""A convolution and the batch norm behind it, in evaluation, as one linear map."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

WayBack = Callable[[Tensor], Tensor]


class Geometry(NamedTuple):
    """How a convolution's window moves: two numbers each, and the groups."""

    stride: list[int]
    padding: list[int]
    dilation: list[int]
    groups: int


@dataclass
class LinearMap:
    """A convolution that ran, folded with its batch norm.

    Attributes:
        input: what it read, [N, C, H, W], in the graph of gradients.
        weight: of the folded convolution, [filters, C, height, width].
        geometry: how its window moves.
        start: its result [N, filters, H', W'], in the graph.
        output: the same after what followed channel by channel, such as the activation.
        versions: of the start and the output when they were that: a model may change them in
            place later.
    """

    input: Tensor
    weight: Tensor
    geometry: Geometry
    start: Tensor
    output: Tensor
    versions: tuple[int, int]

    @property
    def fresh(self) -> bool:
        """Whether nothing has followed yet."""
        return self.output is self.start

    def gave(self, x: Any) -> bool:
        """Say whether x is the output, unchanged."""
        return self.output is x and self.versions == (self.start._version, x._version)

    def follow(self, result: Any) -> None:
        """Take note of what followed channel by channel."""
        self.output = result
        if result is not self.start:  # changed in place, the start is there no more
            self.versions = self.versions[0], result._version

    def lead_back(self, gradient: Tensor, filters: list[int]) -> Tensor:
        """Return the gradient of each filter alone with respect to the input.

        Args:
            gradient: of every filter with respect to `start`, [N, filters, H', W'].
            filters: F of them.

        Returns:
            [F, N, C, H, W].
        """
        parts = []
        for f in filters:
            back = way_back(self.weight[f : f + 1], self.input.shape, self.geometry)
            parts.append(back(gradient[:, f : f + 1]))
        return parts[0][None] if len(parts) == 1 else torch.stack(parts)


class Affine(torch.autograd.Function):
    """A value that was computed already, with the way back to its input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, value: list[Tensor], back: WayBack) -> Tensor:
        """Return the only value: not as an argument of its own, of which this would be a view."""
        ctx.back = back
        return value[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient of the input."""
        return ctx.back(gradients[0]), None, None


def way_back(weight: Tensor, shape: torch.Size, geometry: Geometry) -> WayBack:
    """Return what leads a gradient through a convolution to its input [N, C, H, W].

    With a stride of 1 that is a convolution, too, with the filters turned around: the fastest way
    on a CPU by far where there are few channels.
    """
    stride, padding, dilation, groups = geometry
    reach = [d * (n - 1) for d, n in zip(dilation, weight.shape[2:], strict=True)]
    sides = [r - p for r, p in zip(reach, padding, strict=True)]
    if stride == [1, 1] and groups == 1 and min(sides) >= 0:
        turned = weight.flip(2, 3).transpose(0, 1).contiguous()
        return lambda gradient: functional.conv2d(gradient, turned, None, 1, sides, dilation)

    def general(gradient: Tensor) -> Tensor:
        like = gradient.new_empty(1).expand(shape)  # only its shape counts
        result: Tensor = torch.ops.aten.convolution_backward(
            gradient, like, weight, None, stride, padding, dilation, False, [0, 0], groups,
            [True, False, False],
        )[0]  # fmt: skip
        return result

    return general


def map_convolution(args: tuple[Any, ...], options: Mapping[str, Any]) -> LinearMap | None:
    """Run a call of conv2d; returns None if it must run as it is."""
    x, weight, _, stride, padding, dilation, groups = _conv_arguments(*args, **options)
    if isinstance(padding, str) or x.dim() != 4 or not x.requires_grad or weight.requires_grad:
        return None
    with torch.no_grad():
        value = functional.conv2d(*args, **options)
    how = Geometry(_two(stride), _two(padding), _two(dilation), groups)
    return _mapped(x, weight, how, value)


def fold_batch_norm(
    before: LinearMap, args: tuple[Any, ...], options: Mapping[str, Any]
) -> LinearMap | None:
    """Run a call of batch_norm on a convolution's result; returns None if it must run as it is."""
    mean, variance, scale, training, eps = _norm_arguments(*args, **options)
    if training or mean is None or variance is None:
        return None
    with torch.no_grad():
        value = functional.batch_norm(*args, **options)
        factor = (variance + eps).rsqrt()
        factor = factor if scale is None else factor * scale
        weight = before.weight * factor[:, None, None, None].to(before.weight.dtype)
    return _mapped(before.input, weight, before.geometry, value)


def _mapped(x: Tensor, weight: Tensor, how: Geometry, value: Tensor) -> LinearMap:
    start = Affine.apply(x, [value], way_back(weight, x.shape, how))  # type: ignore[no-untyped-call]
    return LinearMap(x, weight, how, start, start, (start._version, start._version))


def _conv_arguments(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> tuple[Any, ...]:
    return input, weight, bias, stride, padding, dilation, groups


def _norm_arguments(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Any, ...]:
    return running_mean, running_var, weight, training, eps


def _two(value: Any) -> list[int]:
    numbers = [value] if isinstance(value, int) else list(value)
    return numbers * 2 if len(numbers) == 1 else numbers
