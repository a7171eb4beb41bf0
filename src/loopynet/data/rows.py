"""A data set before any of its images is decoded: labels, and a way to read chosen rows."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from loopynet.data.decode import Frame, Pixels, decode_image, fit_image
from loopynet.data.maps import Maps
from loopynet.data.stored import IN_THE_TABLE, Stored

Labels = NDArray[np.int64]

NO_LABEL = int(np.iinfo(np.int64).min)  # stands for a null in a label column
_CHUNK = 256  # rows that a thread decodes at a time, at most


class Rows(Protocol):
    """Rows of labeled images; `labels` is int64 [N] with NO_LABEL where there is none."""

    @property
    def labels(self) -> Labels:
        """Class indices from 0."""

    def read(self, indices: NDArray[np.int64], frame: Frame) -> Tensor:
        """Return the images of these rows, uint8 [n, C, H, W], in the frame's form."""

    def where(self, row: int) -> str:
        """Return what messages call a row: its file, or its number and file."""


@dataclass(frozen=True, eq=False)
class Source:
    """A data set that is found and opened, but not decoded.

    Args:
        name: what messages and the published splits call it.
        origin: the folder's path, the hub id, or the package it came from.
        train: the official training set, or all images if there is no test set.
        test: the official test set, or None.
        class_names: the classes' names, or None if the labels are plain integers.
        notes: what a reader of the provenance should know.
        train_maps: label maps of the rows of `train`, whose labels then say nothing; None if each
            image has one label.
        test_maps: the same of `test`.
        cannot_stream: why its images can only be held whole, and what to do; None if they need not.
    """

    name: str
    origin: str
    train: Rows
    test: Rows | None = None
    class_names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    train_maps: Maps | None = None
    test_maps: Maps | None = None
    cannot_stream: str | None = None


@dataclass(frozen=True, eq=False)
class ArrayRows:
    """Images that are in memory already.

    Args:
        pixels: uint8 [N, H, W], gray, or [N, H, W, 3].
        labels: int64 [N].
        origin: what messages call the set.
    """

    pixels: Pixels
    labels: Labels
    origin: str

    def where(self, row: int) -> str:
        """Return what messages call a row: its number."""
        return f"row {row} of {self.origin}"

    def read(self, indices: NDArray[np.int64], frame: Frame) -> Tensor:
        """Return the images of these rows, uint8 [n, C, H, W], in the frame's form."""
        pixels = self.pixels[indices]
        channels_first = pixels[:, None] if pixels.ndim == 3 else pixels.transpose(0, 3, 1, 2)
        if frame.shape == channels_first.shape[1:]:
            return torch.from_numpy(np.ascontiguousarray(channels_first))

        def decode(row: int) -> Pixels:
            return fit_image(Image.fromarray(self.pixels[row]), frame, self.where(row))

        return _read(indices, frame, decode)


@dataclass(frozen=True, eq=False)
class EncodedRows:
    """Images as encoded bytes or as paths, in an Arrow column.

    Args:
        column: a pyarrow ChunkedArray of struct<bytes: binary, path: string>.
        labels: int64 [N].
        name_row: what messages call a row that is no file of its own.
        stored: where paths may lead.
    """

    column: Any
    labels: Labels
    name_row: Callable[[int], str]
    stored: Stored = IN_THE_TABLE

    def where(self, row: int) -> str:
        """Return what messages call a row: its file, or its number and table."""
        image = self.column[row].as_py()
        if image and image["bytes"] is None and image["path"]:
            return str(image["path"])
        return self.name_row(row)

    def read(self, indices: NDArray[np.int64], frame: Frame) -> Tensor:
        """Return the images of these rows, uint8 [n, C, H, W], in the frame's form."""
        return _read(indices, frame, lambda row: self._decode(row, frame))

    def _decode(self, row: int, frame: Frame) -> Pixels:
        where = self.where(row)
        return decode_image(self.stored.file(self.column[row].as_py(), where), frame, where)


def _read(indices: NDArray[np.int64], frame: Frame, decode: Callable[[int], Pixels]) -> Tensor:
    """Decode rows straight into one tensor, uint8 [n, C, H, W]."""
    out = torch.empty((len(indices), *frame.shape), dtype=torch.uint8)
    view = out.numpy()
    threads = min(8, os.cpu_count() or 1)
    chunk = min(_CHUNK, max(1, -(-len(indices) // threads)))

    def fill(start: int) -> None:
        for place, row in enumerate(indices[start : start + chunk].tolist(), start):
            view[place] = decode(row)

    # Pillow's decoders release the interpreter lock, so threads do decode side by side
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(fill, range(0, len(indices), chunk)):
            pass
    return out
