"""From a NetworkSpec to its Graph: shapes, order, trunk, loopy section and head."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Literal

from loopynet.errors import SpecError
from loopynet.graph.gains import weight_bound
from loopynet.graph.nodes import INPUT, Edge, Graph, LayerNode, Section
from loopynet.graph.shapes import Shapes, infer_shapes
from loopynet.graph.sharing import check_bound, check_owners, with_sharing
from loopynet.graph.wiring import check_arrivals, check_depth, check_wiring
from loopynet.parts.layers import LayerSpec, Norm
from loopynet.parts.merges import merges
from loopynet.parts.norms import NormSpec
from loopynet.parts.shape import Shape, ShapeError, show
from loopynet.spec.network import NetworkSpec
from loopynet.spec.schedule import (
    chain_delays,
    ended_section,
    loopy_section,
    section_windows,
    skip_delay,
)
from loopynet.spec.wiring import Loop, Skip

Sections = dict[str, Section]


def build_graph(spec: NetworkSpec) -> Graph:
    """Resolve a spec into the graph that the network runs.

    With `unroll.steps: 1` the loops are left out, and so are the layers inside them.

    Raises:
        SpecError: the description is valid data but no valid network; its path names the key.
    """
    check_wiring(spec)
    check_owners(spec)
    loopy = spec.unroll.steps > 1 and bool(spec.loops)
    if loopy:
        check_depth(spec)
    shapes = infer_shapes(spec, loops=loopy)
    trunk, body, head = _split(spec, loopy)
    sections: Sections = {INPUT: "trunk"}
    sections |= dict.fromkeys(trunk, "trunk")
    sections |= dict.fromkeys(body, "body")
    sections |= dict.fromkeys(head, "head")
    skips = tuple(_edge("skip", n, s, spec, shapes, sections) for n, s in spec.skips.items())
    loops = tuple(
        _edge("loop", n, s, spec, shapes, sections) for n, s in spec.loops.items() if loopy
    )
    delays = chain_delays(spec) if loopy else {}
    layers = {n: _layer(spec, n, shapes, sections[n], delay=delays.get(n, 0)) for n in spec.main}
    for below, name in pairwise(body):
        layers[name] = replace(layers[name], after=ended_section(spec, below, name))
    for edge in skips + loops:
        for name in edge.through:
            layers[name] = _layer(spec, name, shapes, edge.section, on_edge=edge.name)
    _check_logits(spec, layers[spec.main[-1]])
    layers = with_sharing(layers, tied=spec.unroll.tied)
    graph = Graph(
        name=spec.name,
        input_shape=tuple(spec.input.shape),
        layers=layers,
        main=spec.main,
        trunk=trunk,
        body=body,
        head=head,
        loops=loops,
        skips=skips,
        steps=spec.unroll.steps if loopy else 1,
        tied=spec.unroll.tied,
        readout=spec.readout,
        schedule=spec.unroll.schedule,
        initial=spec.unroll.initial,
        sections=spec.unroll.sections if loopy else (),
        windows=section_windows(spec) if loopy else {},
    )
    check_arrivals(graph)
    if spec.unroll.contract is not None and graph.loops:
        check_bound(graph)
        graph = replace(graph, weight_bound=weight_bound(graph, spec.unroll.contract))
    return _with_runs(graph)


def _split(spec: NetworkSpec, loopy: bool) -> tuple[tuple[str, ...], ...]:
    """Split the main stack before the first and after the last layer that a loop touches."""
    if not loopy:
        return spec.main, (), ()
    body = loopy_section(spec)
    first = spec.main.index(body[0])
    return spec.main[:first], body, spec.main[first + len(body) :]


def _with_runs(graph: Graph) -> Graph:
    """Return the graph with the number of runs of each layer, which follows from all of it."""
    layers = {
        name: replace(node, runs=len(graph.layer_times(node)))
        for name, node in graph.layers.items()
    }
    return replace(graph, layers=layers)


def _layer(
    spec: NetworkSpec,
    name: str,
    shapes: Shapes,
    section: Section,
    *,
    on_edge: str | None = None,
    delay: int = 0,
) -> LayerNode:
    layer = spec.layers[name]
    norm = effective_norm(spec, name, layer)
    try:
        norm.check(shapes.outputs[name])
    except ShapeError as error:
        raise SpecError(str(error), ("layers", name)) from None
    return LayerNode(
        name=name,
        spec=layer,
        norm=norm,
        input_shape=shapes.inputs[name],
        output_shape=shapes.outputs[name],
        section=section,
        runs=0,  # until the whole graph is known
        on_edge=on_edge,
        delay=delay,
    )


def effective_norm(spec: NetworkSpec, name: str, layer: LayerSpec) -> NormSpec:
    """Return what normalizes a layer.

    Its own `norm` if it has one; else the network's, for every weighted layer but the last of the
    main stack, whose outputs are the logits.
    """
    if isinstance(layer, Norm):
        return layer.as_norm()
    if layer.norm is not None:
        return layer.norm
    return spec.norm if layer.weighted and name != spec.main[-1] else NormSpec()


def _edge(
    kind: Literal["loop", "skip"],
    name: str,
    edge: Skip,
    spec: NetworkSpec,
    shapes: Shapes,
    sections: Sections,
) -> Edge:
    raw, fitted, before = shapes.raw[name], shapes.fitted[name], shapes.before[name]
    fits = merges.get(edge.merge).fits(before, raw)
    # A skip out of the loopy section into the head is read once, not at every unroll.
    leaves = sections[edge.from_] == "body" and sections[edge.to] == "head"
    within = sections[edge.from_] == sections[edge.to] == "body"
    forward = skip_delay(spec, edge) if within else 0
    delay = edge.delay if isinstance(edge, Loop) else forward
    return Edge(
        name=name,
        kind=kind,
        source=edge.from_,
        target=edge.to,
        through=edge.through,
        merge=edge.merge,
        resize=edge.fit == "resize" and not fits,
        project=edge.fit == "project" and not fits,
        delay=delay,
        initial=_initial(name, edge, delay, spec),
        raw_shape=raw,
        signal_shape=fitted,
        target_shape=before,
        merged_shape=shapes.merged[name],
        section="head" if leaves else sections[edge.from_],
        damping=edge.damping if isinstance(edge, Loop) else 1.0,
        pad=edge.fit == "pad" and not fits,
        after=ended_section(spec, edge.from_, edge.to) if sections[edge.from_] == "body" else 0,
    )


def _initial(
    name: str, edge: Skip, delay: int, spec: NetworkSpec
) -> Literal["absent", "zero", "one"]:
    concatenates = merges.get(edge.merge).concatenates
    if not isinstance(edge, Loop):
        zero = delay > 0 and (concatenates or spec.unroll.initial == "zero")
        return "zero" if zero else "absent"
    if concatenates and edge.initial == "absent":
        raise SpecError(
            "absent would change the target's channels between unrolls; with merge: concat write "
            "zero or one",
            ("loops", name, "initial"),
        )
    return edge.initial or ("zero" if concatenates else "absent")


def _finer(grid: Shape, image: Shape) -> bool:
    return any(n > m for n, m in zip(grid[1:], image[1:], strict=True))


def _check_logits(spec: NetworkSpec, last: LayerNode) -> None:
    maps = spec.data.labels == "map"
    if maps and (len(last.output_shape) != 3 or _finer(last.output_shape, spec.input.shape)):
        raise SpecError(
            f"gives {show(last.output_shape)}, and with data.labels: map the last layer of main "
            "must give a number per class at each position of a grid, no finer than the input; end "
            "main with a conv2d layer",
            ("layers", last.name),
        )
    if not maps and len(last.output_shape) != 1:
        raise SpecError(
            f"gives {show(last.output_shape)}, and the last layer of main must give one number per "
            "class; end main with a dense or global_pool layer, or write data.labels: map",
            ("layers", last.name),
        )
    if last.spec.activation.name == "softmax":
        raise SpecError(
            "ends in a softmax, and the loss applies one to the logits; leave the activation out",
            ("layers", last.name, "activation"),
        )
