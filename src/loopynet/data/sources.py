"""The data sets that have a name, and how a name is found: built in, a folder, or on the hub."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from loopynet.data.folders import open_folder
from loopynet.data.maps import ArrayMaps
from loopynet.data.rows import ArrayRows, Source
from loopynet.data.scenes import SCENE_CLASSES, make_scenes
from loopynet.data.tables import open_hub
from loopynet.errors import DataError, SpecError, did_you_mean
from loopynet.parts.registry import Registry
from loopynet.spec.data import DataSpec

Opener = Callable[[DataSpec], Source]

DATASETS: Registry[Opener] = Registry("data set", "loopynet.datasets")
register_dataset = DATASETS.register
"""Decorate a function that returns a `Source`, to register it as the data set of a name."""

DATA_VARIABLE = "LOOPYNET_DATA"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


@register_dataset("digits")
def digits(spec: DataSpec) -> Source:
    """1,797 handwritten digits, gray, 8x8; bundled with scikit-learn, no official test set."""
    data = load_digits()
    pixels = np.rint(data.images * (255 / 16)).astype(np.uint8)
    rows = ArrayRows(pixels, data.target.astype(np.int64), "digits")
    names = tuple(str(name) for name in data.target_names)
    return Source("digits", "scikit-learn: load_digits", rows, class_names=names)


@register_dataset("scenes")
def scenes(spec: DataSpec) -> Source:
    """4,000 + 1,000 made-up landscapes with label maps of 6 classes, color, 32x32."""
    (x, y), (x_test, y_test) = make_scenes(4000, seed=0), make_scenes(1000, seed=1)
    return Source(
        "scenes",
        "made by loopynet.data.scenes",
        ArrayRows(x, np.zeros(len(x), np.int64), "scenes"),
        ArrayRows(x_test, np.zeros(len(x_test), np.int64), "the test set of scenes"),
        class_names=SCENE_CLASSES,
        train_maps=ArrayMaps(y, "scenes"),
        test_maps=ArrayMaps(y_test, "scenes"),
    )


@register_dataset("mnist")
def mnist(spec: DataSpec) -> Source:
    """60,000 + 10,000 handwritten digits, gray, 28x28."""
    return _named(spec, "mnist", "ylecun/mnist")


@register_dataset("cifar10")
def cifar10(spec: DataSpec) -> Source:
    """50,000 + 10,000 photographs of 10 classes, color, 32x32."""
    return _named(spec, "cifar10", "uoft-cs/cifar10")


@register_dataset("cifar100")
def cifar100(spec: DataSpec) -> Source:
    """50,000 + 10,000 photographs of 100 classes ("fine" labels), color, 32x32."""
    fine = spec.model_copy(update={"label_key": spec.label_key or "fine_label"})
    return _named(fine, "cifar100", "uoft-cs/cifar100")


@register_dataset("fashion_mnist")
def fashion_mnist(spec: DataSpec) -> Source:
    """60,000 + 10,000 pictures of clothes, gray, 28x28."""
    source = _named(spec, "fashion_mnist", "zalando-datasets/fashion_mnist")
    return replace(source, class_names=source.class_names or _FASHION_CLASSES)


def open_source(spec: DataSpec) -> Source:
    """Find and open the data set that a spec names.

    A name is looked up as: one that begins with ".", "/" or "~" is a folder; a registered name;
    a folder that exists; a folder in $LOOPYNET_DATA; a hub id such as "org/name".

    Raises:
        DataError: there is no such data set, or it cannot be read.
    """
    if not spec.name.startswith((".", "/", "~")):
        try:
            opener = DATASETS.get(spec.name)
        except SpecError:
            return _open_unregistered(spec)
        return opener(spec)
    return open_folder(Path(spec.name).expanduser(), _keys(spec))


def _open_unregistered(spec: DataSpec) -> Source:
    if Path(spec.name).is_dir():
        return open_folder(Path(spec.name), _keys(spec))
    if folder := _data_folder(spec.name):
        return replace(open_folder(folder, _keys(spec)), name=spec.name)
    if _HUB_ID.fullmatch(spec.name):
        return _open_hub(spec.name, spec.name, spec)
    hint = did_you_mean(spec.name, DATASETS.names())
    raise DataError(
        f'no data set "{spec.name[:80]}": it is none of {", ".join(DATASETS.names())}, no folder '
        f'and no hub id such as "org/name" ({_tried(spec.name)}): correct data.name.{hint}'
    )


def _named(spec: DataSpec, name: str, hub_id: str) -> Source:
    if folder := _data_folder(name):
        return replace(open_folder(folder, _keys(spec)), name=name)
    return replace(_open_hub(name, hub_id, spec), name=name)


def _open_hub(name: str, hub_id: str, spec: DataSpec) -> Source:
    try:
        return open_hub(hub_id, _keys(spec))
    except DataError as error:
        # a data set that was loaded, but lacks a column, is not one that could not be reached
        if error.__cause__ is None:
            raise
        raise DataError(
            f'the data set "{name}" was not found ({_tried(name)}; on the hub, {error}): check the '
            f"network, or set {DATA_VARIABLE} to a folder that has it as {name}/"
        ) from error


def _data_folder(name: str) -> Path | None:
    root = os.environ.get(DATA_VARIABLE)
    folder = Path(root).expanduser() / name if root else None
    return folder if folder is not None and folder.is_dir() else None


def _tried(name: str) -> str:
    root = os.environ.get(DATA_VARIABLE)
    if not root:
        return f"{DATA_VARIABLE} is not set"
    return f"{DATA_VARIABLE} has no folder {Path(root) / name}"


def _keys(spec: DataSpec) -> tuple[str | None, str | None]:
    return spec.image_key, spec.label_key
