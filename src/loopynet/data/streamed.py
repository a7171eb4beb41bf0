"""Images that stay on the disk: read and decoded batch by batch, one batch ahead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loopynet.data.decode import Frame
from loopynet.data.image_data import Images, part_size
from loopynet.data.rows import Rows


class StreamedImages(Images):
    """Labeled images of which only the labels are in memory.

    What is read is what `Images` would hold, so that training on either gives the same bits.

    Args:
        rows: the data set's rows.
        indices: int64 [N], those of the images, in their order.
        frame: the form that images are brought to.
        labels: as those of `Images`.
    """

    def __init__(
        self, rows: Rows, indices: NDArray[np.int64], frame: Frame, labels: Tensor
    ) -> None:
        self.rows, self.indices, self.frame = rows, indices, frame
        object.__setattr__(self, "labels", labels)  # a field of a frozen class

    @property
    def pixels(self) -> Tensor:
        """All pixels, uint8 [N, C, H, W], read anew at each look: take the `first` few before."""
        return self.rows.read(self.indices, self.frame)

    @property
    def device(self) -> torch.device:
        """Where the pixels are once they are read."""
        return torch.device("cpu")

    def __len__(self) -> int:
        return len(self.indices)

    def first(self, count: int) -> StreamedImages:
        """Return the first `count` images, or all if there are fewer."""
        return StreamedImages(self.rows, self.indices[:count], self.frame, self.labels[:count])

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pixels, uint8 [n, C, H, W], and the labels of these images, int64 [n]."""
        pixels = self.rows.read(self.indices[rows.numpy()], self.frame)
        return pixels, self.labels.index_select(0, rows)

    def each(self, batches: Iterable[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield what `take` returns for each batch of rows, while the next one is being read."""
        ahead: Future[tuple[Tensor, Tensor]] | None = None
        with ThreadPoolExecutor(1, "loopynet-reader") as reader:
            for rows in batches:
                here, ahead = ahead, reader.submit(self.take, rows)
                if here is not None:
                    yield here.result()
            if ahead is not None:
                yield ahead.result()

    def parts(self) -> Iterator[Tensor]:
        """Yield the pixels of all images, uint8 [n, C, H, W], about a MiB at a time."""
        rows = torch.split(torch.arange(len(self)), part_size(self.frame.shape))
        for pixels, _ in self.each(rows):
            yield pixels
