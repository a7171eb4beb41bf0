"""The cyclic graph of a network, resolved and checked, in pure Python. Start with `build.py`."""

from loopynet.graph.advice import advice
from loopynet.graph.build import build_graph
from loopynet.graph.costs import Costs, check_memory, costs
from loopynet.graph.nodes import Edge, Graph, LayerNode

__all__ = ["Costs", "Edge", "Graph", "LayerNode", "advice", "build_graph", "check_memory", "costs"]
