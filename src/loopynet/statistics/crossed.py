"""A mean whose interval counts both the choice of seeds and the choice of test images.

Every seed answers the same images, so seeds and images are crossed. The spread of the seeds alone
says nothing of other test images; that of the images alone says nothing of other seeds. The
variance of the mean is that of a two-way layout with one answer in each place:

    V = V_seeds + V_images - V_rest

where V_seeds is the variance of the seeds' means over their number, V_images that of the images'
means over theirs, and V_rest the variance that neither explains over the number of answers, which
both of them contain once. The degrees of freedom are Satterthwaite's.
Source: Searle, Casella and McCulloch, Variance Components, 1992, section 4.5; Satterthwaite, 1946.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Scores = NDArray[np.float64]

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval.

    Attributes:
        mean: the mean.
        low: lower end of the interval; None if a spread cannot be told, as from one seed.
        high: upper end.
        p: two-sided p-value of the mean being zero; None where the interval is.
    """

    mean: float
    low: float | None = None
    high: float | None = None
    p: float | None = None


def mean_over_seeds(values: Scores) -> Estimate:
    """Return the mean of one figure per seed, with Student's interval over the seeds.

    Args:
        values: float64 [S], S >= 1.
    """
    count = len(values)
    if count < 2:
        return Estimate(float(values.mean()))
    return _student(float(values.mean()), float(values.var(ddof=1)) / count, count - 1)


def mean_over_seeds_and_images(scores: Scores) -> Estimate:
    """Return the mean of scores, with an interval over seeds and images.

    With one seed the interval is over the images alone, and with one image over the seeds alone.

    Args:
        scores: float64 [S, M]: how well each of S seeds did on each of M images.
    """
    seeds, images = scores.shape
    mean = float(scores.mean())
    if images == 1:
        return mean_over_seeds(scores[:, 0])
    if seeds == 1:
        return _student(mean, float(scores.var(ddof=1)) / images, images - 1)
    by_seed, by_image = scores.mean(1), scores.mean(0)
    rest = scores - by_seed[:, None] - by_image[None, :] + mean
    over_seeds = float(by_seed.var(ddof=1)) / seeds
    over_images = float(by_image.var(ddof=1)) / images
    left = float((rest**2).sum()) / ((seeds - 1) * (images - 1)) / (seeds * images)
    variance = over_seeds + over_images - left
    # A difference of variances can come out too small by chance; a mean is never surer than with
    # the seeds or the images held fixed.
    if variance <= max(over_seeds, over_images):
        freedom = seeds - 1 if over_seeds >= over_images else images - 1
        return _student(mean, max(over_seeds, over_images), freedom)
    terms = (
        (over_seeds, seeds - 1),
        (over_images, images - 1),
        (left, (seeds - 1) * (images - 1)),
    )
    freedom = variance**2 / sum(v**2 / f for v, f in terms)
    return _student(mean, variance, freedom)


def _student(mean: float, variance: float, freedom: float) -> Estimate:
    """Return the interval of Student's t for a mean of the given variance."""
    if isnan(variance):
        return Estimate(mean)
    error = sqrt(variance)
    if error == 0:
        return Estimate(mean, mean, mean, 1.0 if mean == 0 else 0.0)
    reach = float(stats.t.ppf(0.5 + CONFIDENCE / 2, freedom)) * error
    p = 2 * float(stats.t.sf(abs(mean) / error, freedom))
    return Estimate(mean, mean - reach, mean + reach, p)
