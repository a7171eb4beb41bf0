"""Comparisons: a grid of runs, done once each, and what they show. Start with `grid.py`."""

from loopynet.compare.cells import Cell, CellFolder, find_cells
from loopynet.compare.clusters import run_on
from loopynet.compare.grid import grid
from loopynet.compare.run_cells import run_cells
from loopynet.compare.summarize import contrast, summarize
from loopynet.compare.summary import Difference, Row, Summary
from loopynet.compare.table import markdown_tables, plain_summary

__all__ = [
    "Cell",
    "CellFolder",
    "Difference",
    "Row",
    "Summary",
    "contrast",
    "find_cells",
    "grid",
    "markdown_tables",
    "plain_summary",
    "run_cells",
    "run_on",
    "summarize",
]
