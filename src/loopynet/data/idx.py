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


def compressed(folder: Path) -> bool:
    """Return whether images in IDX files must be unpacked into memory before any can be read."""
    files = (_find(folder, f"{prefix}-images-idx3-ubyte") for prefix in _PREFIXES.values())
    return any(file is not None and file.suffix == ".gz" for file in files)


def open_idx(folder: Path) -> tuple[ArrayRows, ArrayRows | None]:
    """Open the training and, if there, the test images of a folder of IDX files.

    Files that are not compressed are mapped: images are read when they are looked at.

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
    return ArrayRows(images, np.array(labels, np.int64), f"{folder / prefix}-images-idx3-ubyte")


def _find(folder: Path, name: str) -> Path | None:
    return next((f for f in (folder / name, folder / f"{name}.gz") if f.is_file()), None)


def _read(folder: Path, name: str, dimensions: int) -> Pixels:
    file = _find(folder, name)
    if file is None:
        raise DataError(f"{folder} has no file {name} or {name}.gz: add it")
    try:
        if file.suffix != ".gz":
            return _mapped(file, dimensions)
        with gzip.open(file) as stream:
            return _unpacked(stream, dimensions, file)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{file} cannot be read ({error}): download it again") from error


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes."""


def _mapped(file: Path, dimensions: int) -> Pixels:
    """Return the numbers of an IDX file, of which only those that are looked at are read."""
    with file.open("rb") as stream:
        sizes, offset = _sizes(stream, dimensions, file), stream.tell()
    count = math.prod(sizes)
    if file.stat().st_size != offset + count:
        raise _damaged(file)
    if not count:
        return np.zeros(sizes, np.uint8)
    return np.memmap(file, np.uint8, "r", offset, tuple(sizes))


def _unpacked(stream: _Readable, dimensions: int, file: Path) -> Pixels:
    """Return the numbers of an open IDX file; no more is unpacked than its head says."""
    sizes = _sizes(stream, dimensions, file)
    count, data = math.prod(sizes), bytearray()
    while len(data) <= count and (part := stream.read(min(_PART, count + 1 - len(data)))):
        data += part
    if len(data) != count:
        raise _damaged(file)
    return np.frombuffer(data, dtype=np.uint8).reshape(sizes)


def _sizes(stream: _Readable, dimensions: int, file: Path) -> list[int]:
    # two zero bytes, 8 for unsigned bytes, the number of dimensions, then each size
    header = stream.read(4 + 4 * dimensions)
    sizes: list[int] = np.frombuffer(header[4:], ">u4").tolist() if len(header) % 4 == 0 else []
    right = header[:4] == bytes((0, 0, 8, dimensions)) and len(sizes) == dimensions
    if not right or math.prod(sizes) > _LARGEST:
        raise _damaged(file)
    return sizes


def _damaged(file: Path) -> DataError:
    return DataError(f"{file} is damaged or no IDX file of bytes: download it again")
