"""What `loopynet measure` left in a run folder, as a section of `explain.html`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from markupsafe import Markup

from loopynet.errors import RunError
from loopynet.foreign import read_bytes, read_text
from loopynet.page import Section, paragraph, picture, table

LARGEST_FIGURE = 10_000_000
"""Bytes of a figure."""

FIGURE_WORDS = {
    "dynamics": "Accuracy, loss and confidence at each unroll",
    "movement": "How far the looped layers move from unroll to unroll",
    "gradients": "The length of each unroll's part of the gradients",
    "linearity": "What linear filters of the image leave unexplained at each unroll",
    "faithfulness": "Deletion and insertion curves of the maps",
}


def measured_section(folder: Path) -> Section | None:
    """Return the tables and figures of a measurement; None if there is none.

    Args:
        folder: with `measurements.md`, as `loopynet.explain.markdown` writes it, and figures.

    Raises:
        RunError: a file is damaged.
    """
    file = folder / "measurements.md"
    if not file.is_file():
        return None
    try:
        parts = [*_elements(read_text(file)), *_figures(folder)]
    except ValueError as error:
        raise RunError(f"{file}: is damaged ({error}); run `loopynet measure` again") from None
    return Section("Measurements", Markup("\n").join(parts))


def _elements(page: str) -> Iterator[Markup]:
    """Give the tables and paragraphs of a page; a table is named by the heading above it."""
    name = ""
    for block in filter(None, (block.strip() for block in page.split("\n\n"))):
        if block.startswith("| "):
            head, _, *rows = (
                [cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()
            )
            yield table(head, rows, name)
        elif block.startswith("#"):
            name = block.lstrip("# ")
        else:
            yield paragraph(block)


def _figures(folder: Path) -> Iterator[Markup]:
    for name, words in FIGURE_WORDS.items():
        file = folder / f"{name}.png"
        if file.is_file():
            yield picture(read_bytes(file, LARGEST_FIGURE), words, words)
