"""The layers on a loop's way: each built, or run once on the meta device, to know its shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from loopynet.errors import LoopyNetError, did_you_mean
from loopynet.graph import LayerNode
from loopynet.network.layer import Layer
from loopynet.parts.layers import LayerSpec, Norm
from loopynet.parts.norms import NormSpec
from loopynet.parts.shape import Shape, ShapeError, show
from loopynet.wrap.mirror import mirror, on_meta
from loopynet.wrap.module_spec import ModuleSpec, MultiplyAdds

Given = LayerSpec | nn.Module
"""A layer of ours, whose input's shape is to be found, or a module."""


def build_way(
    loop: str, names: Sequence[str], shape: Shape, layers: Mapping[str, Given], steps: int
) -> list[tuple[nn.Module, LayerNode]]:
    """Return the layers that a loop's signal passes, with their shapes.

    Args:
        loop: the loop's name.
        names: of its layers, in order.
        shape: of the signal before, without the batch.
        layers: what the names stand for.
        steps: how many signals a call has, for norms with numbers for each unroll.

    Raises:
        LoopyNetError: there is no such layer, or it does not take the shape.
    """
    built: list[tuple[nn.Module, LayerNode]] = []
    for name in names:
        where = f"{loop}.through"
        if name not in layers:
            hint = did_you_mean(name, layers) or ' Write layers={"' + name + '": ...}.'
            raise LoopyNetError(f'{where}: no layer "{name}".{hint}')
        given = layers[name]
        if isinstance(given, LayerSpec):
            module, node = _build(where, name, given, shape, loop, steps)
        else:
            module, node = given, _watch(where, name, given, shape, loop, steps)
        built.append((module, node))
        shape = node.output_shape
    return built


def _build(
    where: str, name: str, spec: LayerSpec, shape: Shape, loop: str, steps: int
) -> tuple[nn.Module, LayerNode]:
    norm = spec.as_norm() if isinstance(spec, Norm) else spec.norm or NormSpec()
    try:
        spec.check(shape)
        output = spec.output_shape(shape)
        norm.check(output)
    except ShapeError as error:
        raise LoopyNetError(f'{where}: "{name}" {error}') from None
    node = LayerNode(name, spec, norm, shape, output, "body", steps, on_edge=loop)
    return Layer(node, range(1, steps + 1)), node


def _watch(
    where: str, name: str, module: nn.Module, shape: Shape, loop: str, steps: int
) -> LayerNode:
    """Return a module as a layer, with the shape that it gives."""
    like = next((p.dtype for p in module.parameters() if p.is_floating_point()), None)
    x = torch.empty(2, *shape, device="meta", dtype=like)
    counter = MultiplyAdds()
    try:
        with torch.no_grad(), counter:
            output = mirror(module, on_meta).eval()(x)
    except Exception as error:  # whatever the module raises
        raise LoopyNetError(
            f'{where}: "{name}" does not take the signal {show(shape)}: '
            f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(output, Tensor) or output.dim() == 0 or len(output) != 2:
        raise LoopyNetError(
            f'{where}: "{name}" must give one tensor with the batch in front, and gives '
            f"{type(output).__name__}"
        )
    numbers = sum(p.numel() for p in module.parameters())
    spec = ModuleSpec.of(type(module).__name__, numbers, counter.total // 2)
    given = tuple(output.shape[1:])
    return LayerNode(name, spec, NormSpec(), shape, given, "body", steps, on_edge=loop)
