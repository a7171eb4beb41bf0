"""The arcs on one side of a drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from loopynet.describe.columns import Span, assign_columns
from loopynet.describe.glyphs import DOWN, IN, OUT, UP


def draw_arcs(spans: Sequence[Span], height: int, glyphs: Mapping[int, str]) -> list[str]:
    """Return each row's part of the arcs, the cell next to the layers first, all equally long.

    Arcs stand two cells apart. An arc's first and last row lead to the layers; no two spans may
    end in the same row.
    """
    columns = assign_columns(spans)
    width = 2 * max(columns, default=-1) + 2
    cells = [[0] * width for _ in range(height)]
    for (top, bottom), column in zip(spans, columns, strict=True):
        x = 2 * column + 1
        for row in range(top, bottom + 1):
            cells[row][x] |= (UP if row > top else 0) | (DOWN if row < bottom else 0)
        for row in (top, bottom):
            cells[row][x] |= IN
            for inner in range(x):
                cells[row][inner] |= IN | OUT
    return ["".join(glyphs[cell] for cell in row) for row in cells]
