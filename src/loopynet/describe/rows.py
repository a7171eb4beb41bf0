"""The rows of a drawing: the main stack from top to bottom, and where each arc starts and ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from loopynet.graph.nodes import INPUT, Edge, Graph, Section


@dataclass(frozen=True)
class Port:
    """One end of an arc: "in" at the target's row, "out" at the source's."""

    edge: Edge
    end: Literal["in", "out"]


@dataclass(frozen=True)
class Row:
    """One row of text.

    Attributes:
        kind: the input, a layer, a place for one more port of a layer, or a section's title.
        name: of the layer; empty for a section's title.
        section: that the row stands in or titles.
        left: the loop that ends or starts here, if any.
        right: the skip that ends or starts here, if any.
    """

    kind: Literal["input", "layer", "port", "section"]
    name: str
    section: Section
    left: Port | None = None
    right: Port | None = None


def drawing_rows(graph: Graph) -> list[Row]:
    """Return the rows of a graph's drawing, the input's first.

    No row has two ports on one side, so that the lines to them never meet.
    """
    rows = _block(graph, INPUT)
    for section, names in _sections(graph):
        if graph.body and names:
            rows.append(Row("section", "", section))
        for name in names:
            rows += _block(graph, name)
    return rows


def arc_rows(rows: Sequence[Row], edge: Edge) -> tuple[int, int]:
    """Return the upper and the lower row of an edge's arc."""
    ends = [
        i
        for i, row in enumerate(rows)
        if any(port and port.edge.name == edge.name for port in (row.left, row.right))
    ]
    return ends[0], ends[-1]


def _sections(graph: Graph) -> list[tuple[Section, tuple[str, ...]]]:
    return [("trunk", graph.trunk), ("body", graph.body), ("head", graph.head)]


def _block(graph: Graph, name: str) -> list[Row]:
    """Return a layer's row between the rows of the ports that it has no room for.

    Signals that join it stand above, the last one on the layer's own row; signals that leave it
    stand below, the first one on the layer's own row if nothing joins there.
    """
    left_in, left_out = _ports(graph, graph.loops, name)
    right_in, right_out = _ports(graph, graph.skips, name)
    above = max(len(left_in), len(right_in), 1) - 1
    left = _places(left_in, left_out, above)
    right = _places(right_in, right_out, above)
    return [
        Row(
            _kind(name) if i == above else "port",
            name,
            graph.section_of(name),
            left.get(i),
            right.get(i),
        )
        for i in range(max([above, *left, *right]) + 1)
    ]


def _kind(name: str) -> Literal["input", "layer"]:
    return "input" if name == INPUT else "layer"


def _ports(graph: Graph, edges: Sequence[Edge], name: str) -> tuple[list[Port], list[Port]]:
    """Return what joins a layer, in the order of merging, and what leaves it.

    What leaves is ordered so that its arcs do not cross each other: going up, the nearest target
    first; going down, the farthest.
    """
    leaving = sorted(
        (edge for edge in edges if edge.source == name), key=lambda e: -graph.main.index(e.target)
    )
    joining = [edge for edge in edges if edge.target == name]
    return [Port(e, "in") for e in joining], [Port(e, "out") for e in leaving]


def _places(joining: list[Port], leaving: list[Port], own: int) -> dict[int, Port]:
    """Return the row of each port within the block whose layer stands in row `own`."""
    first_out = own + (1 if joining else 0)
    places = {own - len(joining) + 1 + i: port for i, port in enumerate(joining)}
    return places | {first_out + i: port for i, port in enumerate(leaving)}
