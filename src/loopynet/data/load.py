"""Load a data set: find it, choose its images, decode them, and fit the preprocessing."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loopynet.data.decode import Frame, frame_for
from loopynet.data.image_data import ImageData, Images, part_size
from loopynet.data.maps import UNLABELED, Maps, on_grid
from loopynet.data.preprocessing import Preprocessing
from loopynet.data.rows import NO_LABEL, Rows, Source
from loopynet.data.sources import DATA_VARIABLE, open_source
from loopynet.data.splits import SplitIndices, split_indices
from loopynet.data.streamed import StreamedImages
from loopynet.errors import DataError
from loopynet.graph.costs import show_bytes
from loopynet.graph.free_memory import free_bytes
from loopynet.spec.data import DataSpec

_MAX_CLASSES = 100_000  # a larger integer label is an id of something, not a class


def load_data(
    spec: DataSpec,
    shape: tuple[int, ...],
    classes: int | None,
    *grid: int,
    preprocessing: Preprocessing | None = None,
) -> ImageData:
    """Load the images that a data spec describes into memory, or find them if they stream.

    Args:
        spec: names the data set, its split and its preprocessing.
        shape: the network's input shape (C, H, W).
        classes: the network's number of outputs; None to allow any number of classes.
        grid: height and width of the network's outputs, on which label maps are taken: each
            position has the label nearest to its middle. Default: those of the images.
        preprocessing: that of a run, which is not fitted anew. Default: fitted to the training
            images.

    Returns:
        The training, validation and test images; uint8 pixels, and int64 labels or uint8 maps.

    Raises:
        DataError: the data set is missing or damaged, an image or a label does not fit, there are
            more classes than outputs, it has labels of the other kind than `spec.labels` says, the
            images do not fit the memory, or cannot stream.
    """
    frame = frame_for(shape, resize=spec.resize)
    source = open_source(spec)
    _check_kind(source, spec)
    _check_classes(source, classes)
    labels = source.train.labels
    n_test = None if source.test is None else len(source.test.labels)
    split = split_indices(len(labels), n_test, source.name, labels, spec.split)
    test_rows = source.train if source.test is None else source.test
    test_maps = source.train_maps if source.test is None else source.test_maps

    _check_room(source, spec, split, frame)

    def images(rows: Rows, maps: Maps | None, indices: NDArray[np.int64]) -> Images:
        # labels first: they are checked in no time, images are not
        if maps is None:
            labels = _labels(rows, indices, source, classes)
        else:
            labels = _map_labels(maps, indices, frame, grid or frame.shape[1:])
            limit = len(source.class_names or ()) or classes or UNLABELED
            _check_maps(labels, indices, rows, limit)
        if spec.streaming:
            return StreamedImages(rows, indices, frame, labels)
        return Images(rows.read(indices, frame), labels)

    train = images(source.train, source.train_maps, split.train)
    validation = images(source.train, source.train_maps, split.validation)
    test = images(test_rows, test_maps, split.test)
    return ImageData(
        train=train,
        validation=validation,
        test=test,
        class_names=source.class_names or _numbers(train, validation, test),
        preprocessing=preprocessing or Preprocessing.fit_parts(train.parts(), spec),
        provenance=_provenance(spec, source, split),
    )


def load_part(
    spec: DataSpec,
    shape: tuple[int, ...],
    part: Literal["train", "validation", "test"],
    most: int,
) -> Images:
    """Load the first images of one part, without decoding any other.

    Args:
        spec: as for `load_data`.
        shape: the network's input shape (C, H, W).
        part: which.
        most: how many images at most.

    Raises:
        DataError: as `load_data`; or the data set has a map of labels for each image.
    """
    frame = frame_for(shape, resize=spec.resize)
    source = open_source(spec)
    if source.train_maps is not None:
        raise DataError(f'the data set "{source.name}" has maps of labels: load_data reads it')
    n_test = None if source.test is None else len(source.test.labels)
    labels = source.train.labels
    split = split_indices(len(labels), n_test, source.name, labels, spec.split)
    rows = source.test if part == "test" and source.test is not None else source.train
    indices = getattr(split, part)[:most]
    return Images(rows.read(indices, frame), _labels(rows, indices, source, None))


def _check_room(source: Source, spec: DataSpec, split: SplitIndices, frame: Frame) -> None:
    """Raise DataError if the images cannot be read as asked: at once, or batch by batch."""
    if spec.streaming:
        if source.cannot_stream is not None:
            raise DataError(f'the data set "{source.name}" cannot stream: {source.cannot_stream}')
        return
    count = len(split.train) + len(split.validation) + len(split.test)
    needed, free = count * math.prod(frame.shape), free_bytes()
    if needed > free:
        raise DataError(
            f'the {count:,} images of "{source.name}" need {show_bytes(needed)} in memory, and '
            f"{show_bytes(free)} are free: write data.streaming: true, which reads them batch by "
            "batch"
        )


def _labels(rows: Rows, indices: NDArray[np.int64], source: Source, classes: int | None) -> Tensor:
    labels = rows.labels[indices]
    _check_labels(labels, indices, rows, source, classes)
    return torch.from_numpy(labels)


def _map_labels(
    maps: Maps, indices: NDArray[np.int64], frame: Frame, grid: tuple[int, ...]
) -> Tensor:
    """Return label maps on the network's grid, uint8 [n, H, W], read a few at a time."""
    starts = range(0, max(len(indices), 1), step := part_size(frame.shape))
    return torch.cat([on_grid(maps.read(indices[i : i + step], frame), grid) for i in starts])


def _check_maps(labels: Tensor, indices: NDArray[np.int64], rows: Rows, limit: int) -> None:
    """Raise DataError for a label from `limit` on, or a map [n, H, W] without any label."""
    for row, one in zip(indices.tolist(), labels, strict=True):
        known = one[one != UNLABELED]
        if len(known) == 0:
            raise DataError(f"{rows.where(row)} has no labeled position: remove it")
        if int(known.max()) >= limit:
            raise DataError(
                f"the label map of {rows.where(row)} has the label {int(known.max())}, but only 0 "
                f"to {limit - 1} and 255 (none) are allowed: correct the map or remove the image"
            )


def _check_kind(source: Source, spec: DataSpec) -> None:
    if source.train_maps is None and spec.labels == "map":
        raise DataError(
            f'the data set "{source.name}" has one label for each image and no label maps: write '
            "data.labels: image, or name the column of maps in data.label_key"
        )
    if source.train_maps is not None and spec.labels == "image":
        raise DataError(
            f'the data set "{source.name}" has a label for each position: write data.labels: map'
        )


def _check_classes(source: Source, classes: int | None) -> None:
    if classes is not None and source.class_names and len(source.class_names) > classes:
        raise DataError(
            f'the data set "{source.name}" has {len(source.class_names)} classes, but the network '
            f"has {classes} outputs: change the last layer or the data set"
        )


def _check_labels(
    labels: NDArray[np.int64],
    indices: NDArray[np.int64],
    rows: Rows,
    source: Source,
    classes: int | None,
) -> None:
    if source.class_names:
        limit, reason = len(source.class_names), "the data set's classes"
    else:
        limit, reason = classes or _MAX_CLASSES, "the network's outputs" if classes else "allowed"
    wrong = np.flatnonzero((labels < 0) | (labels >= limit))
    if len(wrong) == 0:
        return
    where, label = rows.where(int(indices[wrong[0]])), int(labels[wrong[0]])
    if label == NO_LABEL:
        raise DataError(f"{where} has no label (null): label it or remove it")
    raise DataError(
        f"{where} has the label {label}, but only 0 to {limit - 1} are {reason}: "
        "correct the label or remove the image"
    )


def _numbers(*parts: Images) -> tuple[str, ...]:
    largest = max(int(_known(part.labels).max()) for part in parts if len(part))
    return tuple(str(number) for number in range(largest + 1))


def _known(labels: Tensor) -> Tensor:
    return labels if labels.dim() == 1 else labels[labels != UNLABELED]


def _provenance(spec: DataSpec, source: Source, split: SplitIndices) -> dict[str, Any]:
    test_rows = None if source.test is None else len(source.test.labels)
    return {
        "name": spec.name,
        "origin": _portable(source.origin),
        "available": {"train": len(source.train.labels), "test": test_rows},
        "split": {
            "name": split.name,
            "seed": split.seed,
            "train": len(split.train),
            "validation": len(split.validation),
            "test": len(split.test),
            "sha256": split.fingerprint(),
        },
        "notes": list(source.notes),
    }


def _portable(origin: str) -> str:
    """Return an origin below $LOOPYNET_DATA with the variable's name, so that it tells no paths."""
    folder = os.environ.get(DATA_VARIABLE)
    if folder and Path(origin).is_relative_to(Path(folder)):
        return str(Path(f"${DATA_VARIABLE}") / Path(origin).relative_to(Path(folder)))
    return origin
