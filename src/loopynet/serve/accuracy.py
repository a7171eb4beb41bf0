"""How a change moves the accuracy on test images, image by image against the trained network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from loopynet.network import LoopyNet
from loopynet.serve.networks import Trained
from loopynet.statistics import Estimate, mean_over_seeds_and_images

PIECE = 50
"""Images of a batch: at most half a second for the networks of the zoo."""


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
    pixels, labels = subject.test.pixels, subject.test.labels
    right: list[Tensor] = []
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(pixels), PIECE * workers):
            parts = torch.split(pixels[start : start + PIECE * workers], PIECE)
            answers = pool.map(lambda part: _answers(subject, net, part), parts)
            both = torch.cat(list(answers), 1)  # [2, n]
            right.append(both == labels[start : start + both.shape[1]])
            yield _effect(torch.cat(right, 1), len(pixels))


def _answers(subject: Trained, net: LoopyNet, pixels: Tensor) -> Tensor:
    """Return the classes [2, n] that the trained and the changed network answer."""
    x = subject.preprocessing(pixels).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        steps = [(subject.net, subject.net.graph.steps), (net, net.graph.steps)]
        return torch.stack([n(x, unrolls=k, readout="last").argmax(-1) for n, k in steps])


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
