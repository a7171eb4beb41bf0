"""Stopping rules: when a sample has had enough unrolls. Values passed to a network's call."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from loopynet.modules.solvers import Plain, Solver


@dataclass(frozen=True)
class Converged:
    """Stop when the carry z no longer changes: ||f(z) - z|| <= tolerance ||f(z)||, per sample.

    Attributes:
        tolerance: largest relative residual.
        max_steps: the most passes.
        solver: Plain, Damped, Anderson or Broyden, of `loopynet`.
    """

    tolerance: float = 1e-3
    max_steps: int = 50
    solver: Solver = field(default_factory=Plain)


@dataclass(frozen=True)
class Confident:
    """Stop when the likeliest class has at least this probability.

    Attributes:
        probability: 0 to 1.
    """

    probability: float = 0.9

    def done(self, logits: list[Tensor]) -> Tensor:
        """Say of each sample [N] whether it may stop, from its logits so far, each [N, classes]."""
        return logits[-1].softmax(-1).amax(-1) >= self.probability


@dataclass(frozen=True)
class Agreed:
    """Stop when several successive unrolls give the same class.

    Attributes:
        unrolls: how many.
    """

    unrolls: int = 2

    def done(self, logits: list[Tensor]) -> Tensor:
        """Say of each sample [N] whether it may stop, from its logits so far, each [N, classes]."""
        if len(logits) < self.unrolls:
            return torch.zeros(len(logits[-1]), dtype=torch.bool, device=logits[-1].device)
        answers = torch.stack([one.argmax(-1) for one in logits[-self.unrolls :]])
        return (answers == answers[0]).all(0)


Stop = Converged | Confident | Agreed
"""Any of the rules."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a run of a network gave.

    Attributes:
        logits: [N, classes], or what the readout joined.
        unrolls: int64 [N], how many passes each sample had.
        residuals: relative residual [N] of the returned carry; None without `Converged`.
        converged: bool [N]; None without `Converged`.
        spectral_radius: float64 [N] on the CPU, of the Jacobian of one pass at the returned carry,
            of at most eight samples that did not converge, NaN for the others; an estimate by few
            products. None if all have converged, and without `Converged`.
    """

    logits: Tensor
    unrolls: Tensor
    residuals: Tensor | None = None
    converged: Tensor | None = None
    spectral_radius: Tensor | None = None
