"""Muon: the momentum of a matrix of weights, with all its singular values brought near 1."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the polynomial a s + b s^3 + c s^5 that is applied to the singular values, five times."""
ITERATIONS = 5

RMS = 0.2
"""What the root mean square of an update of AdamW is about, which Muon's is scaled to."""


class Muon(torch.optim.Optimizer):
    """Muon (Jordan et al. 2024) for filters and matrices, AdamW for everything else.

    A filter bank is taken as the matrix [filters, channels * height * width]. Updates are scaled as
    by Liu et al. 2025, so that one learning rate and one weight decay serve both: those that AdamW
    would have. Weight decay is decoupled.

    Args:
        parameters: groups as `torch.optim` takes them; one that says `plain: True` goes to AdamW
            whole, such as biases, and norms with weights for each unroll.
        lr: the learning rate.
        momentum: of Muon.
        nesterov: whether it looks ahead.
        betas: of AdamW.
        eps: of AdamW.
        weight_decay: of both.
    """

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float,
        momentum: float = 0.95,
        nesterov: bool = True,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        other = torch.optim.AdamW([torch.zeros(1)], betas=betas, eps=eps).defaults
        ours = {"lr": lr, "momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay}
        super().__init__(_split(parameters), {**other, **ours, "plain": False})

    def step(  # type: ignore[override]
        self, closure: Callable[[], Tensor] | None = None
    ) -> Tensor | None:
        """Change the weights once; returns what the closure returns."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        plain = [group for group in self.param_groups if group["plain"]]
        if plain:
            other = torch.optim.AdamW([torch.zeros(1)])
            other.param_groups, other.state = plain, self.state
            other.step()
        with torch.no_grad():
            for group in self.param_groups:
                if not group["plain"]:
                    self._step_matrices(group)
        return loss

    def _step_matrices(self, group: dict[str, Any]) -> None:
        for weight in group["params"]:
            if weight.grad is None:
                continue
            state, keep = self.state[weight], group["momentum"]
            if not state:
                state["momentum"] = torch.zeros_like(weight)
            state["momentum"].lerp_(weight.grad, 1 - keep)
            past = state["momentum"]
            ahead = weight.grad.lerp(past, keep) if group["nesterov"] else past
            update = orthogonal(ahead.flatten(1))
            scale = RMS * math.sqrt(max(update.shape))
            weight.mul_(1 - group["lr"] * group["weight_decay"])
            weight.add_(update.reshape(weight.shape), alpha=-group["lr"] * scale)


def _split(parameters: Iterable[Any]) -> list[dict[str, Any]]:
    """Return groups of which each has either matrices or what has fewer than two dimensions."""
    given = list(parameters)
    groups = given if given and isinstance(given[0], dict) else [{"params": given}]
    found = []
    for group in groups:
        weights, plain = list(group["params"]), group.get("plain", False)
        matrices = [] if plain else [p for p in weights if p.dim() > 1]
        others = weights if plain else [p for p in weights if p.dim() < 2]
        found += [{**group, "params": matrices}] if matrices else []
        found += [{**group, "params": others, "plain": True}] if others else []
    return found


def orthogonal(matrix: Tensor) -> Tensor:
    """Return a matrix [A, B] with its singular values near 1, and its singular vectors unchanged.

    Five steps of a Newton-Schulz iteration: products alone, and no decomposition. What is 0 stays.
    """
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x: Tensor = matrix.mT if tall else matrix
    x = x / x.norm().clamp_min(1e-7)
    for _ in range(ITERATIONS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x
