"""Which column of a table has the images and which the labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from datasets import ClassLabel, Image, Value

from loopynet.errors import DataError

Features = Mapping[str, Any]


def image_column(features: Features, key: str | None, origin: str, label: str | None = None) -> str:
    """Return the name of the image column.

    Args:
        features: a table's columns and their `datasets` features.
        key: the column's name if the user gave one.
        origin: what messages call the data set.
        label: the column of labels if the user gave one; it may hold label maps.

    Raises:
        DataError: no such column, one that has no images, or several to choose from.
    """
    if key is not None:
        return _named(features, key, _may_be_image, "image", origin)
    images = [name for name in features if _is_image(features[name])]
    if len(images) > 1:
        images = [name for name in images if name != label]
    return _found(images, "image", features, origin)


def label_column(features: Features, key: str | None, origin: str) -> str:
    """Return the name of the label column: class labels are preferred to plain integers.

    Words serve as labels in a column that is called "label", or that the key names.

    Of several candidates, one that is called "label" is taken. Arguments and errors are those of
    `image_column`.
    """
    if key is not None:
        return _named(features, key, _is_label, "label", origin)
    classes = [name for name, feature in features.items() if isinstance(feature, ClassLabel)]
    names = classes or [name for name in features if _is_number(features[name])]
    if not names and "label" in features and _is_label(features["label"]):
        return "label"  # words: only under this name, since any column may hold words
    return "label" if "label" in names else _found(names, "label", features, origin)


def holds_maps(features: Features, key: str) -> bool:
    """Say whether the label column that the user gave has images: label maps."""
    return key in features and _may_be_image(features[key])


def _is_image(feature: Any) -> bool:
    """Whether the feature is an image, or the bytes of one without the feature's metadata."""
    if isinstance(feature, Mapping):
        return set(feature) == {"bytes", "path"}
    return isinstance(feature, Image)


def _may_be_image(feature: Any) -> bool:
    """Whether the feature can be read as an image if the user says that it is one."""
    return _is_image(feature) or (isinstance(feature, Value) and "binary" in str(feature.dtype))


def _is_label(feature: Any) -> bool:
    return isinstance(feature, ClassLabel) or _is_number(feature) or is_word(feature)


def _is_number(feature: Any) -> bool:
    return isinstance(feature, Value) and str(feature.dtype).startswith(("int", "uint"))


def is_word(feature: Any) -> bool:
    """Say whether a column holds texts."""
    return isinstance(feature, Value) and str(feature.dtype) in ("string", "large_string")


def _named(
    features: Features, key: str, fits: Callable[[Any], bool], kind: str, origin: str
) -> str:
    if key not in features:
        raise DataError(
            f'{origin} has no column "{key}", only {_listing(features)}: change data.{kind}_key'
        )
    if not fits(features[key]):
        wanted = "images" if kind == "image" else "class labels or integers"
        raise DataError(f'the column "{key}" of {origin} has no {wanted}: change data.{kind}_key')
    return key


def _found(names: list[str], kind: str, features: Features, origin: str) -> str:
    if len(names) == 1:
        return names[0]
    if not names:
        raise DataError(
            f"{origin} has no {kind} column among {_listing(features)}: "
            f"name the {kind} column in data.{kind}_key, or add one"
        )
    raise DataError(
        f"{origin} has several {kind} columns, {', '.join(names)}: choose one in data.{kind}_key"
    )


def _listing(features: Features) -> str:
    return ", ".join(features) or "no columns at all"
