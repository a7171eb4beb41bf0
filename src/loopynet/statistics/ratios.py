"""The ratio of two figures that were taken in turns."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Ratio:
    """How one figure compares with another over several rounds.

    Attributes:
        median: of the rounds' ratios.
        low: the least of them.
        high: the largest.
    """

    median: float
    low: float
    high: float


def ratio(ones: Sequence[float], others: Sequence[float]) -> Ratio:
    """Return one over other, round by round: what changed between rounds cancels.

    Args:
        ones: one figure for each round.
        others: as many, taken in the same rounds.
    """
    found = sorted(one / other for one, other in zip(ones, others, strict=True))
    return Ratio(statistics.median(found), found[0], found[-1])
