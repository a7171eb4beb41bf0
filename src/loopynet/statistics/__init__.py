"""Intervals and tests for accuracies of several seeds on the same images; ratios of times."""

from loopynet.statistics.crossed import Estimate, mean_over_seeds, mean_over_seeds_and_images
from loopynet.statistics.holm import holm
from loopynet.statistics.ratios import Ratio, ratio
from loopynet.statistics.scores import image_scores

__all__ = [
    "Estimate",
    "Ratio",
    "holm",
    "image_scores",
    "mean_over_seeds",
    "mean_over_seeds_and_images",
    "ratio",
]
