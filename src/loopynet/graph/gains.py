"""How much one pass can enlarge a difference of the loops' signals, and the bound for its weights.

A layer whose weights have the operator norm b enlarges a difference by b at most, and so on along
every way from an arriving signal to a leaving one; ways that meet add up. So the passes' gains are
a matrix G(b), with a row for each loop's leaving signal and a column for each arriving one. A pass
enlarges no difference by more than |G(b)|, and `unroll.contract` asks that this is c at most.

Counted as 1: activations, whose slope is rarely more, and as what they are not: norms and products.
`graph/advice.py` says where that is wrong.
"""

from __future__ import annotations

import math

from loopynet.errors import SpecError
from loopynet.graph.nodes import Edge, Graph, LayerNode

LARGEST = 1e6


def weight_bound(graph: Graph, contract: float) -> float:
    """Return the operator norm that weights of the loopy section may have, found by bisection.

    Raises:
        SpecError: a loop passes no weights that could make it contract.
    """
    if pass_gain(graph, 0.0) >= contract:
        names = ", ".join(edge.name for edge in graph.loops)
        raise SpecError(
            f"is {contract:g}, and no bound of weights achieves it: on some way round the loops "
            f"({names}) there are none; add a layer with weights there, or leave contract out",
            ("unroll", "contract"),
        )
    low, high = 0.0, LARGEST
    for _ in range(200):
        middle = math.sqrt(max(low, 1e-12) * high)
        low, high = (middle, high) if pass_gain(graph, middle) <= contract else (low, middle)
    return low


def pass_gain(graph: Graph, bound: float) -> float:
    """Return a bound on |G|_2 for weights of norm `bound`: sqrt(|G|_1 |G|_inf)."""
    rows = [_column(graph, loop, bound) for loop in graph.loops]
    sums = (max(sum(row) for row in rows), max(sum(c) for c in zip(*rows, strict=True)))
    return math.sqrt(sums[0] * sums[1])


def _column(graph: Graph, arriving: Edge, bound: float) -> list[float]:
    """Return the gains from one loop's arriving signal to all that leave."""
    gain, at = 0.0, dict[str, float]()
    for name in graph.body:
        for edge in graph.edges_into(name):
            signal = 1.0 if edge is arriving else 0.0
            if edge.kind == "skip" and edge.source in at:
                signal = at[edge.source] * _edge_gain(graph, edge, bound)
            gain = edge.merge_part.gain * (gain + signal)
        gain *= _layer_gain(graph.layers[name], bound)
        at[name] = gain
    return [at[edge.source] * _edge_gain(graph, edge, bound) for edge in graph.loops]


def _layer_gain(node: LayerNode, bound: float) -> float:
    return bound if node.spec.weighted else node.spec.stretch(node.input_shape)


def _edge_gain(graph: Graph, edge: Edge, bound: float) -> float:
    """Return the gain of an edge's layers and of its fit."""
    gain = math.prod(_layer_gain(graph.layers[name], bound) for name in edge.through)
    images = len(edge.raw_shape) == len(edge.target_shape) == 3
    if edge.project:
        gain *= bound
        if len(edge.raw_shape) == 1 and len(edge.target_shape) == 3:  # spread over all positions
            gain *= math.sqrt(edge.target_shape[1] * edge.target_shape[2])
    if images and (edge.project or edge.resize):
        pairs = zip(edge.raw_shape[1:], edge.target_shape[1:], strict=True)
        gain *= math.prod(_resize_gain(n, m) for n, m in pairs)
    return gain


def _resize_gain(n: int, m: int) -> float:
    """Return a bound on the norm of bilinear interpolation from n to m points on a line."""
    shares = [0.0] * n  # the sum of each column; those of rows are 1
    for j in range(m):
        place = max((j + 0.5) * n / m - 0.5, 0.0)
        left = min(int(place), n - 1)
        shares[left] += 1 - (place - left)
        shares[min(left + 1, n - 1)] += place - left
    return math.sqrt(max(shares))
