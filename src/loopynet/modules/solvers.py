"""Solvers of z = f(z), for a batch of independent samples. Values passed to a call.

Each solver turns the newest z and f(z) into the next z. What it remembers is a tuple of tensors
whose first dimension is the samples', so that samples that are done can leave; no operation mixes
samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

Memory = tuple[Tensor, ...]


class Solver(Protocol):
    """Proposes the next iterate."""

    def begin(self, z: Tensor) -> Memory:
        """Return what is remembered before the first iterate z [N, D]."""

    def propose(self, z: Tensor, fz: Tensor, memory: Memory, i: int) -> tuple[Tensor, Memory]:
        """Return the iterate after z [N, D] with f(z) [N, D], at iteration i from 0."""


@dataclass(frozen=True)
class Plain:
    """z <- f(z): the network's own unrolling."""

    def begin(self, z: Tensor) -> Memory:
        """Remember nothing."""
        return ()

    def propose(self, z: Tensor, fz: Tensor, memory: Memory, i: int) -> tuple[Tensor, Memory]:
        """Return f(z)."""
        return fz, memory


@dataclass(frozen=True)
class Damped:
    """z <- z + damping (f(z) - z): settles loops that swing.

    Attributes:
        damping: from 0, no step, to 1, a whole one.
    """

    damping: float = 0.5

    def begin(self, z: Tensor) -> Memory:
        """Remember nothing."""
        return ()

    def propose(self, z: Tensor, fz: Tensor, memory: Memory, i: int) -> tuple[Tensor, Memory]:
        """Return the damped step."""
        return z + self.damping * (fz - z), memory


@dataclass(frozen=True)
class Anderson:
    """Anderson acceleration (Walker and Ni 2011): the mix of past steps with the least residual.

    Attributes:
        memory: how many past iterates are mixed.
        damping: share of f in the mix.
        ridge: keeps the least-squares problem solvable, relative to its scale.
    """

    memory: int = 5
    damping: float = 1.0
    ridge: float = 1e-8

    def begin(self, z: Tensor) -> Memory:
        """Return empty stores of the last z and f(z), both [N, memory, D]."""
        shape = (z.shape[0], self.memory, z.shape[1])
        return z.new_zeros(shape), z.new_zeros(shape)

    def propose(self, z: Tensor, fz: Tensor, memory: Memory, i: int) -> tuple[Tensor, Memory]:
        """Return the mix of the last iterates whose residuals cancel best, weights summing to 1."""
        zs, fs = (m.clone() for m in memory)
        zs[:, i % self.memory], fs[:, i % self.memory] = z, fz
        count = min(i + 1, self.memory)
        residuals = fs[:, :count] - zs[:, :count]
        gram = residuals @ residuals.transpose(1, 2)  # [N, count, count]
        scale = gram.diagonal(dim1=1, dim2=2).amax(1).clamp_min(torch.finfo(z.dtype).tiny)
        eye = torch.eye(count, dtype=z.dtype, device=z.device)
        weights = torch.linalg.solve(gram / scale[:, None, None] + self.ridge * eye,
                                     z.new_ones(len(z), count))  # fmt: skip
        weights = (weights / weights.sum(1, keepdim=True))[:, :, None]
        mixed = (weights * zs[:, :count]).sum(1)
        return mixed + self.damping * (weights * residuals).sum(1), (zs, fs)


@dataclass(frozen=True)
class Broyden:
    """Broyden's good method on f(z) - z = 0, with limited memory (Bai et al. 2019).

    The inverse Jacobian starts at -I, so that the first step is the plain one.

    Attributes:
        memory: how many rank-one corrections are kept; the oldest are then overwritten.
    """

    memory: int = 20

    def begin(self, z: Tensor) -> Memory:
        """Return empty corrections u, v [N, memory, D], and room for the last z and residual."""
        shape = (z.shape[0], self.memory, z.shape[1])
        return z.new_zeros(shape), z.new_zeros(shape), torch.zeros_like(z), torch.zeros_like(z)

    def propose(self, z: Tensor, fz: Tensor, memory: Memory, i: int) -> tuple[Tensor, Memory]:
        """Return z - B^-1 (f(z) - z) after the correction by the last step."""
        u, v, last_z, last_residual = memory
        residual = fz - z
        if i > 0:
            dz, change = z - last_z, residual - last_residual
            moved = _times(u, v, change)
            row = _times(v, u, dz)  # dz^T B^-1
            scale = (row * change).sum(1, keepdim=True)
            tiny = torch.finfo(z.dtype).tiny
            safe = torch.where(scale.abs() > tiny, scale, torch.ones_like(scale))
            gain = torch.where(scale.abs() > tiny, (dz - moved) / safe, torch.zeros_like(dz))
            u, v = u.clone(), v.clone()
            u[:, (i - 1) % self.memory], v[:, (i - 1) % self.memory] = gain, row
        return z - _times(u, v, residual), (u, v, z, residual)


def _times(u: Tensor, v: Tensor, x: Tensor) -> Tensor:
    """Return (-I + sum_m u_m v_m^T) x for each sample, all [N, memory, D] and [N, D]."""
    return (u * (v * x[:, None]).sum(2, keepdim=True)).sum(1) - x
