"""Gradient modes: how the gradient goes back through the unrolls. Values passed to a call.

Full, Truncated and Recompute say how each pass is run. Implicit and Phantom say how the fixed point
of a loop that has converged is differentiated; `network/fixed_point.py` does it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from loopynet.modules.contraction import Held, holding, vectors_of
from loopynet.modules.solvers import Plain, Solver

T = TypeVar("T")


@dataclass(frozen=True)
class Full:
    """Backpropagation through all unrolls: dW_i = sum_j dW_ij."""

    def one_pass(self, run: Callable[..., T], net: nn.Module, args: Any, t: int, count: int) -> T:
        """Return run(*args), pass t of `count`."""
        return run(*args)


@dataclass(frozen=True)
class Truncated:
    """Backpropagation through the last unrolls only (Williams and Peng 1990).

    Earlier passes run forward and keep nothing. With a readout at each unroll, the head still
    learns from all of them.

    Attributes:
        steps: how many unrolls, counted from the last; with `unroll.sections`, of each section.
    """

    steps: int = 1

    def one_pass(self, run: Callable[..., T], net: nn.Module, args: Any, t: int, count: int) -> T:
        """Return run(*args), without a graph if it is one of the early passes."""
        with nullcontext() if t > count - self.steps else torch.no_grad():
            return run(*args)


@dataclass(frozen=True)
class Recompute:
    """The full gradient, with each pass run a second time on the way back (Chen et al. 2016).

    Only the carry of each pass is kept. Random streams repeat (dropout masks are the same), and
    running statistics count each batch once.
    """

    def one_pass(self, run: Callable[..., T], net: nn.Module, args: Any, t: int, count: int) -> T:
        """Return run(*args), which keeps nothing but what enters and leaves it."""
        if not torch.is_grad_enabled():
            return run(*args)
        held = vectors_of(net)  # another call may move them before this one goes back

        def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
            return nullcontext(), _as_it_was(net, held)

        result: T = checkpoint(run, *args, use_reentrant=False, context_fn=contexts)
        return result


@dataclass(frozen=True)
class Implicit:
    """The gradient at the fixed point, by the implicit function theorem (Bai et al. 2019).

    With z* = f(z*), dz*/dw = (I - J)^-1 df/dw, where J = df/dz at z*. The linear system is solved
    with products by J^T, so that memory does not grow with the number of passes.

    Attributes:
        tolerance: relative residual at which the linear system counts as solved.
        max_steps: the most products.
        solver: how the linear system is iterated.
    """

    tolerance: float = 1e-6
    max_steps: int = 50
    solver: Solver = field(default_factory=Plain)


@dataclass(frozen=True)
class Phantom:
    """The gradient through a few more passes from the fixed point (Geng et al. 2021).

    One step is the Jacobian-free gradient of Fung et al. (2021). Biased, cheap, constant memory.

    Attributes:
        steps: how many passes have a gradient.
        damping: each of them moves the carry by this share of its change.
    """

    steps: int = 1
    damping: float = 1.0


Gradient = Full | Truncated | Recompute | Implicit | Phantom
"""Any of the modes."""


@contextmanager
def _as_it_was(net: nn.Module, held: Held) -> Iterator[None]:
    with unchanged_buffers(net), holding(held):
        yield


@contextmanager
def unchanged_buffers(net: nn.Module) -> Iterator[None]:
    """Undo what happens to a network's buffers inside: running statistics count a batch once."""
    before = [(buffer, buffer.clone()) for buffer in net.buffers()]
    try:
        yield
    finally:
        for buffer, value in before:
            # Through `data`: autograd need not know, as batch norm does not tell it either.
            buffer.data.copy_(value)
