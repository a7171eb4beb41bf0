"""The resolved graph: plain, immutable data that the network is built from and reports read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Literal

from loopynet.graph.timetable import Timetable
from loopynet.parts.layers import LayerSpec
from loopynet.parts.merges import MergePart, merges
from loopynet.parts.norms import NormSpec
from loopynet.parts.shape import Shape
from loopynet.spec.schedule import ENDLESS

Section = Literal["trunk", "body", "head"]

INPUT = "input"
"""The name under which an edge takes the network's input."""


@dataclass(frozen=True)
class LayerNode:
    """One layer with everything known about it.

    Attributes:
        name: its name in the spec.
        spec: its options, the template's merged in.
        norm: what normalizes its output; type "none" for nothing.
        input_shape: without the batch, after any merges.
        output_shape: without the batch.
        section: trunk (runs once), body (once per unroll) or head (once per readout).
        runs: how often it runs in one forward pass of the trained number of unrolls.
        on_edge: the loop or skip whose signal passes through it; None in the main stack.
        delay: unrolls that the main stack's edge into it takes; 0 outside the loopy section.
        weights_of: the layer whose weights it uses; None if it has its own.
        after: of the first layer of a later section, the number of the one that ends below it.
    """

    name: str
    spec: LayerSpec
    norm: NormSpec
    input_shape: Shape
    output_shape: Shape
    section: Section
    runs: int
    on_edge: str | None = None
    delay: int = 0
    weights_of: str | None = None
    after: int = 0


@dataclass(frozen=True)
class Edge:
    """One loop or skip with everything known about it.

    Attributes:
        name: its name in the spec; its merge node is called `name@t`.
        kind: loop (goes back, delay 1 or more) or skip (goes forward; delay 0 is the same pass).
        source: the layer whose output is taken, or `input`.
        target: the layer whose input it joins.
        through: layers on the way.
        merge: the merge's name.
        resize: whether the signal is resized to the target's height and width.
        project: whether the signal passes a learned map to the target's shape.
        delay: unrolls until the signal arrives.
        initial: what the merge sees before the first signal: absent, zero or one.
        raw_shape: of the signal after `through`.
        signal_shape: of the signal after fitting.
        target_shape: of the target's input before this merge.
        merged_shape: after it.
        section: where the signal is computed.
        damping: share of the new signal in what is carried; the rest is the signal before.
        pad: whether positions are left out of the signal and channels of zeros added.
        after: the number of the section that it leaves, if that ends before the target runs.
    """

    name: str
    kind: Literal["loop", "skip"]
    source: str
    target: str
    through: tuple[str, ...]
    merge: str
    resize: bool
    project: bool
    delay: int
    initial: Literal["absent", "zero", "one"]
    raw_shape: Shape
    signal_shape: Shape
    target_shape: Shape
    merged_shape: Shape
    section: Section
    damping: float = 1.0
    pad: bool = False
    after: int = 0

    @property
    def merge_part(self) -> MergePart:
        """The registered merge."""
        return merges.get(self.merge)


@dataclass(frozen=True)
class Graph:
    """A network's layers and edges, resolved, ordered and checked.

    Attributes:
        name: the spec's name.
        input_shape: without the batch.
        layers: every layer by name: the main stack in order, then those on edges.
        main: the main stack's names in order.
        trunk: main-stack names before the first layer that a loop touches.
        body: from the first to the last layer that a loop touches; empty without loops.
        head: after it.
        loops: in the order written.
        skips: in the order written.
        steps: unrolls k; 1 without loops.
        tied: whether unrolls share weights.
        readout: last or each.
        schedule: the word of the YAML; every delay is resolved.
        initial: what a main-stack edge with a delay gives before its first signal.
        weight_bound: the largest operator norm of weights in the loopy section; None for any.
        sections: passes of each loopy section, if there are several that run one after another.
        windows: then the first and the last unroll of each of their layers, and of those between.
    """

    name: str
    input_shape: Shape
    layers: Mapping[str, LayerNode]
    main: tuple[str, ...]
    trunk: tuple[str, ...]
    body: tuple[str, ...]
    head: tuple[str, ...]
    loops: tuple[Edge, ...]
    skips: tuple[Edge, ...]
    steps: int
    tied: bool
    readout: Literal["last", "each"]
    schedule: Literal["sequential", "parallel"] = "sequential"
    initial: Literal["absent", "zero"] = "absent"
    weight_bound: float | None = None
    sections: tuple[int, ...] = ()
    windows: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def edges(self) -> tuple[Edge, ...]:
        """Skips, then loops: the order in which they merge at a common target."""
        return self.skips + self.loops

    @property
    def output_shape(self) -> Shape:
        """The shape of one sample's logits."""
        return self.layers[self.main[-1]].output_shape

    def edges_into(self, layer: str) -> Iterator[Edge]:
        """Yield the edges that join a layer's input, in the order they merge."""
        return (edge for edge in self.edges if edge.target == layer)

    def shape_of(self, source: str) -> Shape:
        """Return the output shape of a layer, or the input's."""
        return self.input_shape if source == INPUT else self.layers[source].output_shape

    @cached_property
    def shared(self) -> dict[str, str]:
        """The layers that use the weights of another one, and that one."""
        return {n: node.weights_of for n, node in self.layers.items() if node.weights_of}

    @cached_property
    def delays(self) -> dict[str, int]:
        """The layers of the loopy section into which the main stack has a delay, and that delay."""
        return {name: self.layers[name].delay for name in self.body if self.layers[name].delay}

    @cached_property
    def timetable(self) -> Timetable:
        """What runs at which unroll of a run of any length."""
        within = [edge for edge in self.edges if {edge.source, edge.target} <= set(self.body)]
        to_head = {edge.source for edge in self.skips if edge.section == "head"}
        return Timetable(
            body=self.body,
            delays=self.delays,
            waits=self.initial == "absent",
            edges=tuple(within),
            read=frozenset({*self.body[-1:], *to_head}),
            windows=self.windows,
        )

    @property
    def first_readout(self) -> int:
        """The first unroll after which there are logits."""
        return self.timetable.first[self.body[-1]] if self.body else 1

    @property
    def readout_times(self) -> range:
        """The unrolls of `steps` whose logits the spec's readout takes."""
        return range(self.first_readout if self.readout == "each" else self.steps, self.steps + 1)

    def layer_times(self, node: LayerNode) -> tuple[int, ...]:
        """Return the unrolls at which a layer runs when the network runs `steps` unrolls."""
        if node.on_edge is not None:
            return self.signal_times(next(e for e in self.edges if e.name == node.on_edge))
        if node.section != "body":
            return (1,) if node.section == "trunk" else tuple(self.readout_times)
        return tuple(t for t in self._unrolls if self.timetable.runs(node.name, t, self.steps))

    def signal_times(self, edge: Edge) -> tuple[int, ...]:
        """Return the unrolls at which an edge's signal is computed."""
        if edge.section != "body":
            return (1,) if edge.section == "trunk" else tuple(self.readout_times)
        return tuple(t for t in self._unrolls if self.timetable.sends(edge, t, self.steps))

    def merge_times(self, edge: Edge) -> tuple[int, ...]:
        """Return the unrolls at which an edge joins its target."""
        if edge.section != "body":
            return self.layer_times(self.layers[edge.target])
        return tuple(t for t in self._unrolls if self.timetable.merges(edge, t, self.steps))

    def section_end(self, t: int, count: int) -> int:
        """Return the last unroll, in a run of `count`, of the section that runs at unroll t."""
        ends = accumulate(self.sections[:-1])
        return next((end for end in ends if end >= t), count)

    @cached_property
    def ended(self) -> tuple[Edge, ...]:
        """The skips into the head from a section that ends before the head runs."""
        skips = (edge for edge in self.skips if edge.section == "head")
        return tuple(e for e in skips if self.windows.get(e.source, (1, ENDLESS))[1] < ENDLESS)

    @property
    def _unrolls(self) -> range:
        return range(1, self.steps + 1)

    def bounds(self, section: Section) -> bool:
        """Say whether the weights of a section are bounded."""
        return section == "body" and self.weight_bound is not None

    def untied(self, section: Section) -> bool:
        """Say whether a section's unrolls have weights of their own."""
        return section == "body" and not self.tied

    def section_of(self, source: str) -> Section:
        """Return the section of a layer; the input counts as trunk."""
        return "trunk" if source == INPUT else self.layers[source].section
