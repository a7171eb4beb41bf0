"""Everything that the page shows of one image and one filter, at every unroll."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from loopynet.errors import LoopyNetError
from loopynet.explain import MergeMap, merges
from loopynet.explain.gallery import FilterMaps, default_layers, filter_maps
from loopynet.network import Each, LoopyNet
from loopynet.serve.networks import Trained


@dataclass(frozen=True, eq=False)
class Look:
    """One image in one network, the loops run `unrolls` times.

    Attributes:
        unrolls: how often.
        first: the first unroll that gives logits.
        pixels: the image, uint8 [C, H, W].
        probabilities: of the classes at each unroll from `first` on, [T, classes].
        layer: the chosen layer or merge.
        filter: the number of its chosen filter or unit.
        activations: of the layer, by unroll: [C, H, W], or [F] of a vector.
        guided: guided backpropagation of the filter, [T, 1, H, W] at those unrolls.
        merges: the merges at each unroll.
    """

    unrolls: int
    first: int
    pixels: Tensor
    probabilities: Tensor
    layer: str
    filter: int
    activations: dict[int, Tensor]
    guided: FilterMaps
    merges: dict[int, tuple[MergeMap, ...]]

    @property
    def filters(self) -> int:
        """How many filters the layer has."""
        return len(next(iter(self.activations.values())))

    def at(self, unroll: int) -> int:
        """Return the last unroll up to `unroll` at which the layer ran, or its first one."""
        ran = [t for t in self.activations if t <= unroll]
        return max(ran) if ran else min(self.activations)


def layers_of(net: LoopyNet) -> list[str]:
    """Return what can be looked at: layers and merges, in the order they run."""
    told: list[str] = []
    x = next(net.parameters()).new_zeros((1, *net.graph.input_shape))
    with torch.no_grad():
        net(x, unrolls=net.graph.steps, readout=Each(), record=lambda name, _: told.append(name))
    return list(dict.fromkeys(n.partition("@")[0] for n in told if "." not in n))


def first_layer(net: LoopyNet) -> str:
    """Return the layer to begin with: the first convolution that the loops run through."""
    return [*default_layers(net), *layers_of(net)][0]


def most_active(subject: Trained, pixels: Tensor, layer: str) -> int:
    """Return the filter of a layer whose mean activation at the last unroll is the largest."""
    told: dict[str, Tensor] = {}
    x, net = subject.preprocessing(pixels[None]), subject.net
    with torch.no_grad():
        net(x, unrolls=net.graph.steps, readout=Each(), record=told.__setitem__)
    value = [*_by_unroll(told, layer).values()][-1]
    return int(value.flatten(1).mean(1).argmax() if value.dim() > 1 else value.argmax())


def look(
    subject: Trained,
    pixels: Tensor,
    layer: str,
    filter: int,
    *,
    net: LoopyNet | None = None,
    unrolls: int | None = None,
) -> Look:
    """Compute all that is shown.

    Args:
        subject: the network.
        pixels: the image, uint8 [C, H, W], of its shape.
        layer: a layer or merge; the first convolution if there is none of this name.
        filter: of it; the last one if it has not so many.
        net: a changed network to look into instead of the subject's own.
        unrolls: passes; the network's if None.
    """
    net = net or subject.net
    steps = unrolls or net.graph.steps
    x = subject.preprocessing(pixels[None])
    told: dict[str, Tensor] = {}
    with torch.no_grad():
        logits = net(x, unrolls=steps, readout=Each(), record=told.__setitem__)
    ran = _by_unroll(told, layer)
    if not ran:
        layer = first_layer(net)
        ran = _by_unroll(told, layer)
    filter = max(0, min(filter, len(next(iter(ran.values()))) - 1))
    (guided,) = filter_maps(net, x, [layer], [filter], unrolls=steps)
    merged: dict[int, tuple[MergeMap, ...]] = {}
    for view in merges(net, x, unrolls=steps).values():
        merged[view.unroll] = (*merged.get(view.unroll, ()), view)
    return Look(
        unrolls=steps,
        first=net.graph.first_readout,
        pixels=pixels,
        probabilities=logits[:, 0].softmax(-1),
        layer=layer,
        filter=filter,
        activations=ran,
        guided=guided,
        merges=merged,
    )


def _by_unroll(told: dict[str, Tensor], layer: str) -> dict[int, Tensor]:
    """Return a layer's activations, without the dimension of images."""
    split = ((name.partition("@"), value) for name, value in told.items())
    return {int(t): value[0] for (name, _, t), value in split if name == layer}


def fitted(pixels: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Return an image in another network's channels and size.

    Args:
        pixels: uint8 [C, H, W], C 1 or 3.
        shape: what the network takes, with 1 or 3 channels.

    Raises:
        LoopyNetError: it is no image of 1 or 3 channels.
    """
    if pixels.dim() != 3 or pixels.shape[0] not in (1, 3):
        raise LoopyNetError("images have 1 or 3 channels")
    x = pixels.float()
    if len(x) != shape[0]:  # gray for all three colors, or the luma of ITU-R 601
        x = x.expand(3, -1, -1) if shape[0] == 3 else (x * _LUMA).sum(0, keepdim=True)
    if x.shape[1:] != shape[1:]:
        x = torch.nn.functional.interpolate(
            x[None], shape[1:], mode="bilinear", antialias=True, align_corners=False
        )[0]
    return x.round().clamp(0, 255).to(torch.uint8)


_LUMA = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
