"""The folded network as text for a terminal."""

from __future__ import annotations

import textwrap

from loopynet.describe.drawing import draw
from loopynet.graph.nodes import Graph


def draw_text(graph: Graph, unicode: bool = True, width: int = 100) -> str:
    """Draw a network with its loops folded.

    The main stack runs from the input at the top to the logits, a row for each layer with its
    name, type, options and output shape. A loop is an arc on the left with its arrow at its
    target, a skip is one on the right; each stands beside the merge where it joins. Signals that
    join one layer stand in the order of merging, skips before loops where a row has both.

    Args:
        graph: the network.
        unicode: draw with box characters; otherwise with plain ASCII.
        width: the columns to fit into. Labels and options are shortened for it, and a legend
            below then says what the labels leave out. A network with very many edges may need
            more.

    Returns:
        The lines, without a newline at the end.
    """
    drawing = draw(graph, unicode=unicode, width=width)
    legend = drawing.legend if drawing.labels != "words" else ()
    wrapped = [
        text for line in legend for text in textwrap.wrap(line, width, subsequent_indent="    ")
    ]
    return "\n".join([*drawing.lines, *([""] if wrapped else []), *wrapped])
