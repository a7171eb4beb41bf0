"""Which column each arc of a drawing takes: as few columns and crossings as can be had cheaply."""

from __future__ import annotations

from collections.abc import Sequence

Span = tuple[int, int]
"""The first and the last row of an arc."""


def assign_columns(spans: Sequence[Span]) -> list[int]:
    """Return a column for each span, 0 nearest to the layers; overlapping spans get different ones.

    No assignment has fewer columns. Among those tried, the one with the fewest crossings is taken,
    then the one that stays nearest to the layers.
    """
    every = range(len(spans))
    deepest = max((sum(overlap(s, (row, row)) for s in spans) for row, _ in spans), default=0)
    inwards = range(deepest - 1, -1, -1)
    found = [
        _fit(spans, sorted(every, key=lambda i: spans[i][1] - spans[i][0]), every),
        _fit(spans, sorted(every, key=lambda i: spans[i][0]), inwards),
        _fit(spans, sorted(every, key=lambda i: -spans[i][1]), inwards),
    ]
    return min(found, key=lambda columns: _price(spans, columns))


def overlap(a: Span, b: Span) -> bool:
    """Say whether two spans share a row."""
    return a[0] <= b[1] and b[0] <= a[1]


def crossings(spans: Sequence[Span], columns: Sequence[int]) -> int:
    """Return how many arcs the arcs' horizontal ends cross on their way to the layers."""
    return sum(
        columns[j] < columns[i] and spans[j][0] < row < spans[j][1]
        for i, span in enumerate(spans)
        for row in span
        for j in range(len(spans))
    )


def _price(spans: Sequence[Span], columns: Sequence[int]) -> tuple[int, int, int]:
    return max(columns, default=-1), crossings(spans, columns), sum(columns)


def _fit(spans: Sequence[Span], order: Sequence[int], choices: Sequence[int]) -> list[int]:
    """Give each span in turn the first of the choices that no span beside it has.

    In the order of first or last rows, as many columns as spans share a row are always enough.
    """
    columns = [-1] * len(spans)
    for i in order:
        taken = {c for c, s in zip(columns, spans, strict=True) if overlap(s, spans[i])}
        columns[i] = next(c for c in choices if c not in taken)
    return columns
