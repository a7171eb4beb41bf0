"""How large texts and nodes are, in points."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from loopynet.draw.diagram import Line, Node, Style

FAMILY = "DejaVu Sans"
"""Comes with matplotlib. Its letters are wide: boxes are large enough for what a viewer may have
in its place."""


class Font(NamedTuple):
    """How a line is written: size in points, weight and color."""

    size: float
    weight: str
    color: str


FONTS: dict[Style, Font] = {
    "name": Font(8.5, "bold", "#1a1a1a"),
    "words": Font(7, "normal", "#1a1a1a"),
    "shape": Font(7, "normal", "#333333"),
    "mark": Font(7.5, "bold", "#1a1a1a"),
    "label": Font(7, "normal", "#1a1a1a"),
    "title": Font(7.5, "bold", "#5a6470"),
    "heading": Font(10, "bold", "#1a1a1a"),
    "note": Font(7, "normal", "#555555"),
}

LEADING = 1.3
"""The height of a line in sizes of its font."""

_PADDING = {"layer": (7, 4), "input": (7, 4), "omitted": (7, 4), "label": (2.5, 2)}
_CIRCLE = 17.0
_CIRCLES = ("merge", "absent", "start", "zero")


def size(node: Node) -> tuple[float, float]:
    """Return a node's width and height."""
    width = max((text_width(line) for line in node.lines), default=0.0)
    if node.kind not in _CIRCLES:
        across, down = _PADDING.get(node.kind, (0, 0))
        return width + 2 * across, text_height(node.lines) + 2 * down
    return max(_CIRCLE, width + 9), _CIRCLE


@lru_cache(maxsize=4096)
def text_width(line: Line) -> float:
    """Return how wide a line is."""
    text, style = line
    font = FONTS[style]
    properties = FontProperties(family=FAMILY, size=font.size, weight=font.weight)
    width, _, _ = text_to_path.get_text_width_height_descent(text, properties, ismath=False)
    return float(width)


def text_height(lines: Sequence[Line]) -> float:
    """Return how high lines are together."""
    return sum(LEADING * FONTS[style].size for _, style in lines)
