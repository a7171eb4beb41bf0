"""What a picture shows, before anything has a place: nodes in rows and the arrows between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from loopynet.graph.nodes import Section

Style = Literal["name", "words", "shape", "mark", "label", "title", "heading", "note"]

Line = tuple[str, Style]
"""One line of a node's text."""

NodeKind = Literal[
    "input",
    "layer",
    "merge",
    "absent",
    "start",
    "zero",
    "omitted",
    "label",
    "title",
    "heading",
    "note",
]

OMITTED = "omitted"
"""The id of the node that stands for the unrolls that are not drawn."""


@dataclass(frozen=True)
class Node:
    """A box, a circle or a text.

    Attributes:
        id: the name that `net.trace` uses in an unrolled picture, such as conv_1@2.
        kind: what it is; `absent` is a merge without a signal, `start` an edge's initial value,
            `zero` what a delayed main-stack edge gives before its first signal.
        lines: its text.
        slot: its place along the stack: the name of the layer, or of the edge that merges.
        row: 0 but for the passes of an unrolled picture.
        section: that it runs in.
        color: the number of a layer that runs in every unroll, or has the weights of one; None for
            all other nodes.
    """

    id: str
    kind: NodeKind
    lines: tuple[Line, ...] = ()
    slot: str = ""
    row: int = 0
    section: Section = "trunk"
    color: int | None = None


@dataclass(frozen=True)
class Arrow:
    """A signal on its way.

    Attributes:
        kind: main for the stack itself.
        name: of the edge, or the slot in which a delayed main-stack edge ends; empty for the rest
            of the main stack and for initial values.
        source: the id of the node that it leaves.
        targets: the ids of the nodes that it reaches; several if it is computed once and read in
            every unroll.
        label: its text.
        through: the layers on the way.
        leaves: the slot of the source.
        enters: the slot of the targets.
        delay: unrolls until it arrives, in a later row; 0 in a folded picture.
    """

    kind: Literal["main", "loop", "skip"]
    name: str
    source: str
    targets: tuple[str, ...]
    label: tuple[Line, ...] = ()
    through: tuple[Node, ...] = ()
    leaves: str = ""
    enters: str = ""
    delay: int = 0


@dataclass(frozen=True)
class Block:
    """A section of the stack.

    Attributes:
        section: trunk, body or head.
        slots: of its merges and layers, in order.
        titles: of its background in each row; None where the section is not drawn.
    """

    section: Section
    slots: tuple[str, ...]
    titles: tuple[str | None, ...]


@dataclass(frozen=True)
class Diagram:
    """A whole picture.

    Attributes:
        title: its heading.
        notes: what a reader needs to know of its signs.
        unrolled: whether the rows are passes.
        tied: whether equal colors mean equal weights.
        rows: how many passes are drawn.
        blocks: the sections in order; a network without loops has one without a background.
        nodes: all but those on arrows, by id.
        arrows: in the order written.
    """

    title: str
    notes: tuple[str, ...]
    unrolled: bool
    tied: bool
    rows: int
    blocks: tuple[Block, ...]
    nodes: dict[str, Node]
    arrows: tuple[Arrow, ...]

    def every_node(self) -> Iterator[Node]:
        """Yield every node, those on arrows last."""
        yield from self.nodes.values()
        for arrow in self.arrows:
            yield from arrow.through
