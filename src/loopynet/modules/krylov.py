"""Eigenvalues of maps that are known by their products only, for many maps at once.

Power iteration alone does not settle where the largest eigenvalues are a complex pair, or a
positive and a negative one of equal size. Arnoldi's method keeps all vectors of the same Krylov
space and finds pairs too; its residual says how well (Saad, Numerical Methods for Large Eigenvalue
Problems, 2011, chapter 6).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Product = Callable[[Tensor], Tensor]
"""Applies the map of each sample to its vector: [N, D] to [N, D]."""


def transposed(f: Product, z: Tensor) -> Product | None:
    """Return v -> J^T v with f's Jacobian J at z; None if f does not depend on z at all.

    J and its transpose have the same eigenvalues. Each product is one backward pass.

    Args:
        f: a function of [N, D] to [N, D] in which the samples do not mix.
        z: where, [N, D].
    """
    with torch.enable_grad():
        point = z.detach().requires_grad_()
        value = f(point)
    if not value.requires_grad:
        return None

    def product(v: Tensor) -> Tensor:
        grads = torch.autograd.grad(value, point, v, retain_graph=True, materialize_grads=True)
        return grads[0]

    return product


@torch.no_grad()
def power(product: Product, v: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Return unit vectors [N, D] after some steps of power iteration, and growths [steps, N]."""
    v, _ = _unit(v)
    growths = []
    for _ in range(steps):
        v, size = _unit(product(v))
        growths.append(size.double().cpu())
    return v, torch.stack(growths)


def _unit(v: Tensor) -> tuple[Tensor, Tensor]:
    """Return vectors [N, D] of length one (or zero), and their lengths [N]."""
    size = v.norm(dim=1)
    return v / size.clamp_min(torch.finfo(v.dtype).tiny)[:, None], size


@torch.no_grad()
def arnoldi(product: Product, start: Tensor, steps: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return size, angle and residual, float64 [N], of the largest eigenvalues of N maps at once.

    The angle is 0 for a positive eigenvalue, pi for a negative one, between them for a pair; the
    residual is |A u - z u| / |z| of the eigenvector u that was found.

    Args:
        product: the maps.
        start: first vectors [N, D].
        steps: products; fewer count once a vector's space is exhausted.
    """
    first, _ = _unit(start)
    basis, columns = [first], []
    rounding = 100 * torch.finfo(start.dtype).eps
    for _ in range(steps):
        w = product(basis[-1])
        before = w.norm(dim=1)
        known = torch.stack(basis, dim=1)  # [N, j, D]
        h = torch.zeros(known.shape[:2], dtype=w.dtype, device=w.device)
        for _ in range(2):  # the second time removes what rounding left
            overlap = torch.einsum("njd,nd->nj", known, w)
            w = w - torch.einsum("nj,njd->nd", overlap, known)
            h = h + overlap
        w, size = _unit(w)
        open_ = size > rounding * before  # else the space is exhausted
        columns.append(torch.cat([h, (size * open_)[:, None]], dim=1))
        basis.append(w * open_[:, None])
    matrix = torch.zeros(len(start), steps + 1, steps, dtype=torch.float64)
    for j, column in enumerate(columns):
        matrix[:, : j + 2, j] = column.double().cpu()
    return _largest(matrix)


def _largest(hessenberg: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return size, angle and relative residual of the largest Ritz values of [N, m + 1, m]."""
    finite = hessenberg.flatten(1).isfinite().all(1)
    values, vectors = torch.linalg.eig(hessenberg[:, :-1].where(finite[:, None, None], 0))
    place = values.abs().argmax(1)
    rows = torch.arange(len(values))
    value = values[rows, place]
    last = vectors[rows, -1, place].abs()
    residual = hessenberg[:, -1, -1].abs() * last / value.abs().clamp_min(1e-300)
    residual = torch.where(value.abs() == 0, torch.zeros_like(residual), residual)
    size = value.abs().where(finite, torch.inf)  # products overflow: it is very large
    return size, value.angle().abs(), residual.where(finite, torch.inf)
