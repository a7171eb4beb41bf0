"""A network as the text of a Mermaid flowchart, which GitHub and many editors draw."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise

from loopynet.draw.compose import diagram
from loopynet.draw.diagram import Diagram, Line, Node
from loopynet.draw.palette import BORDER, LINES, layer_color
from loopynet.graph.nodes import Graph

_LONGEST_ACROSS = 6
"""Layers of a main stack that runs to the right; longer ones run down."""

_SHAPES = dict.fromkeys(("merge", "absent", "start", "zero"), '(("{}"))')
_LINKS = {"main": "-->", "loop": "-.->", "skip": "==>"}
_ESCAPED = re.compile(r"[#&<>\"+*`\\]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|^[-\d]")
"""What Mermaid or the Markdown in its labels would read as more than a character."""


def mermaid(graph: Graph, unrolled: bool = False) -> str:
    """Return a network as a Mermaid flowchart.

    Loops are dotted arrows and skips thick ones. The layers on them stand in the section that
    computes them.

    Args:
        graph: the network.
        unrolled: show every unroll, and not one pass with loops as arrows back.
    """
    shown = diagram(graph, unrolled)
    ids = {node.id: f"n{i}" for i, node in enumerate(shown.every_node())}
    direction = "LR" if len(graph.main) <= _LONGEST_ACROSS else "TB"
    lines = ["---", f'title: "{shown.title}"', "---", f"flowchart {direction}"]
    lines += [
        f"  {line}" for line in (*_nodes(shown, ids), *_links(shown, ids), *_styles(shown, ids))
    ]
    return "\n".join(lines) + "\n"


def _nodes(shown: Diagram, ids: Mapping[str, str]) -> Iterator[str]:
    """Yield the nodes, those of a section or an unroll in a subgraph."""
    titles = {
        (block.section, row): title
        for block in shown.blocks
        for row, title in enumerate(block.titles)
    }
    groups: dict[str | None, list[str]] = {}
    for node in shown.every_node():
        alone = node.kind in ("input", "omitted")
        title = None if alone else titles.get((node.section, node.row))
        groups.setdefault(title, []).append(ids[node.id] + _shape(node))
    yield from groups.pop(None, [])
    for i, (title, nodes) in enumerate(groups.items()):
        yield f'subgraph s{i}["{escape(title or "")}"]'
        yield from (f"  {node}" for node in nodes)
        yield "end"


def _shape(node: Node) -> str:
    return _SHAPES.get(node.kind, '["{}"]').format(_text(node.lines))


def _text(lines: tuple[Line, ...]) -> str:
    """Return lines as a label, a name in bold."""
    texts = [(escape(text), style) for text, style in lines]
    return "<br/>".join(f"<b>{t}</b>" if style == "name" else t for t, style in texts) or " "


def escape(text: str) -> str:
    """Return a text for a quoted label, special characters as Mermaid's numbered entities."""
    return _ESCAPED.sub(lambda match: f"#{ord(match[0])};", text)


def _links(shown: Diagram, ids: Mapping[str, str]) -> Iterator[str]:
    """Yield the arrows, then their colors by their numbers."""
    kinds = []
    for arrow in shown.arrows:
        way = [ids[arrow.source], *(ids[node.id] for node in arrow.through)]
        pairs = [*pairwise(way), *((way[-1], ids[t]) for t in arrow.targets)]
        for i, (a, b) in enumerate(pairs):
            said = arrow.label and (i == 0 or not arrow.through)
            label = f'|"{_text(arrow.label)}"|' if said else ""
            yield f"{a} {_LINKS[arrow.kind]}{label} {b}"
            kinds.append(arrow.kind)
    for kind in ("loop", "skip"):
        numbers = [str(i) for i, each in enumerate(kinds) if each == kind]
        if numbers:
            yield f"linkStyle {','.join(numbers)} stroke:{LINES[kind]}"


def _styles(shown: Diagram, ids: Mapping[str, str]) -> Iterator[str]:
    """Yield the colors of layers: fills where copies share their weights, else outlines."""
    for number in sorted({node.color for node in shown.every_node() if node.color is not None}):
        color = layer_color(number)
        style = f"fill:{color},stroke:{BORDER}" if shown.tied else f"fill:#FFFFFF,stroke:{color}"
        names = [ids[node.id] for node in shown.every_node() if node.color == number]
        yield f"classDef layer{number} {style},color:#000000"
        yield f"class {','.join(names)} layer{number}"
    waiting = [ids[node.id] for node in shown.every_node() if node.kind == "absent"]
    if waiting:
        yield "classDef absent stroke-dasharray:2 2"
        yield f"class {','.join(waiting)} absent"
