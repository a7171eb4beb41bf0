"""Texts, lists and tables as HTML. Every text is escaped; Markup stays as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from markupsafe import Markup

_NUMBER = re.compile(r"(< )?[-+−]?\d[\d,./]*( ?(%|s|MiB|GiB|KiB))?( \([^a-z]*( to [^a-z]*)?\))?")


def heading(text: str) -> Markup:
    """Return a heading within a section."""
    return Markup("<h3>{}</h3>").format(text)


def paragraph(text: str) -> Markup:
    """Return a paragraph."""
    return Markup("<p>{}</p>").format(text)


def bullets(items: Iterable[str]) -> Markup:
    """Return a list; empty without items."""
    lines = Markup("").join(Markup("<li>{}</li>").format(item) for item in items)
    return Markup("<ul>{}</ul>").format(lines) if lines else Markup("")


def code(text: str) -> Markup:
    """Return a block of code or a command, with its line breaks; wide lines scroll in it."""
    return Markup('<pre class="scroll" tabindex="0"><code>{}</code></pre>').format(text)


def details(summary: str, body: str) -> Markup:
    """Return what a reader opens to see.

    Args:
        summary: the line that is always shown.
        body: what it hides: Markup, or plain text.
    """
    return Markup("<details><summary>{}</summary>{}</details>").format(summary, body)


def table(head: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> Markup:
    """Return a table that scrolls sideways in its own box where it is too wide.

    Args:
        head: the headings of the columns.
        rows: the cells; the first of each names its row. Figures stand to the right.
        caption: a line above it, which is the name of the box for screen readers.

    Raises:
        ValueError: a row has more or fewer cells than the head.
    """
    lines = [[cell if isinstance(cell, str) else str(cell) for cell in row] for row in rows]
    if any(len(line) != len(head) for line in lines):
        raise ValueError(f"a row has not the {len(head)} cells of the head")
    numeric = [i > 0 and _is_numeric([line[i] for line in lines]) for i in range(len(head))]
    top = _row(zip(["th"] * len(head), head, numeric, strict=True), ' scope="col"')
    kinds = ["th", *["td"] * (len(head) - 1)]
    below = Markup("\n").join(
        _row(zip(kinds, line, numeric, strict=True), ' scope="row"') for line in lines
    )
    above = Markup("<caption>{}</caption>").format(caption) if caption else ""
    return Markup(
        '<div class="scroll" role="region" aria-label="{}" tabindex="0">'
        "<table>{}<thead>{}</thead>\n<tbody>{}</tbody></table></div>"
    ).format(caption or head[0], above, top, below)


def _row(cells: Iterable[tuple[str, str, bool]], scope: str) -> Markup:
    parts = []
    for tag, text, numeric in cells:
        attributes = (scope if tag == "th" else "") + (' class="number"' if numeric else "")
        parts.append(Markup(f"<{tag}{attributes}>{{}}</{tag}>").format(text))
    return Markup("<tr>{}</tr>").format(Markup("").join(parts))


def _is_numeric(cells: Sequence[str]) -> bool:
    """Say whether a column has figures only."""
    filled = [cell for cell in cells if cell]
    return bool(filled) and all(_NUMBER.fullmatch(cell) for cell in filled)
