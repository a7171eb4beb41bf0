"""A picture with all its distances, in points from its upper left corner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from loopynet.draw.diagram import Node
from loopynet.graph.nodes import Section

Corner = tuple[float, float]
"""A point on the page: from the left, from the top."""


class Rect(NamedTuple):
    """A rectangle."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def middle(self) -> tuple[float, float]:
        """Its center."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


@dataclass(frozen=True)
class Shape:
    """A node in its rectangle; `turned` text runs upwards."""

    node: Node
    rect: Rect
    turned: bool = False


@dataclass(frozen=True)
class Stroke:
    """A line with right angles.

    Attributes:
        kind: main, loop or skip.
        points: its corners.
        arrow: whether it ends in an arrowhead.
        source: the id of the node that it leaves; empty if it starts on another line.
        target: the id of the node that it reaches; empty if it ends on another line.
    """

    kind: Literal["main", "loop", "skip"]
    points: tuple[Corner, ...]
    arrow: bool
    source: str
    target: str


@dataclass(frozen=True)
class Background:
    """The light rectangle behind a section."""

    section: Section
    rect: Rect


@dataclass(frozen=True)
class Scene:
    """All there is to paint.

    Attributes:
        width: of the picture.
        height: of the picture.
        tied: whether equal colors mean equal weights.
        backgrounds: painted first.
        strokes: painted next.
        dots: where lines branch.
        shapes: painted last.
    """

    width: float
    height: float
    tied: bool
    backgrounds: tuple[Background, ...]
    strokes: tuple[Stroke, ...]
    dots: tuple[tuple[Literal["main", "loop", "skip"], Corner], ...]
    shapes: tuple[Shape, ...]
