"""Inference of every shape, the loops' included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from loopynet.errors import SpecError
from loopynet.graph.nodes import INPUT
from loopynet.parts.merges import MergePart, merges
from loopynet.parts.shape import Shape, ShapeError, padded_shape, show
from loopynet.spec.network import NetworkSpec
from loopynet.spec.wiring import Skip


@dataclass
class Shapes:
    """The shapes of one network; what is missing has not been inferred yet.

    Attributes:
        inputs: of each layer, after merges.
        outputs: of each layer and of `input`.
        raw: of each edge's signal after its layers.
        fitted: of each edge's signal after fitting.
        before: of each edge's target's input before its merge.
        merged: the same after it.
    """

    inputs: dict[str, Shape] = field(default_factory=dict)
    outputs: dict[str, Shape] = field(default_factory=dict)
    raw: dict[str, Shape] = field(default_factory=dict)
    fitted: dict[str, Shape] = field(default_factory=dict)
    before: dict[str, Shape] = field(default_factory=dict)
    merged: dict[str, Shape] = field(default_factory=dict)


def infer_shapes(spec: NetworkSpec, *, loops: bool) -> Shapes:
    """Return all shapes of a network, with or without its loops.

    A concatenated signal widens its target's input, and a layer such as pooling passes that on,
    perhaps to the loop's own source: shapes are inferred until they stay.

    Raises:
        SpecError: a layer or merge cannot take what it gets, with the key's path.
    """
    edges: dict[str, tuple[str, Skip]] = {
        name: ("skips", skip) for name, skip in spec.skips.items()
    }
    if loops:
        edges |= {name: ("loops", loop) for name, loop in spec.loops.items()}
    known: dict[str, Shape] = {}
    for _ in range(len(spec.main) + 2):
        shapes = _one_pass(spec, edges, known, final=False)
        if shapes.raw == known:
            return _one_pass(spec, edges, known, final=True)
        before, known = known, shapes.raw
    grower = next(name for name in spec.loops if known[name] != before[name])
    raise SpecError(
        "makes its own signal wider at every pass; put a conv2d or dense layer inside the loop",
        ("loops", grower),
    )


def _one_pass(
    spec: NetworkSpec,
    edges: Mapping[str, tuple[str, Skip]],
    known: Mapping[str, Shape],
    *,
    final: bool,
) -> Shapes:
    """Infer shapes once through the main stack, with the signals' shapes as known so far."""
    shapes = Shapes()
    x: Shape = tuple(spec.input.shape)
    shapes.outputs[INPUT] = x
    for name in spec.main:
        for edge_name, (kind, edge) in edges.items():
            if edge.to == name and edge_name in known:
                x = _merge(shapes, kind, edge_name, edge, x, known[edge_name], final=final)
        x = _layer(spec, shapes, name, x, final=final)
    for edge_name, (_, edge) in edges.items():
        signal = shapes.outputs[edge.from_]
        for layer in edge.through:
            signal = _layer(spec, shapes, layer, signal, final=final)
        shapes.raw[edge_name] = signal
    return shapes


def _layer(spec: NetworkSpec, shapes: Shapes, name: str, x: Shape, *, final: bool) -> Shape:
    layer = spec.layers[name]
    shapes.inputs[name] = x
    try:
        if final:
            layer.check(x)
        shapes.outputs[name] = layer.output_shape(x)
    except ShapeError as error:
        raise SpecError(str(error), ("layers", name)) from None
    return shapes.outputs[name]


def _merge(
    shapes: Shapes, kind: str, name: str, edge: Skip, x: Shape, signal: Shape, *, final: bool
) -> Shape:
    part = merges.get(edge.merge)
    fitted = fit_shape(part, edge, x, signal)
    if fitted is None:
        if not final:
            return x
        raise SpecError(_misfit(part, edge, x, signal), (kind, name))
    shapes.before[name], shapes.fitted[name] = x, fitted
    shapes.merged[name] = part.shape(x, fitted)
    return shapes.merged[name]


def fit_shape(part: MergePart, edge: Skip, x: Shape, signal: Shape) -> Shape | None:
    """Return the signal's shape after fitting to a target's input x, or None."""
    if part.fits(x, signal):
        return signal
    if edge.fit == "project":
        return x
    if edge.fit == "resize" and len(x) == len(signal) == 3:
        resized = (signal[0], *x[1:])
        return resized if part.fits(x, resized) else None
    if edge.fit == "pad":
        padded = padded_shape(signal, part.wanted(x, signal))
        return padded if padded is not None and part.fits(x, padded) else None
    return None


def _misfit(part: MergePart, edge: Skip, x: Shape, signal: Shape) -> str:
    through = f" through {', '.join(edge.through)}" if edge.through else ""
    resizable = len(x) == len(signal) == 3 and part.fits(x, (signal[0], *x[1:]))
    remedy = "fit: resize or fit: project" if resizable else "fit: project"
    return (
        f'the signal from "{edge.from_}"{through} is {show(signal)} and the input of "{edge.to}" '
        f"is {show(x)}, which merge: {edge.merge} cannot join; write {remedy}, or change the layers"
    )
