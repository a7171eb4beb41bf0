"""Which images are for training, validation and testing.

Index arrays only, computed from counts, labels and a seed: no images are touched here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from loopynet.errors import DataError
from loopynet.spec.data import Split

Indices = NDArray[np.int64]

# The splits of the papers: validation images come from the official training set, test images are
# the first ones of the official test set.
PUBLISHED = {
    "mnist": Split(train=40_000, validation=10_000, test=10_000),
    "cifar10": Split(train=20_000, validation=1_000, test=1_000),
}
_STANDARD_SEED = 0
_STANDARD_VALIDATION = 10  # one in ten training images, where there is a test set
_STANDARD_CUTS = (0.70, 0.85)  # train, validation and test, where there is none


@dataclass(frozen=True, eq=False)
class SplitIndices:
    """The rows of each part.

    Args:
        train: int64 [n], rows of the official training set.
        validation: int64 [n], rows of the official training set; may be empty.
        test: int64 [n], rows of the official test set if `official_test`, else of the only set.
        official_test: whether the data set has a test set of its own.
        name: "standard", "published" or "counts".
        seed: the seed of the draw.
    """

    train: Indices
    validation: Indices
    test: Indices
    official_test: bool
    name: str
    seed: int

    def fingerprint(self) -> str:
        """Return the SHA-256 of the three index arrays: equal for equal selections only."""
        digest = hashlib.sha256()
        for part in (self.train, self.validation, self.test):
            digest.update(len(part).to_bytes(8, "little") + part.astype("<i8").tobytes())
        return digest.hexdigest()


def split_indices(
    n_train: int,
    n_test: int | None,
    name: str,
    labels: NDArray[np.int64],
    split: Literal["standard", "published"] | Split,
) -> SplitIndices:
    """Choose the rows of each part; the same arguments always give the same rows.

    "standard" keeps the official test set and draws a tenth of the training set for validation;
    without a test set it cuts every class 70/15/15. "published" takes the counts of the papers
    (MNIST and CIFAR-10 only). A `Split` draws training and validation images from the official
    training set and takes the first `test` images of the official test set in their order; without
    a test set the test images are drawn too.

    Args:
        n_train: rows of the official training set.
        n_test: rows of the official test set, or None if there is none.
        name: the data set's name; finds the published split and is used in messages.
        labels: int64 [n_train], the training set's labels; only classes are balanced by them.
        split: the split of the data spec.

    Raises:
        DataError: more images asked for than there are, a part would be empty, or the data set has
            no published split.
    """
    _check_enough(name, "training set", n_train, 1)
    if split == "standard":
        train, validation, test = _standard(n_train, n_test, labels)
        return SplitIndices(train, validation, test, n_test is not None, "standard", _STANDARD_SEED)
    kind = "published" if split == "published" else "counts"
    split = _published(name) if split == "published" else split
    if n_test is None:
        train, validation, test = _drawn(n_train, name, split)
    else:
        train, validation = _drawn_train(n_train, name, split)
        test = _first(n_test, name, split)
    return SplitIndices(train, validation, test, n_test is not None, kind, split.seed)


def _published(name: str) -> Split:
    if name not in PUBLISHED:
        raise DataError(
            f'the data set "{name}" has no published split, only {" and ".join(PUBLISHED)} have: '
            "write data.split: standard, or the counts of a split"
        )
    return PUBLISHED[name]


def _standard(
    n_train: int, n_test: int | None, labels: NDArray[np.int64]
) -> tuple[Indices, Indices, Indices]:
    draw = np.random.default_rng(_STANDARD_SEED)
    if n_test is not None:
        order = draw.permutation(n_train)
        held = n_train // _STANDARD_VALIDATION
        return order[held:], order[:held], np.arange(n_test)
    parts: tuple[list[Indices], list[Indices], list[Indices]] = ([], [], [])
    for label in np.unique(labels):
        order = draw.permutation(np.flatnonzero(labels == label))
        cuts = [round(cut * len(order)) for cut in _STANDARD_CUTS]
        for part, rows in zip(parts, np.split(order, cuts), strict=True):
            part.append(rows)
    train, validation, test = (draw.permutation(np.concatenate(part)) for part in parts)
    return train, validation, test


def _drawn_train(n_train: int, name: str, split: Split) -> tuple[Indices, Indices]:
    """Draw training and validation rows from an official training set."""
    train = n_train - split.validation if split.train is None else split.train
    _check_enough(name, "training set", n_train, max(train, 1) + split.validation)
    order = _order(n_train, split)
    return order[:train], order[train : train + split.validation]


def _first(n_test: int, name: str, split: Split) -> Indices:
    test = n_test if split.test is None else split.test
    _check_enough(name, "test set", n_test, test)
    return np.arange(test)


def _drawn(n: int, name: str, split: Split) -> tuple[Indices, Indices, Indices]:
    """Draw all three parts from the only set there is; a null count takes what is left."""
    if split.train is None and split.test is None:
        raise DataError(
            f'the data set "{name}" has no test set of its own: write how many images are for '
            "testing in data.split.test, or for training in data.split.train"
        )
    train, test = split.train, split.test
    if train is None:
        train = n - split.validation - (test or 0)
    if test is None:
        test = n - split.validation - train
    _check_enough(name, "only set", n, max(train, 1) + split.validation + max(test, 1))
    order = _order(n, split)
    cuts = [train, train + split.validation, train + split.validation + test]
    parts = np.split(order, cuts)
    return parts[0], parts[1], parts[2]


def _order(n: int, split: Split) -> Indices:
    return np.random.default_rng(split.seed).permutation(n)


def _check_enough(name: str, part: str, available: int, wanted: int) -> None:
    if wanted > available:
        raise DataError(
            f'the split needs {wanted:,} images from the {part} of "{name}", which has '
            f"{available:,}: lower the counts in data.split"
        )
