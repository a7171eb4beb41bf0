"""Drawings of networks, for pages."""

from __future__ import annotations

import json
from collections.abc import Sequence

from markupsafe import Markup

from loopynet.draw.files import picture
from loopynet.draw.texts import description
from loopynet.graph import build_graph
from loopynet.graph.nodes import Graph
from loopynet.page import details, drawing
from loopynet.spec import NetworkSpec
from loopynet.spec.write import resolved_document

MANY = 6
"""From so many networks on, a page hides their drawings until they are asked for."""


def network_drawings(spec: NetworkSpec) -> Markup:
    """Return a network folded and, if it has loops, unrolled."""
    graph = build_graph(spec)
    return _folded(graph) + (_unrolled(graph) if graph.loops else Markup(""))


def all_drawings(rows: Sequence[tuple[str, NetworkSpec]]) -> Markup:
    """Return the drawings of networks, each of those that are alike but for their training once.

    Args:
        rows: label and spec.
    """
    known: dict[str, tuple[list[str], NetworkSpec]] = {}
    for label, spec in rows:
        known.setdefault(_structure(spec), ([], spec))[0].append(label)
    parts = []
    for labels, spec in known.values():
        graph = build_graph(spec)
        name = graph.name if len(labels) > 1 else labels[0]
        unrolled = _unrolled(graph) if graph.loops else Markup("")
        if len(known) >= MANY:
            parts.append(details(name, _folded(graph) + unrolled))
        else:
            hidden = details(f"{name}, unrolled", unrolled) if unrolled else Markup("")
            parts.append(_folded(graph) + hidden)
    return Markup("\n").join(parts)


def _structure(spec: NetworkSpec) -> str:
    document = resolved_document(spec)
    for key in ("training", "data"):
        document.pop(key)
    return json.dumps(document, sort_keys=True)


def _folded(graph: Graph) -> Markup:
    return drawing(picture(graph, "svg", unrolled=False).decode(), description(graph),
                   f"{graph.name}, folded")  # fmt: skip


def _unrolled(graph: Graph) -> Markup:
    said = f"{graph.name} with its {graph.steps} unrolls drawn one after the other."
    return drawing(picture(graph, "svg", unrolled=True).decode(), said, f"{graph.name}, unrolled")
