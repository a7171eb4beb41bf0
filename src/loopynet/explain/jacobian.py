"""How one pass stretches the loop's signals: spectral radius and norm of its Jacobian.

The Jacobian J of one pass with respect to the carry is never formed. J and its transpose have the
same eigenvalues, so products with the transpose are enough: one backward pass for each, for all
images of a batch at once (samples do not mix in evaluation mode).

The method is Arnoldi's (`modules/krylov.py`). Where its residual is not small enough, `growth` is
what remains: the mean growth of a power iteration's vector over its second half, by Gelfand's
formula |J^m|^(1/m) -> radius, slowly and without a bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from loopynet.explain.frozen import check_described
from loopynet.explain.intervals import over_images, plain, quantiles
from loopynet.explain.passes import check_pass, pass_function
from loopynet.explain.sample import Progress, batches, check_sample
from loopynet.modules.krylov import arnoldi, power, transposed
from loopynet.network import LoopyNet

POWER_STEPS = 12
"""Steps of power iteration before Arnoldi's method: they rid its start of small eigenvalues."""
NORM_STEPS = 8
"""Steps of power iteration on J^T J for the spectral norm."""
REAL = 1e-3
"""An eigenvalue whose angle is nearer than this to 0 or pi counts as real."""


@dataclass(frozen=True, eq=False)
class SpectralRadius:
    """The Jacobian of pass t + 1 at the carry after t passes, for each of N images.

    Attributes:
        after: t.
        iterations: products with J^T in the Krylov space, after 12 of power iteration.
        tolerance: the residual, as a share of the radius, up to which a figure has settled.
        radius: float64 [N], the largest |eigenvalue| found; below 1 the pass draws nearby carries
            together, locally and in the long run.
        angle: [N], of that eigenvalue: 0 real and positive, pi real and negative (alternating),
            between them a complex pair (rotating); in radians.
        residual: [N], |J^T u - z u| / |z| of the eigenvector found. A small one makes z exact for
            a matrix nearby; of a matrix far from normal the eigenvalue may still be off.
        settled: bool [N], whether the residual is within the tolerance.
        growth: [N], mean growth of the power iteration's last six steps.
        norm: [N], spectral norm |J| by eight steps of power iteration on J^T J: a lower bound that
            is close; the most by which the pass stretches a small change at once.
    """

    after: int
    iterations: int
    tolerance: float
    radius: Tensor
    angle: Tensor
    residual: Tensor
    settled: Tensor
    growth: Tensor
    norm: Tensor

    def plain(self) -> dict[str, Any]:
        """Return means with 95 % intervals over images, quantiles and shares, for JSON."""
        turning = (self.angle > REAL) & (self.angle < math.pi - REAL)
        figures: dict[str, Any] = {
            "after": self.after,
            "images": len(self.radius),
            "iterations": self.iterations,
            "tolerance": self.tolerance,
        }
        for name in ("radius", "growth", "norm"):
            values = getattr(self, name)
            figures[name] = {"mean": over_images(values), "quantiles": quantiles(values)}
        figures["above_one"] = float((self.radius > 1).double().mean())
        figures["settled"] = float(self.settled.double().mean())
        figures["largest_residual"] = float(self.residual.max())
        figures["complex"] = float(turning.double().mean())
        figures["negative"] = float((self.angle >= math.pi - REAL).double().mean())
        result: dict[str, Any] = plain(figures)
        return result


def spectral_radius(
    net: LoopyNet,
    images: Tensor,
    *,
    after: int | None = None,
    iterations: int = 60,
    tolerance: float = 0.01,
    batch_size: int = 32,
    seed: int = 0,
    progress: Progress | None = None,
) -> SpectralRadius:
    """Return the spectral radius of one pass's Jacobian with respect to the carry, per image.

    Args:
        net: a network with loops, in evaluation mode.
        images: preprocessed images [N, *graph.input_shape].
        after: passes that have run, t; if None the trained number, so that the pass looked at has
            the norm of the last trained one (with a warning where unrolls have norms of their own).
        iterations: products with the Jacobian in the Krylov space.
        tolerance: residual up to which an eigenvalue has settled, as a share of it.
        batch_size: images at a time; changes memory only, and the random start.
        seed: of the random start.
        progress: told after each batch.

    Raises:
        LoopyNetError: training mode, wrong shapes, no loops, or an impossible `after`.
    """
    check_described(net)
    check_sample(net, images)
    after = net.graph.steps if after is None else after
    check_pass(net, after)
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for rows in batches(len(images), batch_size, f"Jacobian after {after}", progress):
        parts.append(_one_batch(net, images[rows], after, iterations, generator))
    radius, angle, residual, growth, norm = (torch.cat(kind) for kind in zip(*parts, strict=True))
    settled = residual <= tolerance
    return SpectralRadius(
        after, iterations, tolerance, radius, angle, residual, settled, growth, norm
    )


def _one_batch(
    net: LoopyNet, x: Tensor, after: int, iterations: int, generator: torch.Generator
) -> tuple[Tensor, ...]:
    """Return radius, angle, residual, growth and norm of one batch, each float64 [N]."""
    with torch.no_grad():
        carry, run = pass_function(net, x, after)
    product = transposed(run, carry)
    if product is None:  # nothing of the carry is read: the Jacobian is zero
        zero = torch.zeros(len(x), dtype=torch.float64)
        return zero, zero, zero, zero, zero

    def forward(v: Tensor) -> Tensor:
        pushed: Tensor = torch.func.jvp(run, (carry,), (v,))[1]
        return pushed

    start = torch.randn(carry.shape, generator=generator, dtype=carry.dtype).to(carry.device)
    v, growths = power(product, start, POWER_STEPS)
    radius, angle, residual = arnoldi(product, v, iterations)
    growth = growths[POWER_STEPS // 2 :].clamp_min(1e-300).log().mean(0).exp()
    _, stretched = power(lambda v: product(forward(v)), start, NORM_STEPS)
    return radius, angle, residual, growth, stretched[-1].sqrt()
