"""Weights whose operator enlarges nothing by more than a bound: spectral normalization.

The norm is that of the operator on its true input size, padding and stride included (Gouk et al.,
Regularisation of Neural Networks by Enforcing Lipschitz Continuity, 2021), not of the kernel as a
matrix, which is another number. Power iteration with the operator and its transpose finds it; the
vector is kept, moves by one step in each training call (Miyato et al. 2018), and then serves all
unrolls of that call.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv2d_input
from torch.nn.utils.parametrize import register_parametrization

from loopynet.errors import LoopyNetError

FIRST_STEPS = 30
"""Steps of power iteration when a network is built."""


@dataclass(frozen=True)
class _Dense:
    def forward(self, weight: Tensor, x: Tensor) -> Tensor:
        return functional.linear(x.flatten(1), weight)

    def back(self, weight: Tensor, y: Tensor, shape: torch.Size) -> Tensor:
        return (y @ weight).reshape(shape)


@dataclass(frozen=True)
class _Convolution:
    pad: list[int]
    """Zeros around the input: left, right, top, bottom."""
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int

    def forward(self, weight: Tensor, x: Tensor) -> Tensor:
        padded = functional.pad(x, self.pad)
        return functional.conv2d(
            padded, weight, None, self.stride, self.padding, self.dilation, self.groups
        )

    def back(self, weight: Tensor, y: Tensor, shape: torch.Size) -> Tensor:
        left, right, top, bottom = self.pad
        padded = (*shape[:2], shape[2] + top + bottom, shape[3] + left + right)
        x = conv2d_input(padded, weight, y, self.stride, self.padding, self.dilation, self.groups)  # type: ignore[no-untyped-call]
        return functional.pad(x, [-n for n in self.pad])


@dataclass(frozen=True)
class _Transposed:
    pad: list[int]
    """Zeros around the output; a negative number is cut off."""
    stride: tuple[int, int]
    padding: tuple[int, int]
    extra: tuple[int, int]
    dilation: tuple[int, int]
    groups: int

    def forward(self, weight: Tensor, x: Tensor) -> Tensor:
        whole = functional.conv_transpose2d(
            x, weight, None, self.stride, self.padding, self.extra, self.groups, self.dilation
        )
        return functional.pad(whole, self.pad)

    def back(self, weight: Tensor, y: Tensor, shape: torch.Size) -> Tensor:
        whole = functional.pad(y, [-n for n in self.pad])
        return functional.conv2d(
            whole, weight, None, self.stride, self.padding, self.dilation, self.groups
        )


class Bounded(nn.Module):
    """Scales a weight by min(1, bound / |A|), where |A| is the norm of its operator A.

    |A| is taken as |A v| for the unit vector v that power iteration has reached: never more than
    the true norm, and equal to it once v has settled. The gradient goes through it.

    Args:
        operator: A, given a weight.
        shape: of one input, without the batch.
        bound: the largest norm that is left as it is.
    """

    vector: Tensor

    def __init__(
        self, operator: _Dense | _Convolution | _Transposed, shape: tuple[int, ...], bound: float
    ) -> None:
        super().__init__()
        self.operator, self.bound = operator, bound
        # Irregular numbers that draw nothing from the random stream of the weights.
        numbers = torch.arange(1.0, torch.Size(shape).numel() + 1).square()
        self.register_buffer("vector", _unit((numbers * 0.6180339887).frac() - 0.5, shape))

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weight with a norm of at most the bound."""
        return weight / (self.norm(weight) / self.bound).clamp_min(1.0)

    def norm(self, weight: Tensor) -> Tensor:
        """Return |A v|, a single number."""
        with _exactly(weight):
            moved = self.operator.forward(weight, self.vector)
        size: Tensor = torch.linalg.vector_norm(moved)
        return size

    @torch.no_grad()
    def step(self, weight: Tensor) -> None:
        """Replace v by A^T A v, of length one. A new tensor: graphs may still need the old one."""
        with _exactly(weight):
            v = self.vector
            moved = self.operator.forward(weight, v)
            back = self.operator.back(weight, moved, v.shape)
        size = torch.linalg.vector_norm(back)
        self.vector = torch.where(size > 0, back / size.clamp_min(torch.finfo(v.dtype).tiny), v)


Held = tuple[tuple[Bounded, Tensor], ...]
"""Bounded weights and the vectors that they had at some time."""


def contract(op: nn.Module, shape: tuple[int, ...], bound: float) -> None:
    """Bound the norm of a convolution or dense layer from now on.

    Args:
        op: what a layer's `build` returned.
        shape: of its input, without the batch.
        bound: the largest norm.

    Raises:
        LoopyNetError: it is neither.
    """
    module, operator = _operator(op)
    bounded = Bounded(operator, shape, bound).to(module.weight)
    for _ in range(FIRST_STEPS):
        bounded.step(module.weight)
    register_parametrization(module, "weight", bounded, unsafe=True)


def advance(net: nn.Module, steps: int = 1) -> None:
    """Move the vectors of all bounded weights by some steps of power iteration."""
    for module in net.modules():
        if isinstance(module, nn.utils.parametrize.ParametrizationList):
            for bounded in module:
                if isinstance(bounded, Bounded):
                    for _ in range(steps):
                        bounded.step(module.original)


def vectors_of(net: nn.Module) -> Held:
    """Return the bounded weights of a network with the vectors that they have now."""
    return tuple((m, m.vector) for m in net.modules() if isinstance(m, Bounded))


@contextmanager
def holding(held: Held) -> Iterator[None]:
    """Give bounded weights the vectors that they had: a pass that is repeated has the same ones."""
    now = [bounded.vector for bounded, _ in held]
    for bounded, vector in held:
        bounded.vector = vector
    try:
        yield
    finally:
        for (bounded, _), vector in zip(held, now, strict=True):
            bounded.vector = vector


def _operator(
    op: nn.Module,
) -> tuple[nn.Linear | nn.Conv2d | nn.ConvTranspose2d, _Dense | _Convolution | _Transposed]:
    """Return the module that has the weight, and its operator with the padding around it."""
    parts = list(op) if isinstance(op, nn.Sequential) else [op]
    pads = [list(part.padding) for part in parts if isinstance(part, nn.ZeroPad2d)]
    pad = pads[0] if pads else [0, 0, 0, 0]
    for module in parts:
        if isinstance(module, nn.Linear):
            return module, _Dense()
        if isinstance(module, nn.Conv2d):
            return module, _Convolution(
                pad, _two(module.stride), _two(module.padding), _two(module.dilation), module.groups
            )
        if isinstance(module, nn.ConvTranspose2d):
            return module, _Transposed(
                pad, _two(module.stride), _two(module.padding), _two(module.output_padding),
                _two(module.dilation), module.groups,
            )  # fmt: skip
    raise LoopyNetError(
        f"unroll.contract bounds convolutions and dense layers, and cannot bound a "
        f"{type(op).__name__}; leave contract out"
    )


def _exactly(weight: Tensor) -> AbstractContextManager[None]:
    """Return a context in which products are not rounded to the type of mixed precision."""
    if weight.device.type == "meta":  # nothing is computed there
        return nullcontext()
    return torch.autocast(weight.device.type, enabled=False)


def _two(numbers: object) -> tuple[int, int]:
    height, width = cast("tuple[int, int]", numbers)
    return height, width


def _unit(numbers: Tensor, shape: tuple[int, ...]) -> Tensor:
    unit: Tensor = numbers / torch.linalg.vector_norm(numbers)
    return unit.reshape(1, *shape)
