"""The maps of one network's filters over its unrolls, as a page or a folder shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from loopynet.errors import LoopyNetError, did_you_mean
from loopynet.explain.backward import deconvnet, gradient, guided_backprop
from loopynet.explain.captum_methods import integrated_gradients, occlusion
from loopynet.explain.target import Filters, activation_shapes, filter_numbers, resolve
from loopynet.network import Each, LoopyNet

Method = Callable[..., Tensor]

METHODS: dict[str, Method] = {
    "guided_backprop": guided_backprop,
    "gradient": gradient,
    "deconvnet": deconvnet,
    "integrated_gradients": integrated_gradients,
    "occlusion": occlusion,
}
"""The methods by the words of the command line."""

MOST_ACTIVE = 4


@dataclass(frozen=True, eq=False)
class FilterMaps:
    """What one filter looks at, at each of its unrolls.

    Attributes:
        layer: its layer, or a merge.
        filter: its number.
        unrolls: the T unrolls at which the layer runs.
        maps: [T, N, H, W], summed over the image's channels.
    """

    layer: str
    filter: int
    unrolls: tuple[int, ...]
    maps: Tensor

    @property
    def names(self) -> tuple[str, ...]:
        """The activations' names, such as "conv_2@1"."""
        return tuple(f"{self.layer}@{t}" for t in self.unrolls)

    @property
    def reach(self) -> Tensor:
        """Where the colors of each image's maps end, [N], the same at all unrolls.

        That is what 99 of 100 absolute values do not exceed: the few largest would leave the others
        dark. Where those are all 0, it is the largest value.
        """
        values = self.maps.abs().transpose(0, 1).flatten(1)
        most = values.quantile(0.99, 1)
        return torch.where(most > 0, most, values.amax(1)).clamp(min=1e-12)


def default_layers(net: LoopyNet) -> list[str]:
    """Return the convolutions of the loopy section; without one, of the main stack."""
    graph = net.graph
    return [
        name
        for name in graph.body or graph.main
        if graph.layers[name].spec.weighted and len(graph.layers[name].output_shape) == 3
    ]


def filter_maps(
    net: LoopyNet,
    images: Tensor,
    layers: Sequence[str],
    filters: Filters | str = "most active",
    *,
    method: str = "guided_backprop",
    unrolls: int | None = None,
) -> Iterator[FilterMaps]:
    """Yield the maps of filters, layer by layer.

    Args:
        net: the network, in evaluation mode.
        images: preprocessed images [N, C, H, W].
        layers: layers or merges, without unrolls; "logits" is the last layer.
        filters: as for the method; "most active" are the four of each layer whose mean activation
            at the last unroll, over these images, is the largest.
        method: a name in METHODS.
        unrolls: passes to run; the spec's if None.

    Raises:
        LoopyNetError: there is no such layer or filter, or the images are vectors.
    """
    if len(net.graph.input_shape) != 3:
        raise LoopyNetError(f'"{net.graph.name}" takes vectors, and only images can be shown')
    layers = [resolve(net, f"{layer}@1").partition("@")[0] for layer in layers]
    times = layer_unrolls(net, layers, unrolls)
    chosen = {layer: _filters(net, images, layer, times[layer], filters, unrolls)
              for layer in layers}  # fmt: skip
    for layer in layers:
        names = [f"{layer}@{t}" for t in times[layer]]
        maps = METHODS[method](net, images, names, chosen[layer], unrolls=unrolls).sum(3)
        for row, number in enumerate(chosen[layer]):
            yield FilterMaps(layer, number, times[layer], maps[:, row])


def layer_unrolls(
    net: LoopyNet, layers: Sequence[str], unrolls: int | None = None
) -> dict[str, tuple[int, ...]]:
    """Return at which unrolls layers run; raises LoopyNetError for an unknown one."""
    found: dict[str, list[int]] = {}
    for name in activation_shapes(net, unrolls):
        layer, _, t = name.partition("@")
        if "." not in layer:
            found.setdefault(layer, []).append(int(t))
    for layer in layers:
        if layer not in found:
            raise LoopyNetError(
                f'no layer or merge "{layer}" in "{net.graph.name}".'
                f"{did_you_mean(layer, found)} There are {', '.join(found)}"
            )
    return {layer: tuple(found[layer]) for layer in layers}


def _filters(
    net: LoopyNet,
    images: Tensor,
    layer: str,
    times: tuple[int, ...],
    filters: Filters | str,
    unrolls: int | None,
) -> list[int]:
    at = f"{layer}@{times[-1]}"
    with torch.no_grad():
        told: dict[str, Tensor] = {}
        net(images, unrolls=unrolls or net.graph.steps, readout=Each(), record=told.__setitem__)
    value = told[at]
    if isinstance(filters, str):
        means = value.flatten(2).mean((0, 2)) if value.dim() > 2 else value.mean(0)
        return sorted(means.argsort(descending=True)[:MOST_ACTIVE].tolist())
    return filter_numbers(filters, at, value)
