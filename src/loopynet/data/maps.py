"""Label maps: a class for each position of an image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loopynet.data.decode import Frame, Pixels, decode_map
from loopynet.data.stored import IN_THE_TABLE, Stored
from loopynet.errors import DataError

UNLABELED = 255
"""Stands in a stored map for a position without a label."""

_MODES = ("L", "P", "1")  # the numbers themselves, or those of a palette's colors


class Maps(Protocol):
    """The label maps of a data set's rows."""

    def read(self, indices: NDArray[np.int64], frame: Frame) -> Tensor:
        """Return the maps of these rows, uint8 [n, H, W], in the frame's height and width."""


@dataclass(frozen=True, eq=False)
class ArrayMaps:
    """Label maps that are in memory already.

    Args:
        maps: uint8 [N, H, W], class numbers from 0, or 255 where there is none.
        origin: what messages call the set.
    """

    maps: Pixels
    origin: str

    def read(self, indices: NDArray[np.int64], frame: Frame) -> Tensor:
        """Return the maps of these rows, uint8 [n, H, W], in the frame's height and width."""
        maps = torch.from_numpy(self.maps[indices])
        return _framed(maps, frame, f"a label map of {self.origin}")


@dataclass(frozen=True, eq=False)
class EncodedMaps:
    """Label maps as encoded bytes or as paths, in an Arrow column.

    Args:
        column: a pyarrow ChunkedArray of struct<bytes: binary, path: string>; gray images whose
            values are the class numbers, or images with a palette, whose numbers they are.
        name_row: what messages call a row.
        stored: where paths may lead.
    """

    column: Any
    name_row: Callable[[int], str]
    stored: Stored = IN_THE_TABLE

    def read(self, indices: NDArray[np.int64], frame: Frame) -> Tensor:
        """Return the maps of these rows, uint8 [n, H, W], in the frame's height and width."""
        out = torch.empty((len(indices), *frame.shape[1:]), dtype=torch.uint8)
        for place, row in enumerate(indices.tolist()):
            where = f"the label map of {self.name_row(row)}"
            out[place] = _framed(self._decode(row, where)[None], frame, where)[0]
        return out

    def _decode(self, row: int, where: str) -> Tensor:
        cell = self.column[row].as_py()
        mode, pixels = decode_map(self.stored.file(cell, where), where)
        if mode not in _MODES:
            raise DataError(
                f"{where} has the mode {mode}: write class numbers as an 8-bit gray image"
            )
        return torch.from_numpy(pixels.astype(np.uint8))


def on_grid(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return label maps on another grid: each position takes the label nearest to its middle.

    Of two labels that are equally near, it takes the lower or the right one.

    Args:
        maps: [N, H, W].
        size: height and width.
    """
    rows, columns = (
        (2 * torch.arange(new) + 1) * old // (2 * new)
        for new, old in zip(size, maps.shape[1:], strict=True)
    )
    return maps[:, rows][:, :, columns]


def _framed(maps: Tensor, frame: Frame, where: str) -> Tensor:
    if tuple(maps.shape[1:]) == frame.shape[1:]:
        return maps
    if not frame.resize:
        raise DataError(
            f"{where} has shape {list(maps.shape[1:])}, but the network takes "
            f"{list(frame.shape)}: write data.resize: true"
        )
    return on_grid(maps, frame.shape[1:])
