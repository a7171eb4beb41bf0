"""A drawing of the folded network, put together from its columns and made to fit a width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from loopynet.describe.glyphs import ASCII, UNICODE, Glyphs
from loopynet.describe.gutter import draw_arcs
from loopynet.describe.rows import Port, Row, arc_rows, drawing_rows
from loopynet.describe.stack import layer_column, merge_column, stack_column
from loopynet.describe.words import Detail, edge_words, route_words
from loopynet.graph.nodes import Edge, Graph

Labels = Literal["words", "names", "numbers"]


@dataclass(frozen=True)
class Level:
    """How much a drawing says.

    Attributes:
        labels: of the arcs: all words, the edges' names, or numbers.
        detail: what is said of each layer.
        longest_name: where layers' names are cut off.
    """

    labels: Labels
    detail: Detail
    longest_name: int = 64


# What a drawing gives up until it fits. Edges' names are kept longer than the layers' norms: a
# number has to be looked up.
_LEVELS = (
    Level("words", Detail.ALL),
    Level("names", Detail.ALL),
    Level("words", Detail.OPTIONS),
    Level("names", Detail.OPTIONS),
    Level("names", Detail.SIZE),
    Level("numbers", Detail.OPTIONS),
    Level("numbers", Detail.SIZE),
    Level("numbers", Detail.TYPE),
    Level("numbers", Detail.TYPE, 24),
    Level("numbers", Detail.TYPE, 12),
)


@dataclass(frozen=True)
class Drawing:
    """A drawing in parts, so that each can be printed in a style of its own.

    Attributes:
        rows: what each line shows.
        left: labels and arcs of the loops, with the main stack's line.
        middle: the layers.
        right: arcs and labels of the skips.
        labels: how much the labels say.
        legend: a line for each edge that says what the labels leave out.
    """

    rows: tuple[Row, ...]
    left: tuple[str, ...]
    middle: tuple[str, ...]
    right: tuple[str, ...]
    labels: Labels
    legend: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """The drawing's lines without the legend."""
        parts = zip(self.left, self.middle, self.right, strict=True)
        return ["".join(part).rstrip() for part in parts]

    @property
    def width(self) -> int:
        """The length of the longest line."""
        return max(map(len, self.lines))


def draw(graph: Graph, *, unicode: bool, width: int) -> Drawing:
    """Return the drawing that says most of those that fit the width; the narrowest if none does."""
    glyphs = UNICODE if unicode else ASCII
    rows = drawing_rows(graph)
    for level in _LEVELS:
        drawing = _draw(graph, rows, glyphs, level)
        if drawing.width <= width:
            break
    return drawing


def _draw(graph: Graph, rows: Sequence[Row], glyphs: Glyphs, level: Level) -> Drawing:
    labels = _labels(graph, level.labels)
    return Drawing(
        rows=tuple(rows),
        left=_left(graph, rows, glyphs, labels),
        middle=tuple(layer_column(graph, rows, glyphs, level.detail, level.longest_name)),
        right=_right(graph, rows, glyphs, labels),
        labels=level.labels,
        legend=tuple(glyphs.text(line) for line in _legend(graph, labels)),
    )


def _labels(graph: Graph, labels: Labels) -> dict[str, str]:
    """Return the label of each edge by the edge's name; loops are numbered first."""
    edges = graph.loops + graph.skips
    if labels == "numbers":
        return {edge.name: str(i) for i, edge in enumerate(edges, 1)}
    return {edge.name: edge_words(edge) if labels == "words" else edge.name for edge in edges}


def _legend(graph: Graph, labels: Mapping[str, str]) -> list[str]:
    """Return a line for each edge: label, name, route and options."""
    heads = [
        labels[e.name] if labels[e.name] == e.name else f"{labels[e.name]:>2} {e.name}"
        for e in graph.loops + graph.skips
    ]
    width = max(map(len, heads), default=0)
    edges = zip(heads, graph.loops + graph.skips, strict=True)
    return [f"{head:<{width}}  {route_words(edge)}" for head, edge in edges]


def _left(
    graph: Graph, rows: Sequence[Row], glyphs: Glyphs, labels: Mapping[str, str]
) -> tuple[str, ...]:
    arcs = _arcs(rows, graph.loops, glyphs.left)
    texts = _target_labels([row.left for row in rows], labels)
    width = max(map(len, texts)) + any(texts)
    lines = []
    for row, text, arc, stack in zip(rows, texts, arcs, stack_column(rows, glyphs), strict=True):
        head = f"{text} ".rjust(width)[:width] + arc[::-1]
        # No loop reaches out of its section: a section's rule has the whole left side.
        lines.append((glyphs.rule * len(head) if row.kind == "section" else head) + stack)
    return tuple(lines)


def _right(
    graph: Graph, rows: Sequence[Row], glyphs: Glyphs, labels: Mapping[str, str]
) -> tuple[str, ...]:
    arcs = _arcs(rows, graph.skips, glyphs.right)
    texts = _target_labels([row.right for row in rows], labels)
    merges = merge_column(rows, glyphs)
    lines = zip(merges, arcs, texts, strict=True)
    return tuple(f"{merge}{arc} {text}".rstrip() for merge, arc, text in lines)


def _arcs(rows: Sequence[Row], edges: Sequence[Edge], cells: Mapping[int, str]) -> list[str]:
    return draw_arcs([arc_rows(rows, edge) for edge in edges], len(rows), cells)


def _target_labels(ports: Sequence[Port | None], labels: Mapping[str, str]) -> list[str]:
    """Return the label of the arc that ends in each row."""
    return [labels[port.edge.name] if port and port.end == "in" else "" for port in ports]
