"""Explanations from the interpreter of documents, whose ReLU is exchanged.

Nothing of loopynet.explain is used. Each rule is a function of its own, written as in its paper.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from loopynet import LoopyNet
from reference import interpreter
from reference.interpreter import Interpreter


class Plain(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.where(x > 0, x, 0)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return torch.where(x > 0, gradient, 0)


class Guided(Plain):
    """Springenberg et al. 2015, figure 1c: the product of both masks."""

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * (x > 0) * (gradient > 0)


class Deconv(Plain):
    """Zeiler and Fergus 2014, section 2.1: the reconstruction goes through a ReLU."""

    @staticmethod
    def backward(ctx, gradient):
        return torch.where(gradient > 0, gradient, 0)


RULES = {"gradient": Plain, "guided_backprop": Guided, "deconvnet": Deconv}


@contextmanager
def rectifier(rule: str) -> Iterator[None]:
    """Let the interpreter's ReLU follow a rule."""
    before = interpreter.ACTIVATIONS["relu"]
    interpreter.ACTIVATIONS["relu"] = RULES[rule].apply
    try:
        yield
    finally:
        interpreter.ACTIVATIONS["relu"] = before


def explained(
    rule: str,
    document,
    net: LoopyNet,
    x: Tensor,
    at: str,
    filter: int,
    position: tuple[int, int] | None = None,
    unrolls: int | None = None,
) -> Tensor:
    """Return the map [N, ...] of one filter, by the interpreter."""
    x = x.detach().clone().requires_grad_()
    tensors = {key: value.detach().clone() for key, value in net.state_dict().items()}
    graph = net.graph
    shapes = {edge.name: edge.signal_shape for edge in graph.edges}
    shapes |= {n: graph.shape_of(graph.main[graph.main.index(n) - 1]) for n in graph.body[1:]}
    reference = Interpreter(
        document, tensors, x, training=False, initial_shapes=shapes, unrolls=unrolls
    )
    with rectifier(rule):
        reference.logits("each")
    value = reference.trace[at][:, filter]
    value = value if position is None else value[:, position[0], position[1]]
    if not value.requires_grad:
        return torch.zeros_like(x)
    (found,) = torch.autograd.grad(value.sum(), x, allow_unused=True)
    return torch.zeros_like(x) if found is None else found


class NearTies(TorchFunctionMode):
    """Notes whether a maximum was decided by a rounding error, which two programs may do unlike."""

    found = False

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name.startswith("max_pool2d"):
            self._pool(*args, **kwargs)
        elif name == "maximum":
            self._note((args[0] - args[1]).abs())
        elif name == "amax" and args[0].shape[args[1]] > 1:
            self._note(-args[0].topk(2, args[1]).values.diff(dim=args[1]))
        return func(*args, **kwargs)

    def _pool(self, x, kernel_size, stride=None, padding=0, *_, **__):
        sides = [padding] * 2 if isinstance(padding, int) else padding
        x = functional.pad(x, [sides[1], sides[1], sides[0], sides[0]], value=float("-inf"))
        windows = functional.unfold(x.clamp(min=-1e9), kernel_size, stride=stride or kernel_size)
        windows = windows.unflatten(1, (x.shape[1], -1))
        if windows.shape[2] > 1:
            self._note(-windows.topk(2, 2).values.diff(dim=2))

    def _note(self, differences: Tensor) -> None:
        self.found |= bool(((differences > 0) & (differences < 1e-11)).any())


def has_near_ties(net: LoopyNet, x: Tensor, unrolls: int | None) -> bool:
    """Say whether any maximum of a run is decided by a rounding error."""
    with NearTies() as ties, torch.no_grad():
        net.trace(x, unrolls=unrolls)
    return ties.found
