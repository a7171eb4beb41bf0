"""How strongly one pass of a loop that has not converged stretches its signals."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from loopynet.modules.krylov import arnoldi, power, transposed

SAMPLES = 8
"""Of as many samples the spectral radius is measured: the first that did not converge."""
PRODUCTS = (4, 16)
"""Of power iteration, then of Arnoldi's method: one backward pass each."""


def radii_of_failed(
    one_pass: Callable[[Tensor, Tensor], Tensor], z: Tensor, failed: Tensor
) -> Tensor:
    """Return the spectral radius of one pass's Jacobian for a few samples, NaN for the others.

    Estimated with few products: to some percent where one eigenvalue leads.

    Args:
        one_pass: f(z [n, D], rows [n]) -> [n, D], the pass for the samples `rows` of the batch.
        z: where, [N, D].
        failed: bool [N], the samples that count.

    Returns:
        float64 [N] on the CPU.
    """
    rows = failed.nonzero()[:SAMPLES, 0]
    found = torch.full((len(z),), torch.nan, dtype=torch.float64)
    with torch.inference_mode(False):  # what is made in inference mode can have no gradient
        point = z[rows].clone()
        generator = torch.Generator().manual_seed(0)  # the global one is training's
        start = torch.randn(point.shape, generator=generator, dtype=z.dtype).to(z.device)
        product = transposed(lambda z: one_pass(z, rows), point)
        if product is None:
            radius = torch.zeros(len(rows), dtype=torch.float64)
        else:
            before, after = PRODUCTS
            radius, _, _ = arnoldi(product, power(product, start, before)[0], after)
    found[rows.cpu()] = radius
    return found
