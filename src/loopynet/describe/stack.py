"""The main stack of a drawing: its line with the merges, the layers' texts, their right ends."""

from __future__ import annotations

from collections.abc import Sequence

from loopynet.describe.glyphs import Glyphs
from loopynet.describe.rows import Port, Row
from loopynet.describe.words import Detail, layer_words, merge_mark, section_words
from loopynet.graph.nodes import INPUT, Graph
from loopynet.parts.shape import show


def stack_column(rows: Sequence[Row], glyphs: Glyphs) -> list[str]:
    """Return each row's part of the stack's line, with the merges of loops on it."""
    marks = [_mark(row.left, glyphs) for row in rows]
    after = max(map(len, marks)) // 2
    width = max(len(mark) - len(mark) // 2 + after for mark in marks) + any(marks)
    return [
        _stack_cell(row, mark, glyphs, width, after) for row, mark in zip(rows, marks, strict=True)
    ]


def layer_column(
    graph: Graph, rows: Sequence[Row], glyphs: Glyphs, detail: Detail, longest_name: int
) -> list[str]:
    """Return each row's name, words and shape in aligned columns, or its line to the right."""
    cells = [_layer_cells(graph, row, detail, longest_name) for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(3)]
    width = sum(widths) + 2 * (len([w for w in widths if w]) - 1) + 2
    return [
        _layer_line(graph, row, texts, widths, glyphs).ljust(width, _filler(row, glyphs))
        for row, texts in zip(rows, cells, strict=True)
    ]


def merge_column(rows: Sequence[Row], glyphs: Glyphs) -> list[str]:
    """Return each row's merge of a skip with its arrow, or the line on which a skip leaves."""
    marks = [_mark(row.right, glyphs) for row in rows]
    ends = [mark + glyphs.into_right if mark else "" for mark in marks]
    width = max(map(len, ends))
    return [
        end.ljust(width, glyphs.line if row.right else " ")
        for row, end in zip(rows, ends, strict=True)
    ]


def _mark(port: Port | None, glyphs: Glyphs) -> str:
    return glyphs.text(merge_mark(port.edge.merge)) if port and port.end == "in" else ""


def _stack_cell(row: Row, mark: str, glyphs: Glyphs, width: int, after: int) -> str:
    """Return a row's cell: `after` characters stand to the right of the stack's line."""
    before = glyphs.line if row.left else " "
    behind = glyphs.line if row.kind == "port" and row.right else " "
    if row.kind == "section":
        before = behind = glyphs.rule
    if mark:
        text = (glyphs.into_left + mark).rjust(width - after + len(mark) // 2, before)
    else:
        text = _node(row, glyphs).rjust(width - after, before)
    return text.ljust(width, behind)


def _node(row: Row, glyphs: Glyphs) -> str:
    """Return the character on the stack's line where no loop joins."""
    to_left, to_right, to_both = glyphs.leaves
    if row.kind == "layer":
        return glyphs.layer
    if row.kind == "input":
        return glyphs.source
    if row.left and row.right:
        return to_both
    return to_left if row.left else to_right if row.right else glyphs.stack


def _layer_cells(graph: Graph, row: Row, detail: Detail, longest_name: int) -> tuple[str, str, str]:
    """Return a layer's name, words and output shape; nothing for a row without a layer."""
    if row.kind not in ("input", "layer"):
        return "", "", ""
    name = row.name if len(row.name) <= longest_name else row.name[: longest_name - 1] + "…"
    words = "" if row.name == INPUT else layer_words(graph.layers[row.name], detail)
    return name, words, show(graph.shape_of(row.name))


def _layer_line(
    graph: Graph, row: Row, texts: Sequence[str], widths: Sequence[int], glyphs: Glyphs
) -> str:
    if row.kind == "section":
        return f"{glyphs.rule} {section_words(graph, row.section)} "
    if row.kind == "port":
        return ""
    cells = zip(texts, widths, strict=True)
    text = "  ".join(text.ljust(width) for text, width in cells if width)
    return glyphs.text(f" {text.rstrip()} ")


def _filler(row: Row, glyphs: Glyphs) -> str:
    """Return what fills a row to the right: a line to a skip, a section's rule, or space."""
    if row.kind == "section":
        return glyphs.rule
    reaches_stack = row.kind == "port" and row.right is not None
    leaves = row.right is not None and row.right.end == "out"
    return glyphs.line if reaches_stack or leaves else " "
