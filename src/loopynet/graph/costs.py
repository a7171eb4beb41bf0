"""What a network costs: weights, arithmetic and memory, without building it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from loopynet.errors import SpecError
from loopynet.graph.nodes import Edge, Graph, LayerNode
from loopynet.parts.shape import size

FLOAT_BYTES = 4
TRAINING_COPIES = 4
"""Weights, gradients and Adam's two moments."""


@dataclass(frozen=True)
class Costs:
    """The costs of one network.

    Attributes:
        parameters: learned numbers (weights, biases, scales and shifts).
        statistics: running means and variances of batch norm, and the vectors of `unroll.contract`,
            one for each weight that it bounds.
        trunk_multiply_adds: of one sample, in the part that runs once before the loops.
        unroll_multiply_adds: of one sample, in one pass through the loopy section, loops included.
        head_multiply_adds: of one sample, in the part after the loops.
        multiply_adds: of one sample, in all the unrolls of the spec.
        activations: numbers that one sample's training step keeps for the gradient.
    """

    parameters: int
    statistics: int
    trunk_multiply_adds: int
    unroll_multiply_adds: int
    head_multiply_adds: int
    multiply_adds: int
    activations: int

    @property
    def numbers(self) -> int:
        """Everything that is stored: parameters and statistics."""
        return self.parameters + self.statistics

    def training_bytes(self, batch_size: int) -> int:
        """Return an estimate of the memory of a training step in float32."""
        weights = self.parameters * TRAINING_COPIES + self.statistics
        return (weights + self.activations * batch_size) * FLOAT_BYTES


def costs(graph: Graph) -> Costs:
    """Return the costs of a graph at its own number of unrolls."""
    layers = graph.layers.values()
    work = {
        section: sum(n.spec.multiply_adds(n.input_shape) for n in layers if n.section == section)
        for section in ("trunk", "body", "head")
    }
    for edge in graph.edges:
        work[edge.section] += project_multiply_adds(edge)
        work[graph.section_of(edge.target)] += merge_multiply_adds(edge)
    total = sum(n.runs * n.spec.multiply_adds(n.input_shape) for n in layers)
    total += sum(edge_multiply_adds(graph, edge) for edge in graph.edges)
    return Costs(
        parameters=sum(layer_parameters(graph, n) for n in layers)
        + sum(edge_parameters(graph, e) for e in graph.edges),
        statistics=sum(layer_statistics(graph, n) for n in layers)
        + sum(edge_statistics(graph, e) for e in graph.edges),
        trunk_multiply_adds=work["trunk"],
        unroll_multiply_adds=work["body"],
        head_multiply_adds=work["head"],
        multiply_adds=total,
        activations=sum(n.runs * _kept(n) for n in layers)
        + sum(size(e.merged_shape) * len(graph.merge_times(e)) for e in graph.edges),
    )


def layer_parameters(graph: Graph, node: LayerNode) -> int:
    """Return a layer's learned numbers, over all its copies."""
    own = 0 if node.weights_of else node.spec.parameters(node.input_shape)
    own += 1 if node.spec.activation.name == "prelu" else 0
    copies, steps = _copies_and_steps(graph, node)
    return copies * (own + node.norm.parameters(node.output_shape, steps))


def layer_statistics(graph: Graph, node: LayerNode) -> int:
    """Return a layer's running means and variances and its bound's vector, over all its copies."""
    copies, steps = _copies_and_steps(graph, node)
    bounded = graph.bounds(node.section) and node.spec.weighted
    vector = size(node.input_shape) if bounded else 0
    return copies * (node.norm.statistics(node.output_shape, steps) + vector)


def edge_parameters(graph: Graph, edge: Edge) -> int:
    """Return the learned numbers of an edge's merge and projection, over all copies."""
    merge = edge.merge_part.parameters(edge.target_shape)
    project = _project_parameters(edge) if edge.project else 0
    if graph.untied(graph.section_of(edge.target)):
        merge *= len(graph.merge_times(edge))
    if graph.untied(edge.section):
        project *= len(graph.signal_times(edge))
    return merge + project


def edge_statistics(graph: Graph, edge: Edge) -> int:
    """Return the vectors of a projection's bound, over all copies."""
    if not (edge.project and graph.bounds(edge.section)):
        return 0
    return size(edge.raw_shape) * (len(graph.signal_times(edge)) if graph.untied("body") else 1)


def project_multiply_adds(edge: Edge) -> int:
    """Return a projection's arithmetic: every value of the signal meets every output channel."""
    return size(edge.raw_shape) * edge.target_shape[0] if edge.project else 0


def merge_multiply_adds(edge: Edge) -> int:
    """Return the multiply-adds of one merge of one sample."""
    return edge.merge_part.multiply_adds(edge.target_shape)


def edge_multiply_adds(graph: Graph, edge: Edge) -> int:
    """Return an edge's arithmetic outside its layers, over all the unrolls at which it runs."""
    merges = len(graph.merge_times(edge)) * merge_multiply_adds(edge)
    return merges + len(graph.signal_times(edge)) * project_multiply_adds(edge)


def check_memory(graph: Graph, batch_size: int) -> None:
    """Raise SpecError if training would need more memory than the machine has."""
    cost, available = costs(graph), machine_bytes()
    needed = cost.training_bytes(batch_size)
    if needed > available:
        raise SpecError(
            f"training with batch size {batch_size} needs about {show_bytes(needed)}, and this "
            f"machine has {show_bytes(available)}; write a smaller training.batch_size, fewer "
            "filters or units, or fewer unroll.steps",
            ("layers", _largest(graph).name),
        )


def machine_bytes() -> int:
    """Return the memory of this machine, or of the container it is limited to."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    try:
        return min(total, int(limit.read_text()))
    except (OSError, ValueError):
        return total


def show_bytes(count: int) -> str:
    """Return a number of bytes as people read it: 1.5 GiB."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024 or unit == "TiB":
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return ""


def _copies_and_steps(graph: Graph, node: LayerNode) -> tuple[int, int]:
    """Return a layer's copies and the unrolls that each runs; an untied copy runs one."""
    return (node.runs, 1) if graph.untied(node.section) else (1, node.runs)


def _kept(node: LayerNode) -> int:
    """Return the numbers that one run of a layer keeps: its output, once for each operation."""
    operations = 1 + (node.norm.type != "none") + (node.spec.activation.name != "linear")
    return operations * size(node.output_shape)


def _project_parameters(edge: Edge) -> int:
    flattened = len(edge.raw_shape) == 3 and len(edge.target_shape) == 1
    inputs = size(edge.raw_shape) if flattened else edge.raw_shape[0]
    return inputs * edge.target_shape[0] + edge.target_shape[0]


def _largest(graph: Graph) -> LayerNode:
    return max(
        graph.layers.values(),
        key=lambda n: n.spec.parameters(n.input_shape) + n.runs * _kept(n),
    )
