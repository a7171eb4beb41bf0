"""What a network is allowed to be and its author hardly meant."""

from __future__ import annotations

from collections.abc import Iterator

from loopynet.graph.nodes import Graph
from loopynet.spec.network import NetworkSpec

FLAT = frozenset(
    {"linear", "relu", "relu6", "tanh", "sigmoid", "softplus", "softsign", "elu", "celu",
     "leaky_relu", "hard_tanh", "hard_sigmoid", "log_sigmoid", "soft_shrink", "tanh_shrink"}
)  # fmt: skip
"""Activations whose slope is 1 at most, with their usual options."""


def advice(spec: NetworkSpec, graph: Graph) -> list[str]:
    """Return a sentence for each thing that a user should look at again."""
    found = []
    if spec.loops and not graph.loops:
        names = ", ".join(spec.loops)
        found.append(f"loops not used ({names}), since unroll.steps is 1")
    if not spec.loops and spec.unroll.steps > 1:
        found.append(f"unroll.steps is {spec.unroll.steps}, and there are no loops to unroll")
    last = graph.main[-1]
    activation = spec.layers[last].activation.name
    if activation not in ("linear", "log_softmax"):
        found.append(f'the logits of "{last}" pass a {activation}, which limits what they can say')
    idle = unread_copies(graph)
    if idle:
        found.append(
            f"copies that never train, since the logits of unroll {graph.steps} do not depend on "
            f"them: {', '.join(idle)}; write readout: each, or unroll.tied: true"
        )
    loose = list(_unbounded(graph))
    if loose:
        found.append(
            f"unroll.contract bounds weights, and not what else enlarges differences in the loopy "
            f"section: {', '.join(loose)}; the loops may not contract"
        )
    return found


def unread_copies(graph: Graph) -> list[str]:
    """Return the copies with weights (conv_2@3) that no logits of the readout depend on."""
    if graph.tied or graph.readout == "each":
        return []
    read = _read_by_last(graph)
    return [
        f"{node.name}@{t}"
        for node in graph.layers.values()
        if node.section == "body" and node.spec.weighted
        for t in graph.layer_times(node)
        if (node.on_edge or node.name, t) not in read
    ]


def _read_by_last(graph: Graph) -> set[tuple[str, int]]:
    """Return the layers and edges, with their unrolls, that the last unroll's logits depend on."""
    found: set[tuple[str, int]] = set()
    first = graph.timetable.first
    open_ = [(name, graph.steps) for name in graph.timetable.read if name in first]
    while open_:
        name, t = open_.pop()
        t = graph.timetable.stood(name, t)
        if (name, t) in found or t < first[name]:
            continue
        found.add((name, t))
        place = graph.body.index(name)
        if place:
            open_.append((graph.body[place - 1], t - graph.delays.get(name, 0)))
        for edge in graph.edges_into(name):
            if edge.source not in first:
                continue
            sent = graph.timetable.stood(edge.source, t - edge.delay)
            for when in range(first[edge.source] if edge.damping < 1 else sent, sent + 1):
                if when >= first[edge.source]:
                    found.add((edge.name, when))
                    open_.append((edge.source, when))
    return found


def _unbounded(graph: Graph) -> Iterator[str]:
    """Yield what is in the way of `unroll.contract`."""
    if graph.weight_bound is None:
        return
    for node in graph.layers.values():
        if node.section != "body":
            continue
        if node.norm.type != "none":
            yield f"{node.norm.type} norm ({node.name})"
        if node.spec.activation.name not in FLAT:
            yield f"{node.spec.activation.name} ({node.name})"
    for edge in graph.edges:
        if not edge.merge_part.bounded and edge.target in graph.body:
            yield f"merge: {edge.merge} ({edge.name})"
