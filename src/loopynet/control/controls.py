"""The controls: from the spec of a network to that of an opponent without the loop's advantage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from loopynet.control.change import changed
from loopynet.control.match import match_costs
from loopynet.errors import SpecError
from loopynet.graph import build_graph, costs
from loopynet.parts.shape import show
from loopynet.spec.network import NetworkSpec
from loopynet.spec.training import TrainingSpec
from loopynet.spec.wiring import Skip


def no_loops(spec: NetworkSpec) -> NetworkSpec:
    """The network without its loops and the layers inside them.

    Everything runs once. The readout and the loss are those of that one pass.

    Raises:
        SpecError: the network is not valid, or not without its loops.
    """
    return _without_loops(spec, "no-loops")


def untied(spec: NetworkSpec) -> NetworkSpec:
    """The same network, with weights of its own for each unroll.

    Raises:
        SpecError: the network is not valid, has no loops, or runs a single unroll.
    """
    build_graph(spec)
    if not spec.loops:
        raise SpecError("the network has no loops, so that there is nothing to untie", ("loops",))
    if spec.unroll.steps == 1:
        raise SpecError("is 1, so that there is nothing to untie", ("unroll", "steps"))
    unroll = spec.unroll.model_copy(update={"tied": False})
    return changed(spec, {"unroll": unroll}, suffix="untied")


def same_parameters(spec: NetworkSpec) -> NetworkSpec:
    """No loops, and hidden layers so wide that there are as many learned parameters.

    Raises:
        SpecError: as `no_loops`, or no layer's width is free to change.
    """
    target = costs(build_graph(spec)).parameters
    plain = _without_loops(spec, "same-parameters")
    return match_costs(plain, target, lambda cost: cost.parameters)


def same_multiply_adds(spec: NetworkSpec) -> NetworkSpec:
    """No loops, and hidden layers so wide that one forward pass has as many multiply-adds.

    The original counts with all its unrolls.

    Raises:
        SpecError: as `no_loops`, or no layer's width is free to change.
    """
    target = costs(build_graph(spec)).multiply_adds
    plain = _without_loops(spec, "same-multiply-adds")
    return match_costs(plain, target, lambda cost: cost.multiply_adds)


CONTROLS: dict[str, Callable[[NetworkSpec], NetworkSpec]] = {
    "no-loops": no_loops,
    "untied": untied,
    "same-parameters": same_parameters,
    "same-multiply-adds": same_multiply_adds,
}
"""Every control by its word on the command line; the first line of its docstring is its help."""


def _without_loops(spec: NetworkSpec, suffix: str) -> NetworkSpec:
    inside = {name for loop in spec.loops.values() for name in loop.through}
    layers = {name: layer for name, layer in spec.layers.items() if name not in inside}
    changes: dict[str, Any] = {"layers": layers}
    if "loss" in spec.model_fields_set:
        changes["loss"] = spec.loss.model_copy(update={"steps": "last"})
    if spec.unroll.until == "converged" and spec.loops:
        # The gradient of a fixed point, of which there is none without loops.
        names = spec.training.model_fields_set - {"gradient"}
        kept = {name: getattr(spec.training, name) for name in names}
        changes["training"] = TrainingSpec.model_validate(kept)
    if "skips" in spec.model_fields_set:
        changes["skips"] = {name: _undelayed(skip) for name, skip in spec.skips.items()}
    # A spec that says nothing of unrolls and readout has one unroll and reads it.
    plain = changed(spec, changes, suffix=suffix, removed=("loops", "unroll", "readout"))
    classes = build_graph(spec).output_shape
    try:
        found = build_graph(plain).output_shape
    except SpecError as error:
        raise SpecError(f"without the loops, {error.message}", error.path) from None
    if found != classes:
        text = f"without the loops, the logits are {show(found)} and not {show(classes)}"
        raise SpecError(text, ("main",))
    return plain


def _undelayed(skip: Skip) -> Skip:
    """Return a skip without its delay, which only a network with loops can have."""
    kept = skip.model_dump(exclude_unset=True, by_alias=True)
    return Skip.model_validate({key: value for key, value in kept.items() if key != "delay"})
