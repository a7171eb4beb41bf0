"""From a graph to its scene: the diagram laid out to the right or down, with heading and notes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from loopynet.draw.diagram import Diagram, Node
from loopynet.draw.folded import fold
from loopynet.draw.layout import lay_out, panel_rect, shapes
from loopynet.draw.measure import size
from loopynet.draw.routing import route
from loopynet.draw.scene import Background, Corner, Rect, Scene, Shape
from loopynet.draw.strokes import strokes
from loopynet.draw.unrolled import unroll
from loopynet.graph.nodes import Graph

WIDEST = 760.0
"""Where the stack would be longer it runs down the page and not to the right."""

MARGIN = 8.0
_WRAP = {False: 26, True: 56}
"""The characters in a line of options in a stack to the right, and in one that runs down."""


def diagram(graph: Graph, unrolled: bool, down: bool = False) -> Diagram:
    """Return what a picture shows; a network without loops has nothing to unroll."""
    return unroll(graph) if unrolled and graph.body else fold(graph, _WRAP[down])


def compose(graph: Graph, unrolled: bool) -> Scene:
    """Return a network's picture with all distances."""
    for down in (False, True):
        shown = diagram(graph, unrolled, down)
        scene = _frame(_content(shown, down), shown)
        if scene.width <= WIDEST:
            break
    return scene


def _content(shown: Diagram, down: bool) -> Scene:
    """Return the picture without heading and notes; it may begin anywhere."""
    layout = lay_out(route(shown), down)
    turn = _Turn(down)
    placed = list(shapes(layout))
    rects = {shape.node.id: shape.rect for shape in placed}
    wires = layout.grid.wires
    return Scene(
        width=0,
        height=0,
        tied=shown.tied,
        backgrounds=tuple(
            Background(panel.kind, turn.rect(panel_rect(layout, panel)))
            for panel in layout.grid.panels
        ),
        strokes=tuple(
            replace(line, points=tuple(map(turn.corner, line.points)))
            for wire in wires
            for line in strokes(layout, rects, wire)
        ),
        dots=tuple((w.kind, turn.corner(layout.at(w.points[0]))) for w in wires if w.dot),
        shapes=tuple(Shape(s.node, turn.rect(s.rect), s.turned and down) for s in placed),
    )


@dataclass(frozen=True)
class _Turn:
    """Coordinates along and across the stack as those of a page."""

    down: bool

    def corner(self, corner: Corner) -> Corner:
        return (corner[1], corner[0]) if self.down else corner

    def rect(self, rect: Rect) -> Rect:
        return Rect(rect.top, rect.left, rect.bottom, rect.right) if self.down else rect


def _frame(content: Scene, shown: Diagram) -> Scene:
    """Return the scene moved below its heading, with notes below it and margins around."""
    heading = Node("heading", "heading", ((shown.title, "heading"),))
    notes = Node("notes", "note", tuple((note, "note") for note in shown.notes))
    bounds = _bounds(content)
    top = MARGIN + size(heading)[1] + MARGIN
    bottom = top + bounds.bottom - bounds.top
    moved = _moved(content, MARGIN - bounds.left, top - bounds.top)
    texts = [_text(heading, MARGIN)] + [_text(notes, bottom + MARGIN)] * bool(notes.lines)
    right = max(MARGIN + bounds.right - bounds.left, *(text.rect.right for text in texts))
    below = max(bottom, texts[-1].rect.bottom)
    return replace(
        moved,
        width=math.ceil(right + MARGIN),
        height=math.ceil(below + MARGIN),
        shapes=(*moved.shapes, *texts),
    )


def _text(node: Node, top: float) -> Shape:
    width, height = size(node)
    return Shape(node, Rect(MARGIN, top, MARGIN + width, top + height))


def _moved(scene: Scene, across: float, down: float) -> Scene:
    """Return a scene at another place."""

    def corner(point: Corner) -> Corner:
        return point[0] + across, point[1] + down

    def rect(r: Rect) -> Rect:
        return Rect(r.left + across, r.top + down, r.right + across, r.bottom + down)

    return replace(
        scene,
        backgrounds=tuple(replace(b, rect=rect(b.rect)) for b in scene.backgrounds),
        strokes=tuple(replace(s, points=tuple(map(corner, s.points))) for s in scene.strokes),
        dots=tuple((kind, corner(point)) for kind, point in scene.dots),
        shapes=tuple(replace(s, rect=rect(s.rect)) for s in scene.shapes),
    )


def _bounds(scene: Scene) -> Rect:
    corners = [corner for stroke in scene.strokes for corner in stroke.points]
    for rect in (*(s.rect for s in scene.shapes), *(b.rect for b in scene.backgrounds)):
        corners += [(rect.left, rect.top), (rect.right, rect.bottom)]
    across, down = zip(*corners, strict=True)
    return Rect(min(across), min(down), max(across), max(down))
