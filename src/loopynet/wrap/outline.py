"""A model with loops as a graph, for drawings, tables and explanations.

Its layers are the model's largest modules in which no loop starts or ends, and those in which one
does, in the order in which they run. All of them run at every unroll.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor, nn

from loopynet.graph import Edge, Graph, LayerNode
from loopynet.parts.merges import MergePart, merges
from loopynet.parts.shape import Shape
from loopynet.wrap.edge import LoopEdge
from loopynet.wrap.module_spec import ModuleNorm, ModuleSpec
from loopynet.wrap.port import parts_of
from loopynet.wrap.probe import Call, Calls


@dataclass(frozen=True)
class ModelEdge(Edge):
    """A loop of a wrapped model.

    Attributes:
        more: learned numbers beside those of the merge and the projection.
    """

    more: int = 0

    @property
    def merge_part(self) -> MergePart:
        """The registered merge, with what is learned beside it."""
        part, more = merges.get(self.merge), self.more
        return replace(part, parameters=lambda shape: part.parameters(shape) + more)


def outline(
    model: nn.Module,
    calls: Calls,
    edges: Mapping[str, LoopEdge],
    unrolls: int,
    readout: Literal["last", "each"],
) -> Graph:
    """Return the graph of a model with loops.

    Args:
        model: the model.
        calls: what one pass of it did.
        edges: its loops.
        unrolls: passes of a call.
        readout: which of them give outputs.
    """
    ports = {port.path for edge in edges.values() for port in (edge.source, edge.target)}
    pieces = sorted(set(_pieces("", model, calls, ports)), key=lambda path: calls[path][0].began)
    layers = {path: _layer(path, model, calls, unrolls) for path in pieces}
    for edge in edges.values():
        layers |= edge.nodes
    return Graph(
        name=type(model).__name__,
        input_shape=_shape(_first_input(calls[""][0])),
        layers=layers,
        main=tuple(pieces),
        trunk=(),
        body=tuple(pieces),
        head=(),
        loops=tuple(_edge(name, edge, pieces) for name, edge in edges.items()),
        skips=(),
        steps=unrolls,
        tied=True,
        readout=readout,
    )


def _pieces(path: str, module: nn.Module, calls: Calls, ports: set[str]) -> Iterator[str]:
    """Yield the modules that become layers: those with ports in them come in pieces."""
    start = f"{path}." if path else ""
    whole = path in calls and not any(port.startswith(start) for port in ports)
    inside = [(f"{start}{name}", child) for name, child in module.named_children()]
    below = [piece for name, child in inside for piece in _pieces(name, child, calls, ports)]
    if path in calls and (whole or not below):
        yield path
    elif path == "" or path not in calls or below:
        yield from below


def _layer(path: str, model: nn.Module, calls: Calls, unrolls: int) -> LayerNode:
    module, each = model.get_submodule(path), calls[path]
    first = _first_input(calls[""][0])
    batch = 1 if first is None or first.dim() == 0 else max(len(first), 1)
    spec = ModuleSpec.of(
        type(module).__name__,
        sum(p.numel() for p in module.parameters()),
        sum(call.multiply_adds for call in each) // batch,
    )
    buffers = module.named_buffers()
    kept = [value for key, value in buffers if key.rpartition(".")[2].startswith("running_")]
    norm = ModuleNorm.of(sum(value.numel() for value in kept))
    shapes = _shape(_first_input(each[0])), _shape(_first_tensor(each[-1].output))
    return LayerNode(path, spec, norm, *shapes, "body", unrolls)


def _edge(name: str, edge: LoopEdge, pieces: list[str]) -> ModelEdge:
    own = sum(p.numel() for p in edge.parameters())
    own -= sum(p.numel() for p in edge.through.parameters())
    found = ModelEdge(
        name=name,
        kind="loop",
        source=_piece(edge.source.path, pieces, -1),
        target=_piece(edge.target.path, pieces, 0),
        through=tuple(edge.through),
        merge=edge.loop.merge,
        resize=edge.fit_word == "resize",
        project=edge.fit_word == "project",
        delay=edge.loop.delay,
        initial=edge.loop.initial or "absent",
        raw_shape=edge.signal_image,
        signal_shape=edge.fitted_shape,
        target_shape=edge.target_image,
        merged_shape=edge.target_image,
        section="body",
        damping=edge.loop.damping,
        pad=edge.fit_word == "pad",
    )
    return replace(found, more=own - edge_numbers(found))


def edge_numbers(edge: Edge) -> int:
    """Return the learned numbers of a merge and a projection, as tables count them."""
    inputs = edge.raw_shape[0] if edge.raw_shape else 0
    if len(edge.raw_shape) == 3 and len(edge.target_shape) == 1:
        inputs *= edge.raw_shape[1] * edge.raw_shape[2]
    project = (inputs + 1) * edge.target_shape[0] if edge.project else 0
    return project + edge.merge_part.parameters(edge.target_shape)


def _piece(path: str, pieces: list[str], end: int) -> str:
    """Return the layer that stands for a module: itself, or the first or last one in it."""
    inside = [piece for piece in pieces if piece == path or piece.startswith(f"{path}.")]
    return inside[end] if inside else path


def _first_input(call: Call) -> Tensor | None:
    first = _first_tensor(call.args)
    return first if first is not None else _first_tensor(call.kwargs)


def _first_tensor(value: object) -> Tensor | None:
    if isinstance(value, Tensor):
        return value
    return next((part for part in parts_of(value).values() if isinstance(part, Tensor)), None)


def _shape(value: Tensor | None) -> Shape:
    return () if value is None else tuple(value.shape[1:])
