"""A picture on a grid without distances: slots along the stack, levels across it.

Slots are places along the stack from the input to the logits; levels are the rows of nodes and the
lanes of arrows between them. Both are names in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from loopynet.draw.diagram import Node


class Spot(NamedTuple):
    """A place along the stack: a slot, and where on it, from -1/2 to 1/2."""

    slot: str
    port: float = 0.0


class Point(NamedTuple):
    """A corner or an end of a wire."""

    spot: Spot
    level: str


@dataclass(frozen=True)
class Mark:
    """A node and its place.

    Attributes:
        node: what is drawn.
        level: that its middle is on.
        first: its slot.
        last: the last slot that it reaches to; the same but for the omitted unrolls.
        raised: whether it stands beside its level's line and not on it.
    """

    node: Node
    level: str
    first: str
    last: str
    raised: bool = False


@dataclass(frozen=True)
class Wire:
    """A line with right angles.

    Attributes:
        kind: main, loop or skip.
        points: from its start to its end.
        source: the id of the node that it starts at; empty for a branch.
        target: the id of the node that its arrowhead touches; empty for the part up to a branch.
        items: label and layers on it, in its direction.
        run: the index of the part between two points on which the items stand.
        dot: whether a dot marks its start as a branch of another wire.
    """

    kind: Literal["main", "loop", "skip"]
    points: tuple[Point, ...]
    source: str = ""
    target: str = ""
    items: tuple[Node, ...] = ()
    run: int = 0
    dot: bool = False


@dataclass(frozen=True)
class Panel:
    """The light background of a section or of one unroll.

    Attributes:
        kind: trunk, body or head.
        title: its text, or None if a mark has it.
        slots: the first and the last slot on it.
        levels: the first and the last level on it.
    """

    kind: Literal["trunk", "body", "head"]
    title: Node | None
    slots: tuple[str, str]
    levels: tuple[str, str]


@dataclass(frozen=True)
class Grid:
    """A picture without distances.

    Attributes:
        slots: in order.
        levels: in order.
        marks: the nodes that stand at a slot.
        wires: the arrows, with the nodes that stand on them.
        panels: the backgrounds.
        ports: how many wires at most leave a slot's node on one side.
    """

    slots: tuple[str, ...]
    levels: tuple[str, ...]
    marks: tuple[Mark, ...]
    wires: tuple[Wire, ...]
    panels: tuple[Panel, ...]
    ports: dict[str, int]

    def spot_order(self, spot: Spot) -> tuple[int, float]:
        """Return what sorts spots along the stack."""
        return self.slots.index(spot.slot), spot.port
