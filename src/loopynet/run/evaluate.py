"""Accuracy and loss of a network on images, at every unroll."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch.nn import functional
from torchmetrics.classification import MulticlassAccuracy

from loopynet.data import Batches, Images, Preprocessing
from loopynet.errors import DataError
from loopynet.network import Each, LoopyNet

BATCH = 256


@dataclass(frozen=True)
class Evaluation:
    """How well a network does.

    Attributes:
        images: how many were looked at.
        accuracy: share of right answers at the last unroll, 0 to 1.
        loss: mean cross-entropy at the last unroll, in nats.
        accuracies: share of right answers at each unroll.
        losses: mean cross-entropy at each unroll.
    """

    images: int
    accuracy: float
    loss: float
    accuracies: tuple[float, ...]
    losses: tuple[float, ...]

    def plain(self) -> dict[str, Any]:
        """Return the same as JSON-able data."""
        return asdict(self)


@torch.inference_mode()
def evaluate(
    net: LoopyNet,
    images: Images,
    preprocessing: Preprocessing,
    unrolls: int | None = None,
    device: torch.device | str = "cpu",
) -> Evaluation:
    """Evaluate a network on images, each looked at once.

    Args:
        net: the network; its mode is restored afterwards.
        images: what to look at.
        preprocessing: of the run.
        unrolls: passes; the spec's if None.
        device: where to compute.

    Raises:
        DataError: there are no images.
    """
    if not len(images):
        raise DataError("there are no images to evaluate on; this split is empty")
    was_training = net.training
    net.eval().to(device)
    count = unrolls or net.graph.steps
    counters = [_accuracy(net).to(device) for _ in range(count)]
    losses = torch.zeros(count, dtype=torch.float64)
    for pixels, labels in Batches(images, preprocessing, BATCH, shuffle=False):
        x, y = pixels.to(device), labels.to(device)
        for i, logits in enumerate(net(x, unrolls=unrolls, readout=Each())):
            counters[i].update(logits, y)
            losses[i] += functional.cross_entropy(logits, y, reduction="sum").double().cpu()
    net.train(was_training)
    accuracies = tuple(float(counter.compute()) for counter in counters)
    means = tuple((losses / len(images)).tolist())
    return Evaluation(len(images), accuracies[-1], means[-1], accuracies, means)


def _accuracy(net: LoopyNet) -> MulticlassAccuracy:
    return MulticlassAccuracy(net.graph.output_shape[0], average="micro")
