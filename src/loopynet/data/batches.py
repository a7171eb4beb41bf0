"""Mini-batches from images: an order for each epoch, and this process's share of each batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from loopynet.data.image_data import Images
from loopynet.data.maps import UNLABELED
from loopynet.data.preprocessing import Preprocessing
from loopynet.data.seeds import mix
from loopynet.errors import DataError
from loopynet.network.loss import IGNORED
from loopynet.spec.training import Protocol


class Batches:
    """An iterable over (images float32 [n, C, H, W], labels int64 [n]), ready for the network.

    Label maps come as int64 [n, H, W] with -100, torch's number for it, where there is no label.

    The order of an epoch depends on the seed and the epoch's number only, whatever happened before:
    a run that is continued sees the batches it would have seen. Lightning tells the epoch through
    `sampler.set_epoch`; a loop of your own calls `set_epoch`.

    Args:
        images: the images; the batches are made on the device that their pixels are on.
        preprocessing: turns uint8 pixels into the network's input.
        batch_size: images in a batch; the last one has what is left.
        shuffle: draw a new order in each epoch.
        seed: seed of the order. Default: 0.
        drop_last: leave out a last batch that is not full. Default: False. Set it for training with
            batch normalization if one single image would be left: it has no spread to divide by.
        augment: changes a batch of pixels in 0..1, float32 [n, C, H, W], before the mean is
            subtracted; its random numbers are torch's global ones. Default: None.
        protocol: "standard", each image once; or "published", the windows of the 2016 library,
            whose index moved on by one image and not by one batch: batch i is images i to
            i + batch_size of the order, for i = 0 to N // batch_size. Default: "standard".
        share: which of how many equal shares of each batch this process takes, from 0: every n-th
            image of it. The batches of all processes together are those of one. Default: (0, 1).

    Raises:
        DataError: the batch size is below 1, or the seed is negative.
    """

    batch_sampler = None  # Lightning asks every loader that has a `sampler` for one

    def __init__(
        self,
        images: Images,
        preprocessing: Preprocessing,
        batch_size: int,
        *,
        shuffle: bool,
        seed: int = 0,
        drop_last: bool = False,
        augment: Callable[[Tensor], Tensor] | None = None,
        protocol: Protocol = "standard",
        share: tuple[int, int] = (0, 1),
    ) -> None:
        if batch_size < 1:
            raise DataError(f"the batch size is {batch_size}: make it 1 or more")
        if seed < 0:
            raise DataError(f"the seed of the batches is {seed}: make it 0 or more")
        self.images = images
        self.preprocessing = preprocessing
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        self.augment = augment
        self.protocol = protocol
        self.share = share
        self._epoch = self._done = self._skip = 0

    @property
    def sampler(self) -> Batches:
        """Itself: Lightning calls `loader.sampler.set_epoch(epoch)` before each epoch."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, from 0, whose order the next iteration has."""
        self._epoch = epoch

    def state_dict(self) -> dict[str, int]:
        """Return how many batches of the epoch were given out, for a checkpoint within it."""
        return {"done": self._done}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Let the next iteration begin after that many batches."""
        self._skip = state_dict["done"]

    def __len__(self) -> int:
        return len(self.windows())

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        # A generator: the order is drawn with the first batch, since Lightning, when it continues a
        # run, makes the iterator before it tells the epoch.
        order = self._order().to(self.images.device)
        first, step = self.share
        begin, self._skip = self._skip, 0
        shares = (order[window][first::step] for window in self.windows()[begin:])
        for number, (pixels, labels) in enumerate(self.images.each(shares), begin + 1):
            self._done = number
            yield self._batch(pixels, labels)

    @property
    def distinct(self) -> int:
        """How many different images an epoch sees."""
        return max((window.stop for window in self.windows()), default=0)

    def windows(self) -> list[slice]:
        """Return which places of the order each batch takes."""
        count, size = len(self.images), self.batch_size
        if self.protocol == "published":
            return [slice(i, min(i + size, count)) for i in range(count // size + 1) if i < count]
        end = count - count % size if self.drop_last else count
        return [slice(i, min(i + size, end)) for i in range(0, end, size)]

    def _order(self) -> Tensor:
        if not self.shuffle:
            return torch.arange(len(self.images))
        generator = torch.Generator().manual_seed(mix(self.seed, self._epoch))
        return torch.randperm(len(self.images), generator=generator)

    def _batch(self, pixels: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        if labels.dim() > 1:
            labels = labels.long().masked_fill(labels == UNLABELED, IGNORED)
        if self.augment is None:
            return self.preprocessing(pixels), labels
        unit = self.augment(pixels.to(torch.float32) / 255.0)
        return self.preprocessing.normalize(unit * (255.0 * self.preprocessing.scale)), labels
