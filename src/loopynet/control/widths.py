"""Which widths of a network are free to change, and which must change together.

A width is the number of a layer's output channels, or features of a vector. The channels that reach
a place in the network are followed as shares of widths: half of conv_1 after a maxout with two
pieces, all of conv_1 and all of conv_2 after a concatenation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm

from loopynet.graph.nodes import INPUT, Edge, Graph, LayerNode
from loopynet.parts.layers import LayerSpec, Maxout
from loopynet.spec.network import NetworkSpec

Channels = dict[str, Fraction]
"""Shares of widths by the layer that makes them; under INPUT, a number that cannot change."""


@dataclass(frozen=True)
class Setting:
    """An option of a layer that follows a width.

    Attributes:
        layer: the layer's name.
        key: filters, units or groups.
        share: the option's value for a width of 1.
    """

    layer: str
    key: str
    share: Fraction


@dataclass(frozen=True)
class Width:
    """One number that can change, with every option that follows it.

    Attributes:
        value: the number as written in the spec.
        step: what it must be a multiple of, for groups and maxout pieces.
        settings: the options that follow it.
    """

    value: int
    step: int
    settings: tuple[Setting, ...]


def free_widths(graph: Graph) -> tuple[Width, ...]:
    """Return the widths of a network without loops that may change, in the main stack's order.

    The width that gives the logits is not free, nor one that must equal the input's channels or
    a mixture of widths, nor one at either end of a skip with `fit: pad`. Layers that a skip joins
    without a projection share one width. A depthwise convolution follows its input. Layers that
    share weights have equal widths, before and after.
    """
    found = _Found()
    at: dict[str, Channels] = {INPUT: {INPUT: Fraction(graph.input_shape[0])}}
    x = at[INPUT]
    for name in graph.main:
        for edge in graph.edges_into(name):
            signal = at[edge.source]
            for layer in edge.through:
                signal = _after_layer(found, graph.layers[layer], signal)
            x = _after_merge(found, edge, x, signal)
        x = at[name] = _after_layer(found, graph.layers[name], x)
    found.keep(x)  # the classes
    for name, owner in graph.shared.items():
        _share(found, graph, name, owner)
    return found.free()


def with_widths(spec: NetworkSpec, values: Mapping[Width, int]) -> dict[str, LayerSpec]:
    """Return a spec's layers with widths of these values."""
    layers = dict(spec.layers)
    for width, value in values.items():
        for each in width.settings:
            update = {each.key: int(each.share * value)}
            layers[each.layer] = layers[each.layer].model_copy(update=update)
    return layers


@dataclass
class _Found:
    """What is known of widths so far.

    Attributes:
        values: each width as written, by the layer that makes it.
        steps: what each must be a multiple of.
        settings: what follows each.
        same: a width that must equal another, and that other.
        kept: widths that must not change.
        ends: the channels that enter and leave each layer.
    """

    values: dict[str, int] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    settings: dict[str, list[Setting]] = field(default_factory=dict)
    same: dict[str, str] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    ends: dict[str, tuple[Channels, Channels]] = field(default_factory=dict)

    def add(self, layer: str, key: str, value: int) -> Channels:
        """Note a width of its own; return the channels it makes."""
        self.values[layer], self.steps[layer] = value, 1
        self.settings[layer] = [Setting(layer, key, Fraction(1))]
        return {layer: Fraction(1)}

    def keep(self, channels: Channels) -> None:
        """Note that a number of channels must not change."""
        self.kept |= set(channels)

    def divide(self, channels: Channels, divisor: int) -> None:
        """Note that a number of channels must stay a multiple of `divisor`."""
        sizes = {name: share * self.values.get(name, 1) for name, share in channels.items()}
        if any(each % divisor for each in sizes.values()):
            self.keep(channels)  # only the sum is a multiple
            return
        for name in channels.keys() - {INPUT}:
            part = channels[name] / divisor
            self.steps[name] = lcm(self.steps[name], part.denominator)

    def equate(self, a: Channels, b: Channels) -> None:
        """Note that two numbers of channels must stay equal."""
        a, b = self._roots(a), self._roots(b)
        if a == b:
            return
        (one, *more), (other, *others) = a, b
        if more or others or INPUT in (one, other) or a[one] != b[other]:
            self.keep(a)
            self.keep(b)
        else:
            self.same[other] = one

    def free(self) -> tuple[Width, ...]:
        """Return the widths that may change, those that must be equal as one."""
        groups: dict[str, list[str]] = {}
        for name in self.values:
            groups.setdefault(self._root(name), []).append(name)
        return tuple(
            Width(
                self.values[root],
                lcm(*(self.steps[name] for name in names)),
                tuple(each for name in names for each in self.settings[name]),
            )
            for root, names in groups.items()
            if self.kept.isdisjoint(names)
        )

    def _root(self, name: str) -> str:
        while name in self.same:
            name = self.same[name]
        return name

    def _roots(self, channels: Channels) -> Channels:
        return _added(*({self._root(name): share} for name, share in channels.items()))


def _after_merge(found: _Found, edge: Edge, x: Channels, signal: Channels) -> Channels:
    if edge.project:
        signal = x
    if edge.pad:  # the signal must not become the wider one
        found.keep(x)
        found.keep(signal)
    if not edge.merge_part.concatenates:
        if not edge.pad:
            found.equate(x, signal)
        return x
    return _added(x, signal)


def _added(*parts: Channels) -> Channels:
    total: Channels = {}
    for part in parts:
        for name, share in part.items():
            total[name] = total.get(name, Fraction(0)) + share
    return total


def _after_layer(found: _Found, node: LayerNode, x: Channels) -> Channels:
    key = width_key(node)
    result = _unweighted(found, node, x) if key is None else _weighted(found, node, key, x)
    if node.norm.type == "group" and node.norm.groups:
        found.divide(result, node.norm.groups)
    found.ends[node.name] = x, result
    return result


def _share(found: _Found, graph: Graph, name: str, owner: str) -> None:
    """Note that two layers have the same weights: what enters and leaves them stays equal."""
    if graph.layers[name].spec.type == graph.layers[owner].spec.type:
        for one, other in zip(found.ends[name], found.ends[owner], strict=True):
            found.equate(one, other)
    else:  # a transposed convolution, or a type of another package
        for channels in (*found.ends[name], *found.ends[owner]):
            found.keep(channels)


def width_key(node: LayerNode) -> str | None:
    """Return the option that sets a layer's output channels; None if it has none."""
    for key in ("filters", "units"):
        if getattr(node.spec, key, None) == node.output_shape[0]:
            return key
    return None


def _unweighted(found: _Found, node: LayerNode, x: Channels) -> Channels:
    if node.output_shape[0] == node.input_shape[0]:
        return x
    if isinstance(node.spec, Maxout):
        found.divide(x, node.spec.pieces)
        return {name: share / node.spec.pieces for name, share in x.items()}
    found.keep(x)  # a type of another package, which may do anything with channels
    return {INPUT: Fraction(node.output_shape[0])}


def _weighted(found: _Found, node: LayerNode, key: str, x: Channels) -> Channels:
    groups = getattr(node.spec, "groups", 1)
    if 1 < groups == node.input_shape[0]:
        return _depthwise(found, node, key, x)
    result = found.add(node.name, key, node.output_shape[0])
    if groups > 1:
        found.divide(x, groups)
        found.divide(result, groups)
    return result


def _depthwise(found: _Found, node: LayerNode, key: str, x: Channels) -> Channels:
    """One filter, or several, for each channel: filters and groups follow the input's width."""
    ratio = Fraction(node.output_shape[0], node.input_shape[0])
    maker, *others = x
    if others or maker == INPUT:
        found.keep(x)
        return {INPUT: Fraction(node.output_shape[0])}
    found.settings[maker] += [
        Setting(node.name, "groups", x[maker]),
        Setting(node.name, key, x[maker] * ratio),
    ]
    return {maker: x[maker] * ratio}
