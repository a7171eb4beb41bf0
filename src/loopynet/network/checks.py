"""What a call may ask of a network."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from loopynet.errors import LoopyNetError, LoopyNetWarning
from loopynet.graph import Graph
from loopynet.parts.shape import show


def check_input(graph: Graph, x: Tensor) -> None:
    """Raise LoopyNetError if x is no batch of inputs [N, *graph.input_shape]."""
    if tuple(x.shape[1:]) != graph.input_shape:
        wanted = show(graph.input_shape)
        raise LoopyNetError(
            f'"{graph.name}" takes inputs [N, {wanted[1:]}, and got {show(x.shape)}'
        )


def check_unrolls(graph: Graph, unrolls: int | None) -> int:
    """Return how many unrolls a call runs: the spec's if None.

    Raises:
        LoopyNetError: the network cannot run so many, or has no logits after so few.
    """
    steps = graph.steps
    if unrolls is None or unrolls == steps:
        return steps
    if not isinstance(unrolls, int) or unrolls < 1:
        raise LoopyNetError(f"unrolls must be a whole number from 1 up, and is {unrolls!r}")
    if not graph.loops:
        raise LoopyNetError(
            f'"{graph.name}" was built without loops (unroll.steps: 1 or none declared), '
            f"so it cannot run {unrolls} unrolls; build it with more steps"
        )
    if unrolls < graph.first_readout:
        raise LoopyNetError(
            f'"{graph.name}" has no logits before unroll {graph.first_readout}, when '
            f"its input has passed all {'sections' if graph.sections else 'delays'}; run as many "
            f"unrolls or more, not {unrolls}"
        )
    if unrolls > steps and not graph.tied:
        raise LoopyNetError(
            f'"{graph.name}" is untied and has weights for {steps} unrolls, not {unrolls}'
        )
    if unrolls > steps and norms_differ(graph) and not torch.compiler.is_compiling():
        warnings.warn(
            f'running {unrolls} unrolls of "{graph.name}", which has {steps}: the unrolls '
            f"after number {steps} use its scale, shift and running statistics",
            LoopyNetWarning,
            stacklevel=3,
        )
    return unrolls


def check_one_answer(graph: Graph, what: str) -> None:
    """Raise LoopyNetError for a network of label maps; `what` needs one answer for each image."""
    if len(graph.output_shape) != 1:
        raise LoopyNetError(
            f'{what} needs one answer for each image, and "{graph.name}" gives maps of them, '
            f"{show(graph.output_shape)}: take a network without data.labels: map"
        )


def norms_differ(graph: Graph) -> bool:
    """Say whether some unrolls are normalized with numbers of their own."""
    nodes = graph.layers.values()
    return any(node.norm.differs_by_step and node.section == "body" for node in nodes)
