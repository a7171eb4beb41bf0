"""What loading returns: the images of a data set in memory, in three parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from loopynet.data.preprocessing import Preprocessing


@dataclass(frozen=True, eq=False)
class Images:
    """Labeled images, all in memory.

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
