"""A network in words, numbers and a drawing, read from its graph. Start with `render.py`."""

from loopynet.describe.render import render
from loopynet.describe.tables import (
    EdgeRow,
    LayerRow,
    Summary,
    edge_rows,
    layer_rows,
    summarize,
)
from loopynet.describe.text import draw_text

__all__ = [
    "EdgeRow",
    "LayerRow",
    "Summary",
    "draw_text",
    "edge_rows",
    "layer_rows",
    "render",
    "summarize",
]
