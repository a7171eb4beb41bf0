"""How well label maps are answered: over all positions, and class by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class MapScores:
    """Figures of label maps, over the labeled positions of all images.

    Attributes:
        positions: how many there are.
        mean_class_accuracies: at each unroll that gives logits, the mean over classes of the share
            of a class's positions that are answered rightly; classes without a position are left
            out.
        mean_ious: at the same unrolls, the mean over classes of intersection over union: positions
            of a class that are answered rightly, among those that are of the class or answered so;
            classes that are neither anywhere are left out.
        class_accuracies: of each class at the last unroll; None for one without a position.
        class_ious: the same of intersection over union.
        class_positions: how many positions each class has.
    """

    positions: int
    mean_class_accuracies: tuple[float, ...]
    mean_ious: tuple[float, ...]
    class_accuracies: tuple[float | None, ...]
    class_ious: tuple[float | None, ...]
    class_positions: tuple[int, ...]


def map_scores(confusions: Sequence[Tensor]) -> MapScores:
    """Return the figures of confusion matrices.

    Args:
        confusions: of each unroll, int64 [classes, classes]: how many positions of the class of the
            row were answered as that of the column.
    """
    ratios = [_ratios(confusion.cpu().double()) for confusion in confusions]
    of_class = confusions[-1].sum(1).tolist()
    accuracies, ious = ratios[-1]
    return MapScores(
        positions=sum(of_class),
        mean_class_accuracies=tuple(float(a.nanmean()) for a, _ in ratios),
        mean_ious=tuple(float(i.nanmean()) for _, i in ratios),
        class_accuracies=_plain(accuracies),
        class_ious=_plain(ious),
        class_positions=tuple(of_class),
    )


def right_share(confusion: Tensor) -> float:
    """Return the share of all positions that were answered rightly, 0 to 1."""
    return float(confusion.diagonal().sum().double() / confusion.sum())


def _ratios(confusion: Tensor) -> tuple[Tensor, Tensor]:
    """Return accuracy and intersection over union of each class; NaN where there is none."""
    right, of_class = confusion.diagonal(), confusion.sum(1)
    return right / of_class, right / (of_class + confusion.sum(0) - right)


def _plain(values: Tensor) -> tuple[float | None, ...]:
    return tuple(None if torch.isnan(value) else float(value) for value in values)
