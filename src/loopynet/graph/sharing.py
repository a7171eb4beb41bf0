"""Which layers use the weights of another one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from loopynet.errors import SpecError, did_you_mean
from loopynet.graph.nodes import Graph, LayerNode
from loopynet.parts.layers import WeightedLayerSpec
from loopynet.parts.shape import show
from loopynet.spec.network import NetworkSpec


def check_owners(spec: NetworkSpec) -> None:
    """Raise SpecError for a layer that names no other layer with weights of its own."""
    on_loop = {name: key for key, loop in spec.loops.items() for name in loop.through}
    for name, layer in spec.layers.items():
        owner = _owner(layer)
        if owner is not None:
            text = _wrong_owner(spec, name, owner, on_loop)
            if text:
                raise SpecError(text, ("layers", name, "weights_of"))


def _owner(layer: object) -> str | None:
    return layer.weights_of if isinstance(layer, WeightedLayerSpec) else None


def _wrong_owner(
    spec: NetworkSpec, name: str, owner: str, on_loop: Mapping[str, str]
) -> str | None:
    """Return why a layer cannot use the weights of `owner`; None if it can."""
    if owner == name:
        return "is the layer itself; name another one, or leave it out"
    if owner not in spec.layers:
        return f'no layer "{owner}".{did_you_mean(owner, spec.layers)}'
    other = spec.layers[owner]
    if not isinstance(other, WeightedLayerSpec):
        return f'"{owner}" is a layer of type {other.type}, which has no weights to share'
    if (root := _owner(other)) is not None:
        return f'"{owner}" uses the weights of "{root}" itself; name "{root}", or remove that there'
    if owner in on_loop and name not in on_loop:
        return (
            f'"{owner}" is on the loop "{on_loop[owner]}", and with unroll.steps: 1 it does not '
            f'exist; write weights_of: {name} at "{owner}", and nothing here'
        )
    return None


def with_sharing(layers: Mapping[str, LayerNode], *, tied: bool) -> dict[str, LayerNode]:
    """Return the layers, those that use the weights of another one knowing it.

    In an untied network every layer of the loopy section has weights of its own at each unroll, so
    that nothing outside uses them.

    Args:
        layers: all of a network that exist at its number of unrolls.
        tied: whether unrolls share their weights.

    Raises:
        SpecError: the weights of the two layers differ in shape.
    """
    found = dict(layers)
    for name, node in layers.items():
        owner = _owner(node.spec)
        if owner is None:
            continue
        _check_shapes(node, layers[owner])
        if tied or "body" not in (node.section, layers[owner].section):
            found[name] = replace(node, weights_of=owner)
    return found


def _check_shapes(node: LayerNode, owner: LayerNode) -> None:
    spec, other = node.spec, owner.spec
    assert isinstance(spec, WeightedLayerSpec)
    assert isinstance(other, WeightedLayerSpec)
    path = ("layers", node.name, "weights_of")
    needed, there = spec.weight_shape(node.input_shape), other.weight_shape(owner.input_shape)
    for each, shape in ((spec, needed), (other, there)):
        if shape is None:
            raise SpecError(f"layers of type {each.type} cannot share weights; leave it out", path)
    assert needed is not None
    assert there is not None
    if needed != there:
        raise SpecError(
            f'the weights of "{owner.name}" are {show(there)}, and those of this layer are '
            f"{show(needed)}; make them equal, or leave it out",
            path,
        )
    if spec.bias != other.bias:
        raise SpecError(
            f'"{owner.name}" has {"a" if other.bias else "no"} bias, and this layer has '
            f"{'one' if spec.bias else 'none'}; write the same at both",
            path,
        )
    numbers = [
        each.parameters(one.input_shape) - math.prod(needed)
        for each, one in ((spec, node), (other, owner))
    ]
    if numbers[0] != numbers[1]:  # a transposed convolution has its filters in the other place
        raise SpecError(
            f'"{owner.name}" has {numbers[1]} biases, and this layer needs {numbers[0]}; write '
            "bias: false at both",
            path,
        )


def check_bound(graph: Graph) -> None:
    """Raise SpecError if weights that `unroll.contract` would bound serve several layers.

    The bound of a weight is that of one layer's operation, on its input size and with its stride.
    """
    for name, owner in graph.shared.items():
        if "body" in (graph.layers[name].section, graph.layers[owner].section):
            raise SpecError(
                f'bounds each layer\'s weights by themselves, and "{name}" uses those of '
                f'"{owner}"; leave out contract or weights_of',
                ("unroll", "contract"),
            )
