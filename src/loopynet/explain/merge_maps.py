"""What happens where a loop or skip joins: its two terms, their result, and where it acts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import matplotlib as mpl
import torch
from torch import Tensor
from torch.nn import functional

from loopynet.explain.frozen import Network, as_input, check_evaluation
from loopynet.graph import Edge
from loopynet.network import Each
from loopynet.statistics import Estimate, mean_over_seeds_and_images
from loopynet.wrap import LoopyModel


@dataclass(frozen=True, eq=False)
class MergeMap:
    """One merge at one unroll.

    Attributes:
        name: such as "feedback@2".
        kind: loop or skip.
        merge: the merge's name, such as "mul".
        unroll: when it took place.
        forward: the term from the layer below, [N, C, H, W] or [N, F].
        signal: the loop's or skip's term, fitted to it.
        result: what the target reads, or the next merge there.
        attention: where the signal acts, [N, H, W]; None for vectors.
        measure: what `attention` is. factor: by how much the forward term is multiplied, mean over
            channels (mul: f; modulate: 1 + f; gain: 1 + tanh f). share: |f| / (|x| + |f|), of means
            over channels, 0 to 1; of a gate, f is what it lets through.
    """

    name: str
    kind: Literal["loop", "skip"]
    merge: str
    unroll: int
    forward: Tensor
    signal: Tensor
    result: Tensor
    attention: Tensor | None
    measure: Literal["factor", "share"]


def merges(net: Network, images: Tensor, *, unrolls: int | None = None) -> dict[str, MergeMap]:
    """Return every merge of a run by name, in the order they took place.

    Args:
        net: the network, in evaluation mode; it is not changed.
        images: preprocessed images [N, *input_shape].
        unrolls: passes; the spec's if None.

    Raises:
        LoopyNetError: the network is in training mode, or the images do not fit.
    """
    check_evaluation(net)
    told: dict[str, Tensor] = {}
    with torch.no_grad():
        net(
            as_input(net, images).detach(),
            unrolls=unrolls or net.graph.steps,
            readout=Each(),
            record=told.__setitem__,
        )
    edges = {edge.name: edge for edge in net.graph.edges}
    found = {}
    for name, result in told.items():
        edge_name, _, t = name.partition("@")
        if edge_name in edges:
            forward, signal = (told[f"{edge_name}.{term}@{t}"] for term in ("forward", "signal"))
            gain = _gain(net, edge_name)
            found[name] = _merge_map(edges[edge_name], int(t), forward, signal, result, gain)
    return found


def _gain(net: Network, edge: str) -> float | None:
    """Return what multiplies the effect of a wrapped model's loop; None if nothing does."""
    gain = net.edges[edge].gain if isinstance(net, LoopyModel) else None
    return None if gain is None else float(gain.detach())


def _merge_map(
    edge: Edge, t: int, forward: Tensor, signal: Tensor, result: Tensor, gain: float | None
) -> MergeMap:
    factor = {
        "mul": lambda f: f, "modulate": lambda f: 1 + f, "gain": lambda f: 1 + f.tanh(),
    }.get(edge.merge)  # fmt: skip
    attention = None
    if signal.dim() == 4:
        if factor is not None:
            attention = 1 + (1 if gain is None else gain) * (factor(signal).mean(1) - 1)
        else:
            partly = edge.merge == "gate" or gain is not None
            acting = (result - forward if partly else signal).abs().mean(1)
            attention = acting / (acting + forward.abs().mean(1)).clamp(min=1e-12)
    return MergeMap(
        f"{edge.name}@{t}", edge.kind, edge.merge, t, forward, signal, result, attention,
        "share" if factor is None else "factor",
    )  # fmt: skip


def likeness(views: Mapping[str, MergeMap], images: Tensor) -> dict[str, Estimate]:
    """Return how much each merge's result still looks like the image: Pearson's correlation.

    Where both have the same shape, it is taken over all channels and positions of an image; else
    over the positions of the means over channels, the image resized to the result. The interval of
    the mean is over images. A map without any variation has the correlation 0.

    Args:
        views: from `merges`; those of vectors are left out.
        images: the same images, [N, C, H, W].
    """
    found = {}
    for name, view in views.items():
        result, image = view.result, images.to(view.result)
        if result.dim() != 4:
            continue
        if result.shape != image.shape:
            result = result.mean(1, keepdim=True)
            image = _resized(image.mean(1, keepdim=True), result)
        scores = _correlation(result.flatten(1), image.flatten(1)).double().cpu().numpy()
        found[name] = mean_over_seeds_and_images(scores[None])
    return found


def _correlation(a: Tensor, b: Tensor) -> Tensor:
    """Return Pearson's correlation [N] of the rows of [N, P]."""
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    spread = a.square().sum(1).sqrt() * b.square().sum(1).sqrt()
    return (a * b).sum(1) / spread.clamp(min=1e-12)


def overlay(
    image: Tensor, values: Tensor, low: float | None = None, high: float | None = None
) -> Tensor:
    """Return the image in gray with a map in color on it, strongest where the map is high.

    Args:
        image: [N, C, H, W] or [C, H, W], 0 to 1, C 1 or 3.
        values: a map of each image, [N, h, w] or [h, w]; it is resized to the image.
        low: the value at the dark end of the colors (viridis); by default the least there is.
        high: that at the bright end; by default the largest.

    Returns:
        [N, 3, H, W] or [3, H, W], float32, 0 to 1.
    """
    if image.dim() == 3:
        return overlay(image[None], values[None], low, high)[0]
    image, values = image.detach().float().cpu(), values.detach().float().cpu()[:, None]
    low = float(values.min()) if low is None else low
    high = float(values.max()) if high is None else high
    scaled = ((_resized(values, image) - low) / max(high - low, 1e-12)).clamp(0, 1)
    colors = torch.from_numpy(mpl.colormaps["viridis"](scaled[:, 0].numpy())[..., :3]).float()
    gray = image.mean(1, keepdim=True)
    return 0.45 * gray + 0.55 * colors.movedim(-1, 1)


def _resized(values: Tensor, like: Tensor) -> Tensor:
    """Return [N, C, h, w] at the height and width of another tensor."""
    if values.shape[2:] == like.shape[2:]:
        return values
    return functional.interpolate(values, like.shape[2:], mode="bilinear", align_corners=False,
                                  antialias=True)  # fmt: skip
