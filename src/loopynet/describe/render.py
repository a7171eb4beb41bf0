"""A network's description on a rich console: drawing, tables and totals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from loopynet.describe.drawing import Drawing, draw
from loopynet.describe.tables import (
    EdgeRow,
    LayerRow,
    Summary,
    edge_rows,
    layer_rows,
    summarize,
)
from loopynet.graph.nodes import Graph
from loopynet.parts.shape import show

R = TypeVar("R")

_LOOPS, _SKIPS, _QUIET = "cyan", "magenta", "bright_black"


@dataclass(frozen=True)
class _Column(Generic[R]):
    """One column of a table of R.

    Attributes:
        title: its header.
        cell: a row's text.
        rank: 0 stays at any width; the column of the highest rank is left out first.
        right: whether it is aligned to the right.
        least: the width that its texts may be wrapped to; None for never.
    """

    title: str
    cell: Callable[[R], str]
    rank: int = 0
    right: bool = False
    least: int | None = None


_WRAPPING_RANK = 3
"""Columns of a higher rank are left out before texts are wrapped, the others only after that."""

_NARROWEST = 6
"""The width that any column may be broken to where nothing else helps."""


def _delay(row: EdgeRow) -> str:
    """Return the unrolls that an edge takes, or after which section it is read."""
    return f"after section {row.after}" if row.after else f"{row.delay}" if row.delay else ""


_LAYER_COLUMNS: tuple[_Column[LayerRow], ...] = (
    _Column("layer", lambda r: r.name),
    _Column("on", lambda r: r.on_edge or "", rank=4),
    _Column("type and options", lambda r: r.summary, least=20),
    _Column("norm", lambda r: r.norm, rank=1),
    _Column("input", lambda r: show(r.input_shape), rank=8),
    _Column("output", lambda r: show(r.output_shape), rank=6),
    _Column("delay", lambda r: f"{r.delay}" if r.delay else "", rank=2, right=True),
    _Column("runs", lambda r: f"{r.runs:,}", right=True),
    _Column("params", lambda r: f"{r.parameters:,}", right=True),
    _Column("statistics", lambda r: f"{r.statistics:,}", rank=7, right=True),
    _Column("multiply-adds", lambda r: f"{r.multiply_adds:,}", rank=5, right=True),
    _Column("all runs", lambda r: f"{r.total_multiply_adds:,}", rank=2, right=True),
)

_EDGE_COLUMNS: tuple[_Column[EdgeRow], ...] = (
    _Column("edge", lambda r: r.name),
    _Column("kind", lambda r: r.kind, rank=4),
    _Column("from", lambda r: r.source),
    _Column("through", lambda r: ", ".join(r.through), least=12),
    _Column("to", lambda r: r.target),
    _Column("merge", lambda r: r.merge),
    _Column("fit", lambda r: r.fit, rank=2),
    _Column("delay", _delay, right=True),
    _Column("initial", lambda r: r.initial, rank=1),
    _Column("signal", lambda r: show(r.signal_shape), rank=5),
    _Column("params", lambda r: f"{r.parameters:,}", rank=3, right=True),
    _Column("all runs", lambda r: f"{r.total_multiply_adds:,}", rank=6, right=True),
)


def render(graph: Graph, console: Console, batch_size: int) -> None:
    """Print a network: the drawing, its layers, its loops and skips, and what it costs.

    A narrow console gets shorter labels and fewer columns; one that is no terminal, plain text.

    Args:
        graph: the network.
        console: where to print.
        batch_size: for the estimate of the memory that training needs.
    """
    drawing = draw(graph, unicode=not console.options.ascii_only, width=console.width)
    _line(console, Text(graph.name, style="bold"))
    console.print()
    for line in _styled(drawing):
        _line(console, line)
    console.print()
    console.print(_fitting(console, _LAYER_COLUMNS, layer_rows(graph)))
    console.print()
    edges = edge_rows(graph)
    if edges:
        console.print(_fitting(console, _edge_columns(drawing, edges), edges))
        console.print()
    console.print(_totals(summarize(graph, batch_size)))


def _line(console: Console, text: Text) -> None:
    """Print one line as it is; a drawing that is too wide is of more use than a broken one."""
    console.print(text, soft_wrap=True)


def _styled(drawing: Drawing) -> list[Text]:
    """Return the drawing's lines in color."""
    lines = [
        Text.assemble(
            (left, _QUIET if row.kind == "section" else _LOOPS),
            (middle, _QUIET if row.kind == "section" else ""),
            (right, _SKIPS),
        )
        for row, left, middle, right in zip(
            drawing.rows, drawing.left, drawing.middle, drawing.right, strict=True
        )
    ]
    for line in lines:
        line.rstrip()
    return lines


def _edge_columns(drawing: Drawing, edges: Sequence[EdgeRow]) -> list[_Column[EdgeRow]]:
    """Return the columns of the edges, with the drawing's numbers if it has numbers for names."""
    if drawing.labels != "numbers":
        return list(_EDGE_COLUMNS)
    numbers = {edge.name: str(i) for i, edge in enumerate(edges, 1)}
    return [_Column("", lambda r: numbers[r.name], right=True), *_EDGE_COLUMNS]


def _fitting(console: Console, columns: Sequence[_Column[R]], rows: Sequence[R]) -> Table:
    """Return the table with as many columns as the console has room for."""
    kept = [column for column in columns if any(map(column.cell, rows))]
    while True:
        last = max(kept, key=lambda column: column.rank)
        least = [_least(column, rows, wrapped=last.rank <= _WRAPPING_RANK) for column in kept]
        table = _table(kept, least, rows)
        if table.__rich_measure__(console, console.options).minimum <= console.width:
            return table
        if last.rank == 0:  # Names may be long: break even those.
            return _table(kept, [min(width, _NARROWEST) for width in least], rows)
        kept.remove(last)


def _least(column: _Column[R], rows: Sequence[R], *, wrapped: bool) -> int:
    """Return the width that a column needs at least."""
    longest = max(len(column.title), *(len(column.cell(row)) for row in rows))
    return min(column.least, longest) if wrapped and column.least else longest


def _table(columns: Sequence[_Column[R]], least: Sequence[int], rows: Sequence[R]) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
        header_style="bold",
    )
    for column, width in zip(columns, least, strict=True):
        justify: Literal["left", "right"] = "right" if column.right else "left"
        table.add_column(column.title, justify=justify, min_width=width, overflow="fold")
    for row in rows:
        table.add_row(*(Text(column.cell(row)) for column in columns))
    return table


def _totals(summary: Summary) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    stored = f"{summary.numbers:,} with {summary.statistics:,} running statistics"
    table.add_row("parameters", f"{summary.parameters:,}", stored if summary.statistics else "")
    table.add_row("multiply-adds", f"{summary.multiply_adds:,}", _work(summary))
    table.add_row(
        "memory",
        summary.training_memory,
        f"estimate for training with batches of {summary.batch_size:,}",
    )
    return table


def _work(summary: Summary) -> str:
    """Return how the multiply-adds of one sample come about."""
    if summary.steps == 1:
        return "per sample"
    if summary.sections > 1:  # their unrolls differ
        return f"per sample; {summary.ratio:.2f} times k = 1"
    return (
        f"per sample, {summary.unroll_multiply_adds:,} per unroll; {summary.ratio:.2f} times k = 1"
    )
