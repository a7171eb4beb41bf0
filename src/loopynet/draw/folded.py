"""The folded picture: every layer once, with loops as arcs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from loopynet.draw.diagram import Arrow, Block, Diagram, Line, Node
from loopynet.draw.texts import (
    arrows_note,
    input_lines,
    label_lines,
    layer_lines,
    merge_symbol,
    section_title,
    sections,
)
from loopynet.graph.nodes import INPUT, Edge, Graph


def fold(graph: Graph, wrap: int) -> Diagram:
    """Return a network's folded picture, options in lines of `wrap` characters."""
    nodes = [Node(INPUT, "input", input_lines(graph), INPUT)]
    for name in graph.main:
        nodes += [merge_node(edge, edge.name, 0, graph) for edge in graph.edges_into(name)]
        nodes.append(layer_node(graph, name, name, 0, wrap))
    chain = pairwise(nodes)
    main = [Arrow("main", "", a.id, (b.id,), leaves=a.slot, enters=b.slot) for a, b in chain]
    edges = [_arrow(graph, edge, wrap) for edge in graph.loops + graph.skips]
    note = arrows_note(graph)
    return Diagram(
        title=graph.name,
        notes=(note,) if note else (),
        unrolled=False,
        tied=graph.tied,
        rows=1,
        blocks=tuple(_blocks(graph)),
        nodes={node.id: node for node in nodes},
        arrows=(*main, *edges),
    )


def layer_node(graph: Graph, name: str, label: str, row: int, wrap: int | None) -> Node:
    """Return a layer's box; its color is that of all that have its weights."""
    layer = graph.layers[name]
    every_unroll = [n for n, node in graph.layers.items() if node.section == "body"]
    owner = graph.shared.get(name, name)
    same = [owner, *(n for n, other in graph.shared.items() if other == owner)]
    color = next((every_unroll.index(n) for n in same if n in every_unroll), None)
    lines = layer_lines(layer, label, wrap)
    return Node(label, "layer", lines, name, row, layer.section, color)


def merge_node(edge: Edge, label: str, row: int, graph: Graph) -> Node:
    """Return the circle in which an edge joins its target."""
    symbol: Line = (merge_symbol(edge.merge), "mark")
    return Node(label, "merge", (symbol,), edge.name, row, graph.section_of(edge.target))


def slots(graph: Graph, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the places of layers, each behind those of the merges before it."""
    return tuple(
        slot for name in names for slot in (*(e.name for e in graph.edges_into(name)), name)
    )


def _blocks(graph: Graph) -> Iterator[Block]:
    for section, names in sections(graph):
        title = section_title(graph, section) if graph.body else None
        yield Block(section, slots(graph, names), (title,))


def _arrow(graph: Graph, edge: Edge, wrap: int) -> Arrow:
    return Arrow(
        edge.kind,
        edge.name,
        edge.source,
        (edge.name,),
        label=label_lines(edge),
        through=tuple(layer_node(graph, name, name, 0, wrap) for name in edge.through),
        leaves=edge.source,
        enters=edge.name,
    )
