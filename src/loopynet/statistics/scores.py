"""From right and wrong answers to one score per image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from loopynet.statistics.crossed import Scores


def image_scores(right: NDArray[np.bool_], weights: NDArray[np.int64]) -> Scores:
    """Return scores whose plain mean is the weighted share of right answers.

    With equal weights a score is 1 or 0. In the published protocol images count unequally often;
    an image's score is then its influence on the weighted mean, so that the spread of the scores
    gives the error of that mean (linearization of a ratio).

    Args:
        right: bool [S, M], or differences of two such as float64 [S, M].
        weights: int64 [M], how often each image counts.

    Returns:
        float64 [S, M].
    """
    values = right.astype(np.float64)
    means = (values * weights).sum(-1, keepdims=True) / weights.sum()
    scores: Scores = means + (weights / weights.mean()) * (values - means)
    return scores
