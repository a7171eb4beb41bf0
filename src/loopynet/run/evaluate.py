"""Accuracy and loss of a network on images, at every unroll."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassConfusionMatrix

from loopynet.data import Batches, Images, Preprocessing
from loopynet.errors import DataError
from loopynet.network import Each, LoopyNet
from loopynet.network.loss import IGNORED
from loopynet.run.positions import MapScores, map_scores, right_share
from loopynet.spec.training import Protocol


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers to N images at k unrolls.

    Attributes:
        labels: int64 [N], the right classes.
        predicted: int64 [k, N], the classes answered at each unroll that gives logits.
        weights: int64 [N], how often each image counts: once, but for the published protocol.
    """

    labels: Tensor
    predicted: Tensor
    weights: Tensor

    def to_tensors(self) -> dict[str, Tensor]:
        """Return the same as small tensors by name, to be written to a file."""
        largest = max(int(self.labels.max()), int(self.predicted.max()))
        small = torch.uint8 if largest < 256 else torch.int32
        return {
            "labels": self.labels.to(small),
            "predicted": self.predicted.to(small),
            "weights": self.weights.to(torch.int32),
        }


@dataclass(frozen=True)
class Evaluation:
    """How well a network does.

    Attributes:
        images: how many different images were looked at.
        accuracy: share of right answers at the last unroll, 0 to 1.
        loss: mean cross-entropy at the last unroll, in nats.
        accuracies: share of right answers at each unroll from `first_unroll` on.
        losses: mean cross-entropy at the same unrolls.
        protocol: standard, or published (see `evaluate`).
        answers: what was answered for each image; not part of `plain`. None for label maps.
        first_unroll: the first unroll that gives logits: 1, or later where signals have delays.
        maps: figures of label maps, whose accuracies and losses are means over labeled positions;
            None with one label for each image.
    """

    images: int
    accuracy: float
    loss: float
    accuracies: tuple[float, ...]
    losses: tuple[float, ...]
    protocol: Protocol
    answers: Answers | None
    first_unroll: int = 1
    maps: MapScores | None = None

    def plain(self) -> dict[str, Any]:
        """Return the figures as JSON-able data."""
        every = {f.name: getattr(self, f.name) for f in fields(self)}
        maps = {} if self.maps is None else {"maps": asdict(self.maps)}
        return {k: v for k, v in every.items() if k not in ("answers", "maps")} | maps


def evaluation_batches(
    images: Images,
    preprocessing: Preprocessing,
    protocol: Protocol = "standard",
    share: tuple[int, int] = (0, 1),
) -> Batches:
    """Return images in their order, in batches of 256, or as the published evaluation took them.

    Args:
        images: what to look at.
        preprocessing: of the run.
        protocol: see `evaluate`.
        share: of each batch, see `Batches`.
    """
    size = 100 if protocol == "published" else 256
    return Batches(images, preprocessing, size, shuffle=False, protocol=protocol, share=share)


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
        DataError: there are no images, or their label maps meet the published protocol.
    """
    if not len(images):
        raise DataError("there are no images to evaluate on; this split is empty")
    if images.labels.dim() > 1 and protocol == "published":
        raise DataError("the published protocol has no label maps: evaluate with standard")
    was_training = net.training
    net.eval().to(device)
    converging = unrolls is None and net.stop is not None  # one answer, at the fixed point
    first = 1 if converging else net.graph.first_readout
    steps = range(first, 2 if converging else (unrolls or net.graph.steps) + 1)
    accuracies, losses = ([_mean(device) for _ in steps] for _ in range(2))
    batches = evaluation_batches(images, preprocessing, protocol)

    def logits_of(x: Tensor) -> Tensor:
        each: Tensor = net(x)[None] if converging else net(x, unrolls=unrolls, readout=Each())
        return each

    if images.labels.dim() > 1:
        confusions = [_confusion(net.graph.output_shape[0], device) for _ in steps]
        for pixels, labels in batches:
            _add_maps(logits_of(pixels.to(device)), labels.to(device), confusions, losses)
        net.train(was_training)
        return _of_maps(len(images), first, [c.compute() for c in confusions], losses)
    predicted = torch.zeros(len(steps), batches.distinct, dtype=torch.int64, device=device)
    weights = torch.zeros(batches.distinct, dtype=torch.int64)
    for window, (pixels, labels) in zip(batches.windows(), batches, strict=True):
        weights[window] += 1
        x, y = pixels.to(device), labels.to(device)
        weight = 1 if protocol == "published" else len(y)
        for i, logits in enumerate(logits_of(x)):
            predicted[i, window] = logits.argmax(-1)
            accuracies[i].update((predicted[i, window] == y).double().mean(), weight)
            losses[i].update(functional.cross_entropy(logits, y).double(), weight)
    net.train(was_training)
    shares, means = (tuple(float(m.compute()) for m in kind) for kind in (accuracies, losses))
    answers = Answers(images.labels[: batches.distinct].cpu(), predicted.cpu(), weights)
    return Evaluation(
        images=batches.distinct,
        accuracy=shares[-1],
        loss=means[-1],
        accuracies=shares,
        losses=means,
        protocol=protocol,
        answers=answers,
        first_unroll=first,
    )


def _confusion(classes: int, device: torch.device | str) -> MulticlassConfusionMatrix:
    return MulticlassConfusionMatrix(classes, ignore_index=IGNORED).to(device)


def _add_maps(
    each: Tensor,
    labels: Tensor,
    confusions: list[MulticlassConfusionMatrix],
    losses: list[MeanMetric],
) -> None:
    """Add a batch's answers [k, N, classes, H, W] to the figures of every unroll."""
    known = int((labels != IGNORED).sum())
    for logits, confusion, loss in zip(each, confusions, losses, strict=True):
        confusion.update(logits.argmax(1), labels)
        loss.update(functional.cross_entropy(logits, labels).double(), known)


def _of_maps(
    images: int, first: int, confusions: list[Tensor], losses: list[MeanMetric]
) -> Evaluation:
    shares = tuple(right_share(confusion) for confusion in confusions)
    means = tuple(float(loss.compute()) for loss in losses)
    return Evaluation(
        images=images,
        accuracy=shares[-1],
        loss=means[-1],
        accuracies=shares,
        losses=means,
        protocol="standard",
        answers=None,
        first_unroll=first,
        maps=map_scores(confusions),
    )


def _mean(device: torch.device | str) -> MeanMetric:
    mean = MeanMetric().to(device)
    mean.set_dtype(torch.float64)  # after `to`, which would undo it
    return mean
