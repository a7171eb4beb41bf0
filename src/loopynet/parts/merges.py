"""Merges: how the signal of a loop or skip joins the input of its target.

`x` is the target's input in the forward direction and `signal` what the loop or skip brings; both
are [N, C, H, W] or [N, F]. To add a merge that works element by element, write its function here,
or in a package of your own, under `@merge("name")`: the shape rule, the spec, the docs and the
contract tests follow from that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loopynet.parts.registry import Registry
from loopynet.parts.shape import Shape, size

if TYPE_CHECKING:
    from torch import Tensor

    Join = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class MergePart:
    """One merge.

    Attributes:
        build: makes the function or module (x, signal) -> merged, for a target's input shape.
        concatenates: the signal's channels are added to the target's input, so that they are free
            to differ; otherwise both shapes must agree and the merged shape is theirs.
        parameters: the number of learned weights for a target's input shape.
        multiply_adds: of one sample, for a target's input shape.
        doc: one line for the documentation.
        gain: for `unroll.contract`, by how much a difference of x and one of the signal, added up,
            are enlarged at most.
        bounded: whether `gain` holds; not for products.
    """

    build: Callable[[Shape], Join]
    doc: str
    concatenates: bool = False
    parameters: Callable[[Shape], int] = lambda _: 0
    multiply_adds: Callable[[Shape], int] = lambda _: 0
    gain: float = 1.0
    bounded: bool = False

    def fits(self, x: Shape, signal: Shape) -> bool:
        """Say whether a signal of this shape can be merged as it is."""
        return x[1:] == signal[1:] and len(x) == len(signal) if self.concatenates else x == signal

    def wanted(self, x: Shape, signal: Shape) -> Shape:
        """Return the shape that a signal must be brought to: channels that are free stay."""
        return (*signal[:1], *x[1:]) if self.concatenates else x

    def shape(self, x: Shape, signal: Shape) -> Shape:
        """Return the merged shape of fitting shapes."""
        return (x[0] + signal[0], *x[1:]) if self.concatenates else x


merges: Registry[MergePart] = Registry("merge", "loopynet.merges")


def merge(name: str, gain: float | None = None) -> Callable[[Join], Join]:
    """Register an element-wise function (x, signal) -> merged as the merge called `name`.

    Args:
        name: in the YAML.
        gain: see `MergePart`; None if there is no bound.
    """

    def add(function: Join) -> Join:
        doc = (function.__doc__ or "").strip()
        bounded = gain is not None
        part = MergePart(
            lambda _: function, doc, gain=1.0 if gain is None else gain, bounded=bounded
        )
        merges.register(name)(part)
        return function

    return add


@merge("sum", gain=1.0)
def sum_(x: Tensor, signal: Tensor) -> Tensor:
    """x + f (the paper's addition)."""
    return x + signal


@merge("mul")
def mul(x: Tensor, signal: Tensor) -> Tensor:
    """x * f (the paper's multiplication: the signal as attention)."""
    return x * signal


@merge("mean", gain=0.5)
def mean(x: Tensor, signal: Tensor) -> Tensor:
    """(x + f) / 2."""
    return (x + signal) / 2


@merge("max", gain=1.0)
def max_(x: Tensor, signal: Tensor) -> Tensor:
    """The larger of x and f, element by element."""
    return x.maximum(signal)


@merge("replace", gain=1.0)
def replace(x: Tensor, signal: Tensor) -> Tensor:
    """f instead of x: a state that only the first unroll takes from below."""
    return signal


@merge("modulate")
def modulate(x: Tensor, signal: Tensor) -> Tensor:
    """x + x * f: the signal raises what is there and cannot make what is not."""
    return x + x * signal


@merge("gain")
def gain(x: Tensor, signal: Tensor) -> Tensor:
    """x * (1 + tanh f): a gain between 0 and 2."""
    return x * (1 + signal.tanh())


def _concat(_: Shape) -> Join:
    from loopynet.modules.merge import concat

    return concat


def _gate(x: Shape) -> Join:
    from loopynet.modules.merge import Gate

    return Gate(x)


def _gate_parameters(x: Shape) -> int:
    return 2 * x[0] * x[0] + x[0]


merges.register("concat")(
    MergePart(_concat, "The signal's channels after x's channels.", concatenates=True, bounded=True)
)
merges.register("gate")(
    MergePart(
        _gate,
        "x + g * f with g = sigmoid(W [x; f] + b), a learned 1x1 convolution (a dense layer for "
        "vectors).",
        parameters=_gate_parameters,
        multiply_adds=lambda x: 2 * x[0] * size(x),
    )
)
