"""The texts of a picture: what boxes, circles, arrows and backgrounds say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from loopynet.describe.words import (
    Detail,
    damping_words,
    delay_words,
    fit_words,
    layer_words,
    merge_mark,
    route_words,
    section_words,
)
from loopynet.draw.diagram import Line
from loopynet.graph.nodes import INPUT, Edge, Graph, LayerNode, Section
from loopynet.parts.shape import show

_MARKS = {"concat": "[ ]"}


def typeset(words: str) -> str:
    """Return words with a multiplication sign for the x between or before numbers."""
    return re.sub(r"(?<=\d)x(?=\d)|\bx(?=\d)", "×", words)


def layer_lines(node: LayerNode, name: str, wrap: int | None) -> tuple[Line, ...]:
    """Return a layer's name, its options in lines of `wrap` characters, if any, and its shape."""
    words = typeset(layer_words(node, Detail.ALL)).split(", ") if wrap else []
    options: list[Line] = [(line, "words") for line in _fill(words, wrap or 0)]
    return (name, "name"), *options, (show(node.output_shape), "shape")


def _fill(words: Sequence[str], width: int) -> list[str]:
    """Return lines of as many of the words as fit, with commas between them."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 2 + len(word) <= width:
            lines[-1] += f", {word}"
        else:
            lines.append(word)
    return [f"{line}," for line in lines[:-1]] + lines[-1:]


def input_lines(graph: Graph) -> tuple[Line, ...]:
    """Return the input's name and shape."""
    return (INPUT, "name"), (show(graph.input_shape), "shape")


def merge_symbol(merge: str) -> str:
    """Return a merge as its circle shows it: +, ×, [ ] or its name."""
    return _MARKS.get(merge) or merge_mark(merge)[1:-1]


def label_lines(edge: Edge) -> tuple[Line, ...]:
    """Return an edge's name and, on a second line, what its circle and its route do not show."""
    delay = delay_words(edge)
    initial = f"initial {edge.initial}" if edge.initial != "absent" else ""
    details = ", ".join(filter(None, (delay, damping_words(edge), fit_words(edge), initial)))
    name: Line = (edge.name, "label")
    return (name, (details, "label")) if details else (name,)


def sections(graph: Graph) -> Iterator[tuple[Section, tuple[str, ...]]]:
    """Yield the sections that have layers, with their names."""
    if graph.trunk:
        yield "trunk", graph.trunk
    if graph.body:
        yield "body", graph.body
    if graph.head:
        yield "head", graph.head


def section_title(graph: Graph, section: Section) -> str:
    """Return a section's name and how often it runs."""
    return typeset(section_words(graph, section))


def colors_note(graph: Graph) -> str:
    """Return what the colors of layers say of their weights."""
    if graph.tied:
        return "The copies of a layer have one color and share their weights."
    return "Untied weights: the copies of a layer share the color of their outline, nothing else."


def arrows_note(graph: Graph) -> str:
    """Return what the colors of arrows say; nothing for a network without edges."""
    said = ["Orange: loops."] * bool(graph.loops) + ["Blue: skips."] * bool(graph.skips)
    return " ".join(said)


def description(graph: Graph) -> str:
    """Return the whole network in sentences, for readers who do not see the picture."""
    layers = [f"{INPUT} {show(graph.input_shape)}"]
    for name in graph.main:
        node = graph.layers[name]
        layers.append(f"{name} ({layer_words(node)}) {show(node.output_shape)}")
    sentences = [f"Main stack: {'; '.join(layers)}."]
    for section, names in sections(graph):
        if graph.body:
            title = section_title(graph, section)
            sentences.append(f"{title.capitalize()}: {', '.join(names)}.")
    sentences += [f"{e.kind.capitalize()} {e.name}: {route_words(e)}." for e in graph.edges]
    return typeset(" ".join(sentences))
