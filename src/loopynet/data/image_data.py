"""What loading returns: the images of a data set, in three parts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from loopynet.data.preprocessing import Preprocessing

PART_BYTES = 2**20
"""Pixels that are looked at together when all images are gone through."""


@dataclass(frozen=True, eq=False)
class Images:
    """Labeled images in memory; `StreamedImages` are the same on the disk.

    Args:
        pixels: uint8 [N, C, H, W].
        labels: int64 [N], class indices from 0; or uint8 [N, H, W], a map for each image, with 255
            where a position has no label.
    """

    pixels: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.pixels)

    def first(self, count: int) -> Images:
        """Return the first `count` images, or all if there are fewer."""
        return Images(self.pixels[:count], self.labels[:count])

    @property
    def device(self) -> torch.device:
        """Where the pixels are."""
        return self.pixels.device

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pixels, uint8 [n, C, H, W], and the labels of these images, int64 [n]."""
        pixels = self.pixels.index_select(0, rows)
        return pixels, self.labels.index_select(0, rows.to(self.labels.device))

    def each(self, batches: Iterable[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield what `take` returns for each batch of rows."""
        return map(self.take, batches)

    def parts(self) -> Iterator[Tensor]:
        """Yield the pixels of all images, uint8 [n, C, H, W], about a MiB at a time."""
        yield from torch.split(self.pixels, part_size(self.pixels.shape[1:]))


def part_size(shape: tuple[int, ...]) -> int:
    """Return how many images of this shape are looked at together."""
    return max(1, PART_BYTES // max(1, math.prod(shape)))


@dataclass(frozen=True, eq=False)
class ImageData:
    """A data set that is ready to train on.

    Args:
        train: the training images.
        validation: the validation images; none (N = 0) if the split has none.
        test: the test images.
        class_names: the name of each class index; the numbers themselves if the data has no names.
        preprocessing: turns uint8 pixels into the network's input; fitted to `train` only.
        provenance: where the images come from and which ones were selected, ready for JSON.
    """

    train: Images
    validation: Images
    test: Images
    class_names: tuple[str, ...]
    preprocessing: Preprocessing
    provenance: dict[str, Any]
