"""How a change moves the accuracy on test images, image by image against the trained network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from loopynet.network import LoopyNet
from loopynet.serve.networks import Trained
from loopynet.statistics import Estimate, mean_over_seeds_and_images

PIECE = 10
"""Images of a batch: a twentieth of a second for the networks of the zoo; then it can end."""


@dataclass(frozen=True)
class Effect:
    """Accuracies on the same images, 0 to 1.

    Attributes:
        images: how many of them so far.
        total: how many there will be.
        before: of the trained network.
        after: of the changed one.
        difference: after minus before, with its interval over images.
    """

    images: int
    total: int
    before: Estimate
    after: Estimate
    difference: Estimate


def effects(subject: Trained, net: LoopyNet) -> Iterator[Effect]:
    """Yield the effect of a change on ever more test images; nothing without test images.

    Args:
        subject: the trained network.
        net: the changed one.
    """
    if subject.test is None:
        return
    labels, right = subject.test.labels, []
    for start in range(0, len(labels), PIECE):
        x = subject.preprocessing(subject.test.pixels[start : start + PIECE])
        if start not in subject.answers:
            subject.answers[start] = _answers(subject.net, x)
        both = torch.stack([subject.answers[start], _answers(net, x)])  # [2, n]
        right.append(both == labels[start : start + PIECE])
        yield _effect(torch.cat(right, 1), len(labels))


def _answers(net: LoopyNet, x: Tensor) -> Tensor:
    """Return the classes [n] that a network answers at its last unroll."""
    x = x.contiguous(memory_format=torch.channels_last)  # faster on a processor
    with torch.no_grad():
        logits: Tensor = net(x, unrolls=net.graph.steps, readout="last")
    return logits.argmax(-1)


def _effect(right: Tensor, total: int) -> Effect:
    scores = right.numpy().astype(np.float64)
    before, after = scores[:1], scores[1:]
    return Effect(
        images=scores.shape[1],
        total=total,
        before=mean_over_seeds_and_images(before),
        after=mean_over_seeds_and_images(after),
        difference=mean_over_seeds_and_images(after - before),
    )
