"""A run of a network with a stopping rule or without, and the gradient mode that goes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from loopynet.errors import LoopyNetError
from loopynet.graph import Graph
from loopynet.modules.gradient import Full, Gradient, Implicit, Phantom, Recompute, Truncated
from loopynet.network.checks import check_input, check_one_answer, check_unrolls
from loopynet.network.early_exit import exit_early
from loopynet.network.fixed_point import run_to_convergence
from loopynet.network.readout import Last, Readout, as_readout
from loopynet.network.stopping import Converged, Outcome, Stop
from loopynet.parts.gradients import gradients, solvers
from loopynet.spec import NetworkSpec

if TYPE_CHECKING:
    from loopynet.network.loopy_net import LoopyNet


def run_network(
    net: LoopyNet,
    x: Tensor,
    stop: Stop | None,
    unrolls: int | None,
    readout: Readout | Literal["last", "each"] | None,
    gradient: Gradient | None,
) -> Outcome:
    """Do what `LoopyNet.run` says."""
    check_input(net.graph, x)
    stop = net.stop if stop is None and unrolls is None else stop
    if stop is None:
        logits = net(x, unrolls=unrolls, readout=readout, gradient=gradient)
        count = torch.full((len(x),), check_unrolls(net.graph, unrolls), device=x.device)
        return Outcome(logits, count)
    if readout is not None and not isinstance(as_readout(readout), Last):
        raise LoopyNetError("a stopping rule gives one answer for each sample: leave readout out")
    if isinstance(stop, Converged):
        if unrolls is not None:
            raise LoopyNetError("with Converged write max_steps in it, and leave unrolls out")
        return run_to_convergence(net, x, stop, _fixed_point_mode(net.spec, gradient))
    check_one_answer(net.graph, f"early exit ({type(stop).__name__})")
    return exit_early(net, x, stop, check_unrolls(net.graph, unrolls))


def stopping_rule(spec: NetworkSpec, graph: Graph) -> Stop | None:
    """Return the stopping rule of a spec; None for a fixed number of unrolls."""
    unroll = spec.unroll
    if unroll.until == "steps" or not graph.loops:
        return None
    return Converged(unroll.tolerance, unroll.max_steps, solvers.call(unroll.solver))


def pass_mode(spec: NetworkSpec, gradient: Gradient | None) -> Full | Truncated | Recompute:
    """Return the gradient mode of a run with a fixed number of unrolls."""
    mode = gradient or gradients.call(spec.training.gradient)
    if isinstance(mode, Implicit | Phantom):
        if gradient is None:  # the spec's, and the call asked for a number of unrolls
            return Full()
        raise LoopyNetError(
            f"{type(mode).__name__} is a gradient at a fixed point: add stop=Converged()"
        )
    return mode


def _fixed_point_mode(spec: NetworkSpec, gradient: Gradient | None) -> Implicit | Phantom:
    """Return the gradient mode of a run to convergence; the exact one if none is named."""
    mode = gradient or gradients.call(spec.training.gradient)
    if isinstance(mode, Implicit | Phantom):
        return mode
    if gradient is None:
        return Implicit()
    raise LoopyNetError(
        f"{type(mode).__name__} keeps passes, of which a run to convergence has no fixed number: "
        "write gradient=Implicit() or Phantom()"
    )
