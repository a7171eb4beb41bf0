"""The modules of a network by name, tied or one copy for each unroll."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from torch import Tensor, nn

from loopynet.graph import Graph
from loopynet.modules.contraction import contract
from loopynet.modules.merge import Project
from loopynet.modules.sharing import borrow
from loopynet.network.edge import Fit, Merge
from loopynet.network.layer import Layer
from loopynet.parts.shape import size
from loopynet.spec import NetworkSpec


def build_layers(graph: Graph) -> dict[str, nn.Module]:
    """Return every layer by its name, or by `name@t` for each unroll of an untied one."""
    modules: dict[str, nn.Module] = {}
    for node in graph.layers.values():
        times = graph.layer_times(node)
        if graph.untied(node.section):
            modules |= {f"{node.name}@{t}": Layer(node, (t,)) for t in times}
        else:
            modules[node.name] = Layer(node, times)
    for name, owner in graph.shared.items():
        modules[name].op = borrow(
            cast(nn.Module, modules[name].op), cast(nn.Module, modules[owner].op)
        )
    return modules


def bound_weights(graph: Graph, layers: nn.ModuleDict, fits: nn.ModuleDict) -> None:
    """Bound the weights of the loopy section, if `unroll.contract` asks for it."""
    if graph.weight_bound is None:
        return
    for name, module in layers.items():
        node = graph.layers[name.partition("@")[0]]
        if node.section == "body" and node.spec.weighted:
            contract(cast(nn.Module, module.op), node.input_shape, graph.weight_bound)
    edges = {edge.name: edge for edge in graph.edges if edge.project and edge.section == "body"}
    for name, module in fits.items():
        if (edge := edges.get(name.partition("@")[0])) is not None:
            assert isinstance(module.op, Project)
            inputs = edge.raw_shape
            flat = (size(inputs),) if module.op.flatten else inputs
            contract(module.op.mix, flat, graph.weight_bound)


def build_fits(graph: Graph) -> dict[str, nn.Module]:
    """Return what brings each edge's signal into shape, by name as for layers."""
    modules: dict[str, nn.Module] = {}
    for edge in graph.edges:
        if graph.untied(edge.section):
            modules |= {f"{edge.name}@{t}": Fit(edge) for t in graph.signal_times(edge)}
        else:
            modules[edge.name] = Fit(edge)
    return modules


def build_merges(graph: Graph) -> dict[str, nn.Module]:
    """Return what joins each edge's signal to its target's input, by name as for layers."""
    modules: dict[str, nn.Module] = {}
    for edge in graph.edges:
        if graph.untied(graph.section_of(edge.target)):
            modules |= {f"{edge.name}@{t}": Merge(edge) for t in graph.merge_times(edge)}
        else:
            modules[edge.name] = Merge(edge)
    return modules


def untied_spec(spec: NetworkSpec) -> NetworkSpec:
    """Return the description of the untied network."""
    unroll = spec.unroll.model_copy(update={"tied": False})
    return spec.model_copy(update={"unroll": unroll})


def untied_state(
    wanted: Mapping[str, Tensor],
    tied: Mapping[str, Tensor],
    layers: nn.ModuleDict,
    shared: Mapping[str, str],
) -> dict[str, Tensor]:
    """Return the state of an untied network whose copies have the tied network's values.

    Args:
        wanted: any state of the untied network.
        tied: the tied network's state.
        layers: the tied network's layers.
        shared: those of them that use the weights of another one, and that one.
    """
    return {key: _tied_value(key, value, tied, layers, shared) for key, value in wanted.items()}


def _tied_value(
    key: str,
    like: Tensor,
    tied: Mapping[str, Tensor],
    layers: nn.ModuleDict,
    shared: Mapping[str, str],
) -> Tensor:
    """Return the tied network's value for an untied key such as layers.conv_1@2.norm.weight."""
    if key in tied:
        return tied[key]
    before, at, after = key.partition("@")
    step, _, rest = after.partition(".")
    single = f"{before}.{rest}" if at else key
    name = single.split(".")[1]
    if single not in tied:  # the weights of another layer, perhaps behind padding of its own
        own, end = f"layers.{shared[name]}.op.", single.rpartition(".")[2]
        single = next(k for k in tied if k.startswith(own) and k.endswith(f".{end}"))
    value = tied[single]
    if value.shape == like.shape or not at:
        return value
    layer = layers[name]
    assert isinstance(layer, Layer)
    index = layer.norm_set(int(step)) - 1  # a norm's sets of numbers, one for each unroll
    return value[index : index + 1]
