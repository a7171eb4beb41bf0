"""Receptive fields in the input image, from the graph: they grow with the unrolls."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from loopynet.graph import Edge, Graph, LayerNode
from loopynet.graph.nodes import INPUT
from loopynet.parts.layers import (
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Identity,
    LocalResponseNorm,
    Maxout,
    Norm,
    Pool2d,
    Scale,
    Upsample,
)
from loopynet.parts.shape import pair


@dataclass(frozen=True)
class Axis:
    """Output o depends on the inputs step * o + low to step * o + high, along one axis."""

    step: Fraction
    low: Fraction
    high: Fraction

    def through(self, step: Fraction, low: Fraction, high: Fraction) -> Axis:
        """Return the field of an operation on this: its o reads step * o + low to ... + high."""
        return Axis(self.step * step, self.step * low + self.low, self.step * high + self.high)


Field = tuple[Axis, Axis] | None
"""Rows and columns; None for the whole image."""

_POINT = Axis(Fraction(1), Fraction(0), Fraction(0))
_WIDTHS = {"nearest": Fraction(1, 2), "bilinear": Fraction(1), "bicubic": Fraction(2)}


def receptive_fields(graph: Graph, unrolls: int | None = None) -> dict[str, Field]:
    """Return the field of each layer and merge at each unroll, by names such as conv_1@2.

    Fields are not cut at the border of the image. Dense layers, global pooling, group and layer
    norm, layers of types that are not known here, and merges of signals with different steps have
    the whole image.

    Args:
        graph: of a network.
        unrolls: how many; the graph's own if None.
    """
    count = unrolls or graph.steps
    fields: dict[str, Field] = {}
    point: Field = (_POINT, _POINT) if len(graph.input_shape) == 3 else None
    now: dict[str, Field] = {INPUT: point}  # of each layer's latest run
    sent: dict[tuple[str, int], Field] = {}
    for t in range(1, count + 1):
        names = (*(graph.trunk if t == 1 else ()), *graph.body, *graph.head)
        for name in names:
            field = now[_before(graph, name)]
            for edge in graph.edges_into(name):
                field = _merged(field, _arriving(graph, edge, now, sent, t), edge)
                fields[f"{edge.name}@{t}"] = field
            now[name] = fields[f"{name}@{t}"] = _after(graph.layers[name], field)
        for edge in graph.loops:
            sent[edge.name, t] = _signal(graph, edge, now[edge.source])
    return fields


def _before(graph: Graph, name: str) -> str:
    place = graph.main.index(name)
    return graph.main[place - 1] if place else INPUT


class _Absent:
    """A signal that is not there."""


def _arriving(
    graph: Graph,
    edge: Edge,
    now: Mapping[str, Field],
    sent: Mapping[tuple[str, int], Field],
    t: int,
) -> Field | type[_Absent]:
    if edge.kind == "skip":
        return _signal(graph, edge, now[edge.source])
    return sent.get((edge.name, t - edge.delay), _Absent)


def _signal(graph: Graph, edge: Edge, field: Field) -> Field:
    for name in edge.through:
        field = _after(graph.layers[name], field)
    if len(edge.raw_shape) != 3 or len(edge.signal_shape) != 3:
        return None
    if edge.raw_shape[1:] != edge.signal_shape[1:]:
        ratios = list(zip(edge.raw_shape[1:], edge.signal_shape[1:], strict=True))
        if edge.pad:
            return _subsampled(field, [-(-a // b) for a, b in ratios])
        return _resized(field, [Fraction(a, b) for a, b in ratios], Fraction(1))
    return field


def _merged(field: Field, signal: Field | type[_Absent], edge: Edge) -> Field:
    """Return the union; a gate and the like work position by position."""
    if isinstance(signal, type):
        return field
    if field is None or signal is None:
        return None
    if any(a.step != b.step for a, b in zip(field, signal, strict=True)):
        return None
    rows, columns = (
        Axis(a.step, min(a.low, b.low), max(a.high, b.high))
        for a, b in zip(field, signal, strict=True)
    )
    return rows, columns


def _after(node: LayerNode, field: Field) -> Field:
    """Return the field of a layer's output, from that of its input."""
    if field is None or node.norm.type in ("group", "layer"):
        return None
    spec, shape = node.spec, node.input_shape
    if isinstance(spec, Conv2d | Pool2d):
        spans = spec.spans() if isinstance(spec, Conv2d) else pair(spec.size)
        strides = pair(spec.stride or spec.size) if isinstance(spec, Pool2d) else pair(spec.stride)
        rows, columns = (
            axis.through(Fraction(s), Fraction(-m[0]), Fraction(span - 1 - m[0]))
            for axis, s, m, span in zip(field, strides, spec.margins(shape), spans, strict=True)
        )
        return rows, columns
    if isinstance(spec, ConvTranspose2d):
        rows, columns = (
            axis.through(Fraction(1, s), Fraction(c[0] - span + 1, s), Fraction(c[0], s))
            for axis, s, c, span in zip(
                field, pair(spec.stride), spec.crops(), spec.spans(), strict=True
            )
        )
        return rows, columns
    if isinstance(spec, Upsample):
        return _resized(field, [Fraction(1, s) for s in pair(spec.scale)], _WIDTHS[spec.mode])
    same = Identity | Maxout | Dropout | Norm | LocalResponseNorm | Scale
    pointwise = isinstance(spec, same)
    return field if pointwise else None


def _subsampled(field: Field, strides: list[int]) -> Field:
    """Return the field of every s-th position."""
    if field is None:
        return None
    rows, columns = (
        axis.through(Fraction(s), Fraction(0), Fraction(0))
        for axis, s in zip(field, strides, strict=True)
    )
    return rows, columns


def _resized(field: Field, ratios: list[Fraction], width: Fraction) -> Field:
    """Return the field of interpolation: o reads (o + 1/2) ratio - 1/2, and `width` beside it."""
    if field is None:
        return None
    rows, columns = (
        axis.through(r, (r - 1) / 2 - width, (r - 1) / 2 + width)
        for axis, r in zip(field, ratios, strict=True)
    )
    return rows, columns


def window(axis: Axis) -> tuple[int, int]:
    """Return the whole numbers (low, high) that bound the field about step * o."""
    return math.ceil(axis.low), math.floor(axis.high)
