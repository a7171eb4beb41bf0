"""What a network is allowed to be and its author hardly meant."""

from __future__ import annotations

from loopynet.graph.nodes import Graph
from loopynet.spec.network import NetworkSpec


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
    return found
