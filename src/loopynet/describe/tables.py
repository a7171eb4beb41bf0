"""What a network is made of and what it costs, as plain data for tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from loopynet.describe.words import Detail, fit_words, layer_words, norm_words, start_words
from loopynet.graph.costs import (
    costs,
    edge_multiply_adds,
    edge_parameters,
    layer_parameters,
    layer_statistics,
    merge_multiply_adds,
    project_multiply_adds,
    show_bytes,
)
from loopynet.graph.nodes import Edge, Graph, LayerNode, Section
from loopynet.parts.shape import Shape


@dataclass(frozen=True)
class LayerRow:
    """One layer.

    Attributes:
        name: its name in the spec.
        section: trunk, body (the loopy section) or head.
        on_edge: the loop or skip that it is on; None in the main stack.
        summary: its type and options in a few words.
        norm: what normalizes it; empty if nothing does.
        input_shape: without the batch, after any merges.
        output_shape: without the batch.
        runs: how often it runs in one forward pass.
        parameters: learned numbers, over all copies of an untied layer.
        statistics: running means and variances, over all copies.
        multiply_adds: of one run on one sample.
        delay: unrolls that the main stack's edge into it takes; 0 if it reads an ended section.
    """

    name: str
    section: Section
    on_edge: str | None
    summary: str
    norm: str
    input_shape: Shape
    output_shape: Shape
    runs: int
    parameters: int
    statistics: int
    multiply_adds: int
    delay: int = 0

    @property
    def total_multiply_adds(self) -> int:
        """Of all the runs of one forward pass on one sample."""
        return self.runs * self.multiply_adds


@dataclass(frozen=True)
class EdgeRow:
    """One loop or skip.

    Attributes:
        name: its name in the spec.
        kind: loop or skip.
        source: the layer whose output is taken, or `input`.
        through: layers on the way.
        target: the layer whose input it joins.
        merge: the merge's name.
        fit: resize, project or pad; empty if the signal fits as it is.
        delay: unrolls until the signal arrives; 0 in the same pass.
        initial: what the merge sees before: absent, zero or one; empty without a delay.
        signal_shape: of the signal as it is merged.
        parameters: learned numbers of the merge and the projection, over all copies.
        total_multiply_adds: of the merge and the projection, for one sample and all unrolls.
        after: the number of the section whose end it takes, and no delay; 0 for all others.
    """

    name: str
    kind: Literal["loop", "skip"]
    source: str
    through: tuple[str, ...]
    target: str
    merge: str
    fit: str
    delay: int
    initial: str
    signal_shape: Shape
    parameters: int
    total_multiply_adds: int
    after: int = 0


@dataclass(frozen=True)
class Summary:
    """A network's totals.

    Attributes:
        name: the spec's name.
        steps: unrolls k; 1 without loops.
        tied: whether the unrolls share weights.
        parameters: learned numbers.
        statistics: running means and variances.
        numbers: both: everything that is stored.
        trunk_multiply_adds: of one sample, in the part that runs once before the loops.
        unroll_multiply_adds: of one sample, in one pass through the loopy section.
        head_multiply_adds: of one sample, in one run of the part after the loops.
        multiply_adds: of one sample, in one forward pass with all its unrolls.
        ratio: of these to what the same layers cost at k = 1, where no loop runs; layers whose
            input a loop widens (merge: concat) are counted at that width.
        batch_size: that the memory is estimated for.
        training_bytes: estimate of the memory of a training step.
        sections: loopy sections that are unrolled one after another.
    """

    name: str
    steps: int
    tied: bool
    parameters: int
    statistics: int
    numbers: int
    trunk_multiply_adds: int
    unroll_multiply_adds: int
    head_multiply_adds: int
    multiply_adds: int
    ratio: float
    batch_size: int
    training_bytes: int
    sections: int = 1

    @property
    def training_memory(self) -> str:
        """The memory of a training step as people read it: 1.5 GiB."""
        return show_bytes(self.training_bytes)


def layer_rows(graph: Graph) -> list[LayerRow]:
    """Return a row for each layer: the main stack in order, then the layers on edges."""
    return [_layer_row(graph, node) for node in graph.layers.values()]


def edge_rows(graph: Graph) -> list[EdgeRow]:
    """Return a row for each loop and skip, loops first."""
    return [_edge_row(graph, edge) for edge in graph.loops + graph.skips]


def summarize(graph: Graph, batch_size: int) -> Summary:
    """Return a network's totals, the memory estimated for training with `batch_size`."""
    total = costs(graph)
    loops = {loop.name for loop in graph.loops}
    once = sum(row.multiply_adds for row in layer_rows(graph) if row.on_edge not in loops)
    once += sum(project_multiply_adds(e) + merge_multiply_adds(e) for e in graph.skips)
    return Summary(
        name=graph.name,
        steps=graph.steps,
        tied=graph.tied,
        parameters=total.parameters,
        statistics=total.statistics,
        numbers=total.numbers,
        trunk_multiply_adds=total.trunk_multiply_adds,
        unroll_multiply_adds=total.unroll_multiply_adds,
        head_multiply_adds=total.head_multiply_adds,
        multiply_adds=total.multiply_adds,
        ratio=total.multiply_adds / once if once else 1.0,
        batch_size=batch_size,
        training_bytes=total.training_bytes(batch_size),
        sections=max(1, len(graph.sections)),
    )


def _layer_row(graph: Graph, node: LayerNode) -> LayerRow:
    return LayerRow(
        name=node.name,
        section=node.section,
        on_edge=node.on_edge,
        summary=layer_words(node, Detail.OPTIONS),
        norm=norm_words(node),
        input_shape=node.input_shape,
        output_shape=node.output_shape,
        runs=node.runs,
        parameters=layer_parameters(graph, node),
        statistics=layer_statistics(graph, node),
        multiply_adds=node.spec.multiply_adds(node.input_shape),
        delay=0 if node.after else node.delay,
    )


def _edge_row(graph: Graph, edge: Edge) -> EdgeRow:
    return EdgeRow(
        name=edge.name,
        kind=edge.kind,
        source=edge.source,
        through=edge.through,
        target=edge.target,
        merge=edge.merge,
        fit=fit_words(edge),
        delay=0 if edge.after else edge.delay,
        after=edge.after,
        initial=start_words(edge),
        signal_shape=edge.signal_shape,
        parameters=edge_parameters(graph, edge),
        total_multiply_adds=edge_multiply_adds(graph, edge),
    )
