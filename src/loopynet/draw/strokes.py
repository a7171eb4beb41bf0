"""The lines of a picture: wires, from the border of one node to that of the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from loopynet.draw.grid import Wire
from loopynet.draw.layout import Layout, items
from loopynet.draw.scene import Corner, Rect, Stroke


def strokes(layout: Layout, rects: Mapping[str, Rect], wire: Wire) -> Iterator[Stroke]:
    """Yield the parts of a wire between its source, the nodes on it and its target.

    Args:
        layout: the coordinates.
        rects: the nodes at slots, by id.
        wire: the wire.
    """
    points = [layout.at(point) for point in wire.points]
    if wire.source:
        points[0] = _border(rects[wire.source], points[0], points[1])
    if wire.target:
        points[-1] = _border(rects[wire.target], points[-1], points[-2])
    passed, source = points[: wire.run + 1], wire.source
    forwards = points[wire.run] < points[wire.run + 1]
    for shape in items(layout, wire):
        line = points[wire.run][1]
        ends = [(shape.rect.left, line), (shape.rect.right, line)]
        enter, leave = ends if forwards else ends[::-1]
        arrow = shape.node.kind != "label"
        yield Stroke(wire.kind, (*passed, enter), arrow, source, shape.node.id)
        passed, source = [leave], shape.node.id
    rest = points[wire.run + 1 :]
    yield Stroke(wire.kind, (*passed, *rest), bool(wire.target), source, wire.target)


def _border(rect: Rect, end: Corner, toward: Corner) -> Corner:
    """Return where a line from the middle of a rectangle leaves it."""
    if end[0] == toward[0]:
        return end[0], rect.bottom if toward[1] > end[1] else rect.top
    return rect.right if toward[0] > end[0] else rect.left, end[1]
