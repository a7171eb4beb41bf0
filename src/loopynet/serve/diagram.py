"""The folded drawing of a network, on which layers and merges can be chosen."""

from __future__ import annotations

from functools import lru_cache

from markupsafe import Markup

from loopynet.draw.compose import compose
from loopynet.draw.files import picture
from loopynet.draw.texts import description
from loopynet.graph import build_graph
from loopynet.graph.nodes import Graph
from loopynet.page.pictures import inline
from loopynet.serve.painting import MATPLOTLIB
from loopynet.spec import NetworkSpec, parse_spec, to_yaml

CHOSEN = ("layer", "merge")
"""The kinds of nodes that can be chosen."""


def diagram(spec: NetworkSpec, chosen: str = "", *, clickable: bool = True) -> Markup:
    """Return a network's drawing.

    Args:
        spec: the network.
        chosen: the layer or merge that is marked.
        clickable: whether its layers and merges are buttons.

    Raises:
        SpecError: it is no network that can be built.
    """
    drawn, places = _drawn(to_yaml(spec, resolved=True))
    if not clickable:
        return Markup('<div class="paper">{}</div>').format(drawn)
    head, end = drawn[: -len("</svg>")], Markup("</svg>")
    buttons = Markup("").join(
        Markup(
            '<rect class="pick" data-layer="{}" x="{}" y="{}" width="{}" height="{}" rx="4" '
            'tabindex="0" role="button" aria-pressed="{}" aria-label="{}"></rect>'
        ).format(name, *rect, "true" if name == chosen else "false", f"{kind} {name}")
        for name, kind, rect in places
    )
    return Markup('<div class="paper">{}{}{}</div>').format(head, buttons, end)


Place = tuple[str, str, tuple[float, float, float, float]]
"""The name of a layer or merge, which of them it is, and left, top, width, height in points."""


@lru_cache(maxsize=32)
def _drawn(document: str) -> tuple[Markup, tuple[Place, ...]]:
    graph = build_graph(parse_spec(document))
    with MATPLOTLIB:
        svg = picture(graph, "svg", False).decode()
    return inline(svg, description(graph), "group"), tuple(_places(graph))


def _places(graph: Graph) -> list[Place]:
    """Return where layers and merges are, the layers on loops too."""
    found: list[Place] = []
    for shape in compose(graph, False).shapes:
        if shape.node.kind in CHOSEN:
            left, top, right, bottom = shape.rect
            place = (left, top, right - left, bottom - top)
            found.append((shape.node.id, shape.node.kind, place))
    return found
