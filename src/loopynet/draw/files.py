"""A network's picture as a file; the ending of its name is the format."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import matplotlib as mpl

from loopynet.draw.compose import compose
from loopynet.draw.measure import FAMILY
from loopynet.draw.mermaid import mermaid
from loopynet.draw.paint import paint
from loopynet.draw.texts import description
from loopynet.errors import SpecError
from loopynet.foreign import write_whole
from loopynet.graph.nodes import Graph

PICTURES = ("svg", "png", "pdf")
TEXTS = ("mmd", "mermaid")

_DOTS_PER_INCH = 200

_SETTINGS: dict[Any, Any] = {
    "font.sans-serif": [FAMILY, "Verdana", "sans-serif"],
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "loopynet",  # else ids are random
    "pdf.fonttype": 42,
    "path.simplify": False,
}

_METADATA: dict[str, dict[str, str | None]] = {
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}
"""What matplotlib would write of itself and of the date, left out."""


def draw(graph: Graph, file: Path, *, unrolled: bool = False) -> None:
    """Draw a network into a file: .svg, .png, .pdf, or .mmd or .mermaid for Mermaid's text.

    The same network gives the same bytes, with the same version of matplotlib.

    Args:
        graph: the network.
        file: where to write; an existing file is replaced.
        unrolled: draw every unroll, and not one pass with loops as arcs.

    Raises:
        SpecError: the file's ending is none of these.
    """
    kind = file.suffix.lower().removeprefix(".")
    if kind in TEXTS:
        write_whole(file, mermaid(graph, unrolled))
    elif kind in PICTURES:
        write_whole(file, picture(graph, kind, unrolled))
    else:
        known = ", ".join(f".{ending}" for ending in PICTURES + TEXTS)
        raise SpecError(f'"{file.name}" has none of the endings of pictures: {known}')


def picture(graph: Graph, kind: str, unrolled: bool) -> bytes:
    """Return a network's picture in one of `PICTURES`."""
    stream = io.BytesIO()
    with settings():
        figure = paint(compose(graph, unrolled))
        dpi = _DOTS_PER_INCH if kind == "png" else 72
        figure.savefig(stream, format=kind, dpi=dpi, metadata=_METADATA[kind])
    if kind == "svg":
        return _with_title(stream.getvalue().decode(), graph, unrolled).encode()
    return stream.getvalue()


@contextmanager
def settings() -> Iterator[None]:
    """Set what matplotlib needs for our pictures, for a while; a user's style moves nothing."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        yield


def _with_title(svg: str, graph: Graph, unrolled: bool) -> str:
    """Return an SVG with a title and a description, which screen readers say."""
    start = svg.index("<svg ")
    end = svg.index(">", start)
    title = f"<title>{escape(graph.name)}{', unrolled' if unrolled else ''}</title>"
    text = f"<desc>{escape(description(graph))}</desc>"
    return f'{svg[:end]} role="img">\n {title}\n {text}{svg[end + 1 :]}'
