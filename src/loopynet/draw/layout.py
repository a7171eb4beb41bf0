"""A grid with its distances: where nodes and backgrounds are, along the stack and across it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from loopynet.draw.diagram import Node
from loopynet.draw.grid import Grid, Mark, Panel, Point, Wire
from loopynet.draw.measure import size
from loopynet.draw.scene import Rect, Shape
from loopynet.draw.spacing import (
    ITEM_GAP,
    PANEL_PADDING,
    RAISE,
    Across,
    Along,
    Extent,
    Stretch,
    space_levels,
    space_slots,
)


@dataclass(frozen=True)
class Layout:
    """A grid with its distances.

    Attributes:
        grid: slots and levels.
        extent: measures a node along and across.
        along: the slots' coordinates.
        across: the levels' coordinates.
        stretches: where wires have their items.
    """

    grid: Grid
    extent: Extent
    along: Along
    across: Across
    stretches: Mapping[Wire, Stretch]

    def at(self, point: Point) -> tuple[float, float]:
        """Return a point's coordinates along and across."""
        return self.along.at(point.spot), self.across.lines[point.level]


def lay_out(grid: Grid, down: bool) -> Layout:
    """Find the distances of a grid; `down` lets the stack run down and not to the right."""
    extent = _extent(grid, down)
    along, stretches = space_slots(grid, extent)
    return Layout(grid, extent, along, space_levels(grid, extent), stretches)


def _extent(grid: Grid, down: bool) -> Extent:
    """Return what measures nodes along and across; boxes of the stack are equally large across."""
    turned = {panel.title for panel in grid.panels}
    boxes = [m.node for m in grid.marks if m.node.kind in ("layer", "input", "omitted")]
    alike = {node.id for node in boxes}
    largest = max(size(node)[0 if down else 1] for node in boxes)

    def extent(node: Node) -> tuple[float, float]:
        width, height = size(node)
        if not down or node in turned:
            return width, largest if node.id in alike else height
        return height, largest if node.id in alike else width

    return extent


def shapes(layout: Layout) -> Iterator[Shape]:
    """Yield the nodes at slots and on wires, and the titles, in coordinates along and across."""
    for mark in layout.grid.marks:
        yield Shape(mark.node, _mark_rect(layout, mark))
    for wire in layout.grid.wires:
        yield from items(layout, wire)
    for panel in layout.grid.panels:
        if panel.title:
            yield Shape(panel.title, _title_rect(layout, panel, panel.title), turned=True)


def _mark_rect(layout: Layout, mark: Mark) -> Rect:
    along, across = layout.extent(mark.node)
    line = layout.across.lines[mark.level] - (across / 2 + RAISE if mark.raised else 0)
    left, right = (layout.along.middles[slot] for slot in (mark.first, mark.last))
    if mark.first != mark.last or mark.node.kind in ("layer", "input"):
        left -= layout.along.halves[mark.first]
        right += layout.along.halves[mark.last]
    else:
        left, right = left - along / 2, right + along / 2
    return Rect(left, line - across / 2, right, line + across / 2)


def items(layout: Layout, wire: Wire) -> list[Shape]:
    """Return the nodes on a wire, in its direction, in the middle of their stretch."""
    if not wire.items:
        return []
    start, end = (layout.along.at(spot) for spot in layout.stretches[wire])
    sizes = [layout.extent(item) for item in wire.items]
    line = layout.across.lines[wire.points[wire.run].level]
    backwards = layout.at(wire.points[wire.run]) > layout.at(wire.points[wire.run + 1])
    position = (start + end - sum(s[0] for s in sizes) - ITEM_GAP * (len(sizes) - 1)) / 2
    pairs = list(zip(wire.items, sizes, strict=True))
    found = []
    for item, (along, across) in reversed(pairs) if backwards else pairs:
        rect = Rect(position, line - across / 2, position + along, line + across / 2)
        found.append(Shape(item, rect))
        position += along + ITEM_GAP
    return found[::-1] if backwards else found


def panel_rect(layout: Layout, panel: Panel) -> Rect:
    """Return the rectangle of a background, around all that stands on its slots and levels."""
    middles, halves = layout.along
    lines, before, behind = layout.across
    first, last = panel.slots
    top, bottom = panel.levels
    return Rect(
        middles[first] - halves[first] - PANEL_PADDING,
        lines[top] - before[top] - PANEL_PADDING,
        middles[last] + halves[last] + PANEL_PADDING,
        lines[bottom] + behind[bottom] + PANEL_PADDING,
    )


def _title_rect(layout: Layout, panel: Panel, title: Node) -> Rect:
    length, height = layout.extent(title)
    left = panel_rect(layout, panel).left + PANEL_PADDING
    line = layout.across.lines[panel.levels[0]]
    return Rect(left, line - height / 2, left + length, line + height / 2)
