"""All measurements of one network on one sample of images."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from loopynet.errors import LoopyNetError
from loopynet.explain.dynamics import Dynamics, dynamics
from loopynet.explain.faithfulness import Faithfulness, faithfulness
from loopynet.explain.frozen import check_described
from loopynet.explain.intervals import plain
from loopynet.explain.jacobian import spectral_radius
from loopynet.explain.linearity import Linearity, linearity
from loopynet.explain.sample import Progress, check_sample
from loopynet.explain.weight_gradients import GradientParts, gradients
from loopynet.network import LoopyNet
from loopynet.statistics import Estimate, mean_over_seeds

T = TypeVar("T")


@dataclass(frozen=True)
class Sizes:
    """How many images the parts that take long look at; never more than there are.

    Attributes:
        jacobian: images for spectral radii.
        gradient: images for gradients.
        faithful: images for deletion and insertion.
        seeds: initializations of which the gradients are measured.
    """

    jacobian: int = 100
    gradient: int = 320
    faithful: int = 64
    seeds: int = 3


@dataclass(frozen=True)
class GradientRow:
    """One weight's gradient by unrolls; see WeightGradient.

    Attributes:
        unrolls: those that use the weight.
        norms: length of each unroll's part, with its interval: over batches of a trained network,
            over seeds of a new one.
        shares: each as a share of their sum.
        cosines: between the parts of each two unrolls.
    """

    unrolls: tuple[int, ...]
    norms: tuple[Estimate, ...]
    shares: tuple[float, ...]
    cosines: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class GradientFigures:
    """The gradients of one network.

    Attributes:
        label: what was measured: "cifar10-loopy, trained".
        tied: whether the unrolls share their weights.
        images: how many for each seed.
        batch_size: in batches of how many.
        training: whether norms used the batches' own statistics.
        seeds: initializations; 0 for a trained network.
        weights: by name.
    """

    label: str
    tied: bool
    images: int
    batch_size: int
    training: bool
    seeds: int
    weights: Mapping[str, GradientRow]


@dataclass(frozen=True)
class Measurements:
    """What was measured.

    Attributes:
        name: the network's.
        images: how many images there were.
        notes: what the reader must know, such as what was left out and why.
        dynamics: from unroll to unroll.
        radii: SpectralRadius.plain() after 1, ... passes.
        gradients: of the trained network, of new ones, and of untied ones beside them.
        linearity: what linear filters leave unexplained; None if it could not be measured.
        faithfulness: of the merge map and the gradient; None for vectors.
    """

    name: str
    images: int
    notes: tuple[str, ...]
    dynamics: Dynamics
    radii: tuple[Mapping[str, Any], ...]
    gradients: tuple[GradientFigures, ...]
    linearity: Linearity | None
    faithfulness: Faithfulness | None

    def plain(self) -> dict[str, Any]:
        """Return everything as JSON-able data."""
        data: dict[str, Any] = plain(self)
        return data


def measure(
    net: LoopyNet,
    images: Tensor,
    labels: Tensor,
    *,
    unrolls: int | None = None,
    beside: LoopyNet | None = None,
    sizes: Sizes | None = None,
    notes: tuple[str, ...] = (),
    progress: Progress | None = None,
) -> Measurements:
    """Measure a network with everything that this package has.

    Linearity, gradients and deletion are measured at the trained number of unrolls.

    Args:
        net: the network, in evaluation mode. It is not changed.
        images: preprocessed images [N, *graph.input_shape].
        labels: class numbers [N].
        unrolls: how many to run for dynamics, and after how many to look at the Jacobian too; the
            trained number if None.
        beside: another trained network, whose gradients are measured too: the untied control.
        sizes: how many images the long parts look at.
        notes: sentences for the reader.
        progress: told of each part.

    Raises:
        LoopyNetError: training mode, wrong shapes, or an impossible number of unrolls.
    """
    check_described(net)
    check_sample(net, images, labels)
    sizes = sizes or Sizes()
    said = list(notes)
    found = dynamics(net, images, labels, unrolls=unrolls, progress=progress)
    return Measurements(
        name=net.graph.name,
        images=len(images),
        dynamics=found,
        radii=_radii(net, images[: sizes.jacobian], len(found.unrolls), progress),
        gradients=_gradients(net, beside, images, labels, sizes, progress),
        linearity=_or_note(said, lambda: linearity(net, images, progress=progress)),
        faithfulness=_or_note(
            said, lambda: _faithfulness(net, images[: sizes.faithful], progress)
        ),
        notes=tuple(said),
    )  # fmt: skip


def _or_note(notes: list[str], run: Callable[[], T]) -> T | None:
    """Return a measurement, or None after its reason was noted."""
    try:
        return run()
    except LoopyNetError as error:
        notes.append(str(error))
        return None


def _radii(
    net: LoopyNet, images: Tensor, last: int, progress: Progress | None
) -> tuple[Mapping[str, Any], ...]:
    """Return the radii at every trained unroll that has a next one, and at the last that is run."""
    if not net.graph.loops:
        return ()
    least = max(edge.delay for edge in net.graph.loops)
    most = net.graph.steps - 1 if net.graph.tied else net.graph.steps - 1 - least
    times = [*range(least, most + 1), *([last] if last > net.graph.steps else [])]
    return tuple(
        spectral_radius(net, images, after=t, progress=progress).plain() for t in times
    )  # fmt: skip


def _gradients(
    net: LoopyNet,
    beside: LoopyNet | None,
    images: Tensor,
    labels: Tensor,
    sizes: Sizes,
    progress: Progress | None,
) -> tuple[GradientFigures, ...]:
    found = []
    for one in (net, beside):
        if one is None or not one.graph.loops:
            continue
        x, y = images[: sizes.gradient], labels[: sizes.gradient]
        parts = gradients(_trainable(one), x, y, progress=progress)
        found.append(_figures(f"{one.graph.name}, trained", one, [parts], 0))
    for one in (net, beside if beside is not None else _untied(net)):
        if one is not None and one.graph.loops and sizes.seeds:
            found.append(_initial(one, images, labels, sizes, progress))
    return tuple(found)


def _untied(net: LoopyNet) -> LoopyNet | None:
    return net.untie() if net.graph.loops and net.graph.tied else None


def _trainable(net: LoopyNet) -> LoopyNet:
    """Return a copy in training mode, as a step of training sees it; dropout rests."""
    ready = copy.deepcopy(net).train()
    for module in ready.modules():
        if isinstance(module, nn.Dropout | nn.Dropout2d | nn.RReLU):
            module.eval()
    return ready


def _initial(
    net: LoopyNet, images: Tensor, labels: Tensor, sizes: Sizes, progress: Progress | None
) -> GradientFigures:
    """Return the figures of new networks of a spec; each seed has the same images."""
    count = min(sizes.gradient, 4 * net.spec.training.step_images)
    parts = []
    for seed in range(sizes.seeds):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            new = LoopyNet(net.spec).to(images)
        parts.append(gradients(_trainable(new), images[:count], labels[:count], progress=progress))
    kind = "tied" if net.graph.tied else "untied"
    return _figures(f"{net.graph.name} ({kind}), new", net, parts, sizes.seeds)


def _figures(label: str, net: LoopyNet, every: list[GradientParts], seeds: int) -> GradientFigures:
    weights = {}
    for name, first in every[0].weights.items():
        same = [parts.weights[name] for parts in every]
        lengths = np.array([[n.mean for n in one.norms] for one in same])  # [seeds, unrolls]
        norms = tuple(mean_over_seeds(c) for c in lengths.T) if seeds else first.norms
        means = lengths.mean(0)
        cosines = torch.tensor([one.cosines for one in same]).nanmean(0).tolist()
        shares = tuple((means / means.sum()).tolist()) if means.sum() else first.shares
        rows = tuple(tuple(row) for row in cosines)
        weights[name] = GradientRow(first.unrolls, norms, shares, rows)
    one = every[0]
    return GradientFigures(
        label, net.graph.tied, one.images, one.batch_size, one.training, seeds, weights
    )


def _faithfulness(net: LoopyNet, images: Tensor, progress: Progress | None) -> Faithfulness:
    return faithfulness(net, images, merge_maps(net, images), progress=progress)


@torch.no_grad()
def merge_maps(net: LoopyNet, images: Tensor) -> dict[str, Tensor]:
    """Return each loop's last merged activation as a map: mean magnitude over channels.

    Args:
        net: the network, in evaluation mode.
        images: preprocessed images [N, C, H, W].

    Returns:
        Maps [N, H, W] by "merge NAME", brought to the image's size by bilinear interpolation.
    """
    maps: dict[str, list[Tensor]] = {}
    for part in torch.split(images, 64):
        trace = net.trace(part)
        for edge in net.graph.loops:
            value = trace.get(f"{edge.name}@{net.graph.steps}")
            if value is not None and value.dim() == 4:
                strength = value.abs().mean(1, keepdim=True)
                sized = functional.interpolate(strength, images.shape[2:], mode="bilinear")
                maps.setdefault(f"merge {edge.name}", []).append(sized[:, 0])
    return {name: torch.cat(parts) for name, parts in maps.items()}
