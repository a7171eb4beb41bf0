"""The original file format of MNIST and Fashion-MNIST: IDX, plain or compressed by gzip."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from loopynet.data.decode import Pixels
from loopynet.data.rows import ArrayRows
from loopynet.errors import DataError

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
        raw = file.read_bytes()
        data = gzip.decompress(raw) if file.suffix == ".gz" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{file} cannot be read ({error}): download it again") from error
    header = 4 + 4 * dimensions
    # two zero bytes, 8 for unsigned bytes, the number of dimensions, then each size
    sizes = np.frombuffer(data[4:header], dtype=">u4").tolist() if len(data) >= header else []
    if data[:4] != bytes((0, 0, 8, dimensions)) or len(data) != header + math.prod(sizes):
        raise DataError(f"{file} is damaged or no IDX file of bytes: download it again")
    return np.frombuffer(data, dtype=np.uint8, offset=header).reshape(sizes)
