"""The original file format of MNIST and Fashion-MNIST: IDX, plain or compressed by gzip."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import Protocol

import numpy as np

from loopynet.data.decode import Pixels
from loopynet.data.rows import ArrayRows
from loopynet.errors import DataError

_LARGEST = 2**32
"""Bytes: 5 million images of MNIST's size."""
_PART = 2**20
_PREFIXES = {"train": "train", "test": "t10k"}


def has_idx_files(folder: Path) -> bool:
    """Return whether a folder has the IDX file of training images."""
    return _find(folder, "train-images-idx3-ubyte") is not None


def open_idx(folder: Path) -> tuple[ArrayRows, ArrayRows | None]:
    """Read the training and, if there, the test images of a folder of IDX files.

    Raises:
        DataError: a file is missing, damaged, or the counts of images and labels differ.
    """
    train = _rows(folder, "train")
    test = _rows(folder, "test") if _find(folder, "t10k-images-idx3-ubyte") else None
    return train, test


def _rows(folder: Path, split: str) -> ArrayRows:
    prefix = _PREFIXES[split]
    images = _read(folder, f"{prefix}-images-idx3-ubyte", dimensions=3)
    labels = _read(folder, f"{prefix}-labels-idx1-ubyte", dimensions=1)
    if len(images) != len(labels):
        raise DataError(
            f"{folder} has {len(images)} {split} images but {len(labels)} labels: "
            "download its files again"
        )
    return ArrayRows(images, labels.astype(np.int64), f"{folder / prefix}-images-idx3-ubyte")


def _find(folder: Path, name: str) -> Path | None:
    return next((f for f in (folder / name, folder / f"{name}.gz") if f.is_file()), None)


def _read(folder: Path, name: str, dimensions: int) -> Pixels:
    file = _find(folder, name)
    if file is None:
        raise DataError(f"{folder} has no file {name} or {name}.gz: add it")
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            return _numbers(stream, dimensions, file)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{file} cannot be read ({error}): download it again") from error


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes."""


def _numbers(stream: _Readable, dimensions: int, file: Path) -> Pixels:
    """Return the numbers of an open IDX file; no more is read, or unpacked, than its head says."""
    # two zero bytes, 8 for unsigned bytes, the number of dimensions, then each size
    header = stream.read(4 + 4 * dimensions)
    sizes = np.frombuffer(header[4:], dtype=">u4").tolist() if len(header) % 4 == 0 else []
    count = math.prod(sizes)
    if header[:4] != bytes((0, 0, 8, dimensions)) or len(sizes) != dimensions or count > _LARGEST:
        raise DataError(f"{file} is damaged or no IDX file of bytes: download it again")
    data = bytearray()
    while len(data) <= count and (part := stream.read(min(_PART, count + 1 - len(data)))):
        data += part
    if len(data) != count:
        raise DataError(f"{file} is damaged or no IDX file of bytes: download it again")
    return np.frombuffer(data, dtype=np.uint8).reshape(sizes)
