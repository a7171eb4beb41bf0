"""The rules of backpropagation through rectifiers, for the calls of one thread.

`Rules` is a mode of torch: while it is on, each call of a torch function in this thread passes
through it. It exchanges the rectifiers for a function with the wanted backward pass. A hook cannot
do that: in a network with tied weights one module runs several times, and a rectifier that is
written as a function has no module at all.

It also shortens what a backward pass needs. In evaluation, a convolution and its batch norm are one
linear map; the gradient of that map's input takes a single operation, and the map remembers how one
of its filters alone is led back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from loopynet.explain.folding import LinearMap, fold_batch_norm, map_convolution

Rule = Literal["gradient", "guided_backprop", "deconvnet"]
Arguments = tuple[Any, ...]
Options = Mapping[str, Any]
Functions = set[Callable[..., Any]]


class Rules(TorchFunctionMode):
    """Lets rectifiers send gradients back by a rule.

    * gradient: as they are derived.
    * guided_backprop: only where the input was positive, and only positive gradients.
    * deconvnet: only positive gradients.

    Attributes:
        rectifiers: how many rectifiers have run.
        last: the convolution that ran last, with what followed it channel by channel.
    """

    def __init__(self, rule: Rule) -> None:
        super().__init__()
        self.rule: Rule = rule
        self.rectifiers = 0
        self.last: LinearMap | None = None

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Arguments = (),
        kwargs: Options | None = None,
    ) -> Any:
        """Run one torch function, or what stands for it."""
        options = kwargs or {}
        if func is functional.conv2d:
            return self._convolution(args, options)
        x = _input(args, options)
        chained = self.last is not None and self.last.gave(x)
        if func is functional.batch_norm and chained and self.last.fresh:  # type: ignore[union-attr]
            return self._batch_norm(args, options)
        top = None if self.rule == "gradient" else _rectifies(func, args, options)
        if top is not None and isinstance(x, Tensor):
            self.rectifiers += 1
            inplace = _in_place(func, args, options)
            result = Rectify.apply(x, top, self.rule == "guided_backprop", inplace)  # type: ignore[no-untyped-call]
        else:
            result = func(*args, **options)
        if chained and (top is not None or func in CHANNEL_BY_CHANNEL):
            self.last.follow(result)  # type: ignore[union-attr]
        return result

    def _convolution(self, args: Arguments, options: Options) -> Tensor:
        self.last = map_convolution(args, options)
        return functional.conv2d(*args, **options) if self.last is None else self.last.output

    def _batch_norm(self, args: Arguments, options: Options) -> Tensor:
        assert self.last is not None
        folded = fold_batch_norm(self.last, args, options)
        if folded is None:
            return functional.batch_norm(*args, **options)
        self.last = folded
        return folded.output


class Rectify(torch.autograd.Function):
    """min(max(0, x), top), with the backward pass of a rule instead of the derivative."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, top: float, guided: bool, inplace: bool) -> Tensor:
        """Return the rectified x [any shape], in x's memory if `inplace`."""
        if guided:
            open_ = (x > 0) if math.isinf(top) else (x > 0) & (x < top)
            # The most that may pass: everything or nothing. One clamp then does both gates.
            ctx.save_for_backward(torch.zeros_like(x).masked_fill_(open_, math.inf))
        if inplace:
            ctx.mark_dirty(x)
            return x.clamp_(0, top)
        return x.clamp(0, top)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        """Return the gradient that the rule lets through."""
        (gradient,) = gradients
        if not ctx.saved_tensors:
            return gradient.clamp(min=0), None, None, None
        (most,) = ctx.saved_tensors
        return torch.clamp(gradient, most.new_zeros(()), most), None, None, None


def _input(args: Arguments, options: Options) -> Any:
    return args[0] if args else options.get("input")


def _argument(args: Arguments, options: Options, place: int, name: str, default: Any) -> Any:
    return args[place] if len(args) > place else options.get(name, default)


def _in_place(func: Callable[..., Any], args: Arguments, options: Options) -> bool:
    """Say whether a call of a rectifier changes its input."""
    place = IN_PLACE_ARGUMENT.get(func)
    if place is not None:
        return bool(_argument(args, options, place, "inplace", False))
    return str(getattr(func, "__name__", "")).endswith("_")


def _rectifies(func: Callable[..., Any], args: Arguments, options: Options) -> float | None:
    """Return the upper bound of a rectifier (inf for ReLU), or None if it is none."""
    if func in RELU:
        return math.inf
    if func in RELU6:
        return 6.0
    low_place = CLAMPS.get(func)
    if low_place is None:
        return None
    low_name, high_name = ("min_val", "max_val") if func in HARD_TANH else ("min", "max")
    low = _argument(args, options, low_place, low_name, -1.0 if func in HARD_TANH else None)
    high = _argument(args, options, 2, high_name, 1.0 if func in HARD_TANH else None)
    if isinstance(low, Tensor) or isinstance(high, Tensor) or low != 0:
        return None
    if func in THRESHOLD:  # x where x > threshold, else value: a rectifier if both are 0
        return math.inf if _argument(args, options, 2, "value", None) == 0 else None
    return math.inf if high is None or func in CLAMP_MIN else float(high)


RELU: Functions = {functional.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_}
RELU6: Functions = {functional.relu6}
HARD_TANH: Functions = {functional.hardtanh, functional.hardtanh_}
THRESHOLD: Functions = {functional.threshold, torch.threshold, torch.threshold_}
CLAMP_MIN: Functions = {torch.clamp_min, torch.clamp_min_, Tensor.clamp_min, Tensor.clamp_min_}
CLAMPS: dict[Callable[..., Any], int] = dict.fromkeys(
    {
        *HARD_TANH, *THRESHOLD, *CLAMP_MIN, torch.clamp, torch.clamp_, torch.clip, torch.clip_,
        Tensor.clamp, Tensor.clamp_, Tensor.clip, Tensor.clip_,
    },
    1,
)  # fmt: skip
"""Functions that may be rectifiers, and the place of the lower bound among their arguments."""
IN_PLACE_ARGUMENT: dict[Callable[..., Any], int] = {
    functional.relu: 1, functional.relu6: 1, functional.hardtanh: 3, functional.threshold: 3,
}  # fmt: skip

CHANNEL_BY_CHANNEL: Functions = {
    functional.relu, torch.relu, functional.relu6, functional.hardtanh, functional.leaky_relu,
    functional.elu, functional.selu, functional.celu, functional.gelu, functional.silu,
    functional.mish, functional.softplus, functional.prelu, torch.prelu, torch.sigmoid,
    torch.tanh, Tensor.sigmoid, Tensor.tanh, functional.softsign, functional.logsigmoid,
    functional.hardsigmoid, functional.hardswish, functional.hardshrink, functional.softshrink,
    functional.tanhshrink, functional.threshold, torch.clamp, Tensor.clamp, Tensor.exp,
}  # fmt: skip
"""Functions whose output at a channel depends on their input at that channel alone."""
