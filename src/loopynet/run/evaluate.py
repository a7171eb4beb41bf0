"""Accuracy and loss of a network on images, at every unroll."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch.nn import functional
from torchmetrics import MeanMetric

from loopynet.data import Batches, Images, Preprocessing
from loopynet.errors import DataError
from loopynet.network import Each, LoopyNet
from loopynet.spec.training import Protocol


@dataclass(frozen=True)
class Evaluation:
    """How well a network does.

    Attributes:
        images: how many different images were looked at.
        accuracy: share of right answers at the last unroll, 0 to 1.
        loss: mean cross-entropy at the last unroll, in nats.
        accuracies: share of right answers at each unroll.
        losses: mean cross-entropy at each unroll.
        protocol: standard, or published (see `evaluate`).
    """

    images: int
    accuracy: float
    loss: float
    accuracies: tuple[float, ...]
    losses: tuple[float, ...]
    protocol: Protocol = "standard"

    def plain(self) -> dict[str, Any]:
        """Return the same as JSON-able data."""
        return asdict(self)


def evaluation_batches(
    images: Images, preprocessing: Preprocessing, protocol: Protocol = "standard"
) -> Batches:
    """Return images in their order, in batches of 256, or as the published evaluation took them."""
    size = 100 if protocol == "published" else 256
    return Batches(images, preprocessing, size, shuffle=False, protocol=protocol)


@torch.inference_mode()
def evaluate(
    net: LoopyNet,
    images: Images,
    preprocessing: Preprocessing,
    unrolls: int | None = None,
    device: torch.device | str = "cpu",
    protocol: Protocol = "standard",
) -> Evaluation:
    """Evaluate a network on images.

    Args:
        net: the network; its mode is restored afterwards.
        images: what to look at.
        preprocessing: of the run.
        unrolls: passes; the spec's if None.
        device: where to compute.
        protocol: standard looks at each image once. published repeats the 2016 library: the mean
            over windows of 100 images that move on by one, so that of 1,000 images the first 110
            are looked at.

    Raises:
        DataError: there are no images.
    """
    if not len(images):
        raise DataError("there are no images to evaluate on; this split is empty")
    was_training = net.training
    net.eval().to(device)
    steps = range(unrolls or net.graph.steps)
    accuracies, losses = ([_mean(device) for _ in steps] for _ in range(2))
    batches = evaluation_batches(images, preprocessing, protocol)
    for pixels, labels in batches:
        x, y = pixels.to(device), labels.to(device)
        weight = 1 if protocol == "published" else len(y)
        for t, logits in enumerate(net(x, unrolls=unrolls, readout=Each())):
            accuracies[t].update((logits.argmax(-1) == y).double().mean(), weight)
            losses[t].update(functional.cross_entropy(logits, y).double(), weight)
    net.train(was_training)
    shares, means = (tuple(float(m.compute()) for m in kind) for kind in (accuracies, losses))
    return Evaluation(batches.distinct, shares[-1], means[-1], shares, means, protocol)


def _mean(device: torch.device | str) -> MeanMetric:
    mean = MeanMetric().to(device)
    mean.set_dtype(torch.float64)  # after `to`, which would undo it
    return mean
