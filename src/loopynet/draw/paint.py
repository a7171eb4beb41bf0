"""A scene as a matplotlib figure, one unit a point."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, PathPatch, Polygon
from matplotlib.path import Path

from loopynet.draw.crossings import Crossing, crossings
from loopynet.draw.diagram import Node
from loopynet.draw.measure import FONTS, LEADING, text_height
from loopynet.draw.palette import BORDER, LINES, SECTIONS, layer_color
from loopynet.draw.scene import Corner, Rect, Scene, Shape, Stroke

_ROUNDING = 5.0
_GAP = 3.0
"""Of an interrupted line, on each side of the line that crosses it."""

_ARROW = (5.5, 2.4)
"""Length and half the width of an arrowhead."""


def paint(scene: Scene) -> Figure:
    """Return a scene as a figure."""
    figure = Figure(figsize=(scene.width / 72, scene.height / 72), dpi=72, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, scene.width), ylim=(scene.height, 0))
    axes.set_axis_off()
    for background in scene.backgrounds:
        _box(axes, background.rect, 4, SECTIONS[background.section], "none", 0)
    for stroke in scene.strokes:
        _stroke(axes, stroke)
    for crossing in crossings(scene.strokes):
        _bridge(axes, scene, crossing)
    for kind, center in scene.dots:
        axes.add_patch(Circle(center, 2, color=LINES[kind], linewidth=0))
    for shape in scene.shapes:
        _shape(axes, shape, scene.tied)
    return figure


def _shape(axes: Axes, shape: Shape, tied: bool) -> None:
    node, rect = shape.node, shape.rect
    if node.kind in ("merge", "absent", "start", "zero"):
        dotted = node.kind == "absent"
        color = BORDER if dotted else LINES["main"]
        line = ":" if dotted else "-"
        pill = PathPatch(_pill(rect), facecolor="white", edgecolor=color, lw=0.9, linestyle=line)
        axes.add_patch(pill)
    elif node.kind in ("layer", "input", "omitted"):
        fill = layer_color(node.color) if node.kind == "layer" else "white"
        if tied or node.color is None:
            _box(axes, rect, 3, fill, BORDER, 0.8, "--" if node.kind == "omitted" else "-")
        else:
            inner = Rect(rect.left + 1, rect.top + 1, rect.right - 1, rect.bottom - 1)
            _box(axes, inner, 3, "white", fill, 2)
    _text(axes, node, rect, shape.turned)


def _text(axes: Axes, node: Node, rect: Rect, turned: bool) -> None:
    """Write a node's lines into the middle of its rectangle, or from the left edge."""
    from_left = node.kind in ("heading", "note")
    x, y = rect.middle
    offset = -text_height(node.lines) / 2
    for text, style in node.lines:
        font = FONTS[style]
        baseline = offset + (LEADING / 2 + 0.36) * font.size
        offset += LEADING * font.size
        axes.text(
            x + baseline if turned else rect.left if from_left else x,
            y if turned else y + baseline,
            text,
            ha="left" if from_left else "center",
            va="baseline",
            rotation=90 if turned else 0,
            rotation_mode="anchor",
            family="sans-serif",
            size=font.size,
            weight=font.weight,
            color=font.color,
            parse_math=False,
        )


def _box(
    axes: Axes, rect: Rect, rounding: float, fill: str, edge: str, width: float, line: str = "-"
) -> None:
    box = FancyBboxPatch(
        (rect.left, rect.top),
        rect.right - rect.left,
        rect.bottom - rect.top,
        boxstyle=f"round,pad=0,rounding_size={rounding}",
        facecolor=fill,
        edgecolor=edge,
        linewidth=width,
        linestyle=line,
    )
    axes.add_patch(box)


def _pill(rect: Rect) -> Path:
    """Return two half circles and the lines between them."""
    radius = (rect.bottom - rect.top) / 2
    vertices: list[Corner] = []
    for start, x in ((90, rect.left + radius), (-90, rect.right - radius)):
        arc = np.asarray(Path.arc(start, start + 180).vertices)
        vertices += [(x + radius * cos, rect.middle[1] + radius * sin) for cos, sin in arc]
    curve = [Path.CURVE4] * (len(vertices) // 2 - 1)
    codes = [Path.MOVETO, *curve, Path.LINETO, *curve, Path.CLOSEPOLY]
    return Path([*vertices, vertices[0]], codes)


def _stroke(axes: Axes, stroke: Stroke) -> None:
    color = LINES[stroke.kind]
    points = list(stroke.points)
    if stroke.arrow:
        head, points[-1] = _arrowhead(points[-2], points[-1])
    path = _rounded(points)
    _line(axes, path, color)
    if stroke.arrow:
        axes.add_patch(Polygon(head, closed=True, facecolor=color, linewidth=0))


def _line(axes: Axes, path: Path, color: str) -> None:
    axes.add_patch(PathPatch(path, fill=False, edgecolor=color, linewidth=1.1, capstyle="butt"))


def _bridge(axes: Axes, scene: Scene, crossing: Crossing) -> None:
    """Interrupt the level line at a crossing, in the color of what is behind it."""
    x, y = crossing.point
    color = "white"
    for background in scene.backgrounds:
        rect = background.rect
        if rect.left < x < rect.right and rect.top < y < rect.bottom:
            color = SECTIONS[background.section]
    corners = [(x - _GAP, y - 1.2), (x + _GAP, y - 1.2), (x + _GAP, y + 1.2), (x - _GAP, y + 1.2)]
    axes.add_patch(Polygon(corners, closed=True, facecolor=color, linewidth=0))
    _line(axes, Path([(x, y - _GAP), (x, y + _GAP)]), LINES[crossing.over.kind])


def _rounded(points: Sequence[Corner]) -> Path:
    """Return a path whose corners are round."""
    vertices, codes = [points[0]], [Path.MOVETO]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        vertices += [_toward(corner, before), corner, _toward(corner, after)]
        codes += [Path.LINETO, Path.CURVE3, Path.CURVE3]
    return Path([*vertices, points[-1]], [*codes, Path.LINETO])


def _toward(corner: Corner, end: Corner) -> Corner:
    """Return the point where the rounding of a corner begins: at most half-way to the next one."""
    x, y = end[0] - corner[0], end[1] - corner[1]
    part = min(0.5, _ROUNDING / max(abs(x), abs(y), _ROUNDING))
    return corner[0] + part * x, corner[1] + part * y


def _arrowhead(before: Corner, tip: Corner) -> tuple[list[Corner], Corner]:
    """Return an arrowhead's triangle and the middle of its base, where the line ends."""
    length, half = _ARROW
    x, y = tip[0] - before[0], tip[1] - before[1]
    distance = abs(x) + abs(y)
    x, y = x / distance, y / distance
    base = tip[0] - length * x, tip[1] - length * y
    sides = [(base[0] - half * y, base[1] + half * x), (base[0] + half * y, base[1] - half * x)]
    return [tip, *sides], base
