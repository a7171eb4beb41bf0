"""Running the loops until they converge, and the gradient at the fixed point."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, is_inference_mode_enabled, nn
from torch.compiler import is_compiling
from torch.nn.utils.parametrize import cached

from loopynet.errors import LoopyNetError, LoopyNetWarning
from loopynet.modules.contraction import Held, holding, vectors_of
from loopynet.modules.gradient import Implicit, Phantom
from loopynet.modules.krylov import transposed
from loopynet.modules.norm import BatchNormOverTime
from loopynet.modules.solvers import Solver
from loopynet.network.carry import Carry, CarryShape, is_complete, select
from loopynet.network.checks import norms_differ
from loopynet.network.stability import radii_of_failed
from loopynet.network.stopping import Converged, Outcome

if TYPE_CHECKING:
    from loopynet.network.loopy_net import LoopyNet

Map = Callable[[Tensor, Tensor], Tensor]
"""f(z [n, D], rows [n]) -> [n, D]: one pass for the samples `rows` of the batch."""


@dataclass(frozen=True, eq=False)
class Solution:
    """The best iterate of each sample.

    Attributes:
        z: [N, D].
        steps: int64 [N], evaluations of f.
        residuals: relative, [N].
        growth: ratio [N] of each sample's last two residuals; above 1 it moves away.
    """

    z: Tensor
    steps: Tensor
    residuals: Tensor
    growth: Tensor


def run_to_convergence(
    net: LoopyNet, x: Tensor, stop: Converged, gradient: Implicit | Phantom
) -> Outcome:
    """Run until each sample's carry has settled, and read the head there.

    Passes with numbers of their own (the first ones, if the norm has a set for each unroll) run as
    trained; the pass that is iterated is the last trained one.

    Args:
        net: the network; in training mode without batch norm or dropout in the loopy section.
        x: inputs [N, ...].
        stop: tolerance, the most passes, the solver.
        gradient: how the fixed point is differentiated, if it is.

    Raises:
        LoopyNetError: a network without a fixed point to look for.
    """
    _check(net)
    trunk, kept = net._run_trunk(x, None)
    with torch.no_grad(), cached():  # bounded weights are scaled once for all passes
        carry, t = _first_passes(net, trunk, kept, stop.max_steps)
        shape = CarryShape.of(carry)
        rest = max(stop.max_steps - t, 0)

        def one_pass(z: Tensor, rows: Tensor) -> Tensor:
            # What inference mode made can have no gradient outside of it, but its copies can.
            made_here = is_compiling() or is_inference_mode_enabled() == trunk.is_inference()
            whole = made_here and len(rows) == len(x)
            chosen, skips = (trunk, kept) if whole else select((trunk, kept), rows)
            _, changed = _pass(net, chosen, skips, shape.unflatten(z), t)
            return shape.flatten(changed)

        found = solve(one_pass, shape.flatten(carry), stop.tolerance, rest, stop.solver)
    z = found.z
    if torch.is_grad_enabled():
        held = vectors_of(net)
        z = _with_gradient(lambda c: _pass(net, trunk, kept, c, t)[1], shape, z, gradient, held)
    state, _ = _pass(net, trunk, kept, shape.unflatten(z), t)
    converged = found.residuals <= stop.tolerance
    radii = None
    if not is_compiling() and not bool(converged.all()):
        radii = radii_of_failed(one_pass, found.z, ~converged)
        _warn(net, found, converged, radii, stop)
    logits = net._run_head(*state, t, None)
    return Outcome(logits, found.steps + t, found.residuals, converged, radii)


def solve(f: Map, z: Tensor, tolerance: float, max_steps: int, solver: Solver) -> Solution:
    """Iterate z = f(z) for each sample until its relative residual is small enough.

    Samples that are done leave the batch, and none depends on another.

    Args:
        f: the map; see `Map`.
        z: where to begin, [N, D].
        tolerance: largest ||f(z) - z|| / ||f(z)||.
        max_steps: the most evaluations of f.
        solver: proposes the iterates.
    """
    best, least = z.clone(), z.new_full((len(z),), torch.inf)
    growth, steps = torch.ones_like(least), torch.zeros(len(z), dtype=torch.int64, device=z.device)
    rows, memory = torch.arange(len(z), device=z.device), solver.begin(z)
    last = least.clone()
    for i in range(max_steps):
        fz = f(z, rows)
        residuals = relative_residual(z, fz)
        growth[rows] = residuals / last
        steps[rows] = i + 1
        better = residuals < least[rows]
        best[rows[better]], least[rows[better]] = fz[better], residuals[better]
        going = ~(residuals <= tolerance) & residuals.isfinite()
        if not going.any():
            break
        z, memory = solver.propose(z, fz, memory, i)
        if not going.all():
            z, memory, rows, residuals = select((z, memory, rows, residuals), going)
        last = residuals
    return Solution(best, steps, least, growth)


def relative_residual(z: Tensor, fz: Tensor) -> Tensor:
    """Return ||f(z) - z|| / ||f(z)|| of each sample [N]."""
    change, size = torch.linalg.vector_norm(torch.stack((fz - z, fz)), dim=2)
    relative: Tensor = change / size.clamp_min(torch.finfo(z.dtype).tiny)
    return relative


def _first_passes(
    net: LoopyNet, trunk: Tensor, kept: dict[str, Tensor], most: int
) -> tuple[Carry, int]:
    """Run the passes that have numbers of their own; returns the carry and the iterated pass."""
    carry, t = net._initial_carry(trunk), 0
    own = net.graph.steps if norms_differ(net.graph) else 1
    while not is_complete(carry) or t < own:
        t += 1
        _, carry = _pass(net, trunk, kept, carry, t)
    if t > most:
        raise LoopyNetError(
            f'"{net.graph.name}" runs {t} unrolls before any can repeat, and max_steps is {most}; '
            f"write at least {t + 1}"
        )
    return carry, t


def _pass(
    net: LoopyNet, trunk: Tensor, kept: dict[str, Tensor], carry: Carry, t: int
) -> tuple[tuple[Tensor, dict[str, Tensor]], Carry]:
    return net._one_pass(trunk, kept, carry, t, None, None)


def _with_gradient(
    one_pass: Callable[[Carry], Carry],
    shape: CarryShape,
    z: Tensor,
    gradient: Implicit | Phantom,
    held: Held,
) -> Tensor:
    """Return the fixed point z [N, D] with a graph behind it; `held` are the call's weights."""

    def f(z: Tensor) -> Tensor:
        return shape.flatten(one_pass(shape.unflatten(z)))

    if isinstance(gradient, Phantom):
        # The pass that gives the state is one of the steps.
        for _ in range(gradient.steps - 1):
            z = (1 - gradient.damping) * z + gradient.damping * f(z)
        return z
    fixed = f(z)
    if not fixed.requires_grad:
        return fixed

    def adjoint(g: Tensor) -> Tensor:
        with holding(held):
            return _solve_adjoint(f, z, g, gradient)

    fixed.register_hook(adjoint)  # type: ignore[no-untyped-call]
    return fixed


def _solve_adjoint(
    f: Callable[[Tensor], Tensor], z: Tensor, gradient: Tensor, mode: Implicit
) -> Tensor:
    """Return a with a = gradient + J^T a, J the Jacobian of f at z, for each sample."""
    product = transposed(f, z)
    if product is None:
        return gradient

    def step(a: Tensor, rows: Tensor) -> Tensor:
        whole = a
        if len(rows) < len(gradient):
            whole = torch.zeros_like(gradient).index_copy(0, rows, a)
        return gradient[rows] + product(whole)[rows]

    found = solve(step, gradient, mode.tolerance, mode.max_steps, mode.solver)
    failed = int((~(found.residuals <= mode.tolerance)).sum())
    if failed:
        warnings.warn(
            f"the implicit gradient of {failed} of {len(gradient)} samples is not exact: the "
            f"linear system has relative residual {float(found.residuals.max()):.1e} after "
            f"{mode.max_steps} products; allow more max_steps, or make the loop contract",
            LoopyNetWarning,
            stacklevel=2,
        )
    return found.z


def _check(net: LoopyNet) -> None:
    name = net.graph.name
    if not net.graph.loops:
        raise LoopyNetError(f'"{name}" has no loops that could converge; give it more unroll.steps')
    if not net.graph.tied:
        raise LoopyNetError(f'"{name}" is untied: its unrolls differ, and nothing can converge')
    if len(net.graph.sections) > 1:  # what a section gave once it has ended is in no later carry
        raise LoopyNetError(
            f'"{name}" has sections that are unrolled one after another, so that no pass can be '
            "repeated until it converges; write unrolls=k, or stop=Confident() or Agreed()"
        )
    if net.training:
        _check_training(net)


def _check_training(net: LoopyNet) -> None:
    """Refuse what makes passes random or mixes samples in the loopy section."""
    for node in net.graph.layers.values():
        if node.section != "body":
            continue
        for module in net.layers[node.name].modules():
            if isinstance(module, BatchNormOverTime):
                raise LoopyNetError(
                    f'"{node.name}" has batch norm, which mixes the samples of a batch in '
                    "training, so that none can converge alone; write norm: group, or call "
                    "net.eval()"
                )
            if isinstance(module, nn.modules.dropout._DropoutNd) and module.p > 0:
                raise LoopyNetError(
                    f'"{node.name}" drops out at random in training, so that nothing can converge; '
                    "move dropout out of the loops, or call net.eval()"
                )


def _warn(
    net: LoopyNet, found: Solution, converged: Tensor, radii: Tensor, stop: Converged
) -> None:
    failed = ~converged
    growth = found.growth[failed]
    growth = growth[growth.isfinite()]
    rate = f"{float(growth.median()):.3g}" if len(growth) else "not finite"
    known = radii[~radii.isnan()]
    middle, largest = float(known.median()), float(known.max())
    remedy = "allow more max_steps, or take solver: anderson"
    if largest >= 1:
        remedy = "make the loop contract (unroll.contract), or damp it"
    warnings.warn(
        f'{int(failed.sum())} of {len(converged)} samples of "{net.graph.name}" did not converge '
        f"in {stop.max_steps} unrolls: relative residual up to {float(found.residuals.max()):.2g} "
        f"(tolerance {stop.tolerance:g}), median growth per unroll {rate}, spectral radius of one "
        f"pass {middle:.3g} (median of {len(known)} of them; largest {largest:.3g}); the best "
        f"iterates are returned; {remedy}",
        LoopyNetWarning,
        stacklevel=3,
    )
