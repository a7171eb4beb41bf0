"""Intervals and tests for accuracies of several seeds on the same images."""

from loopynet.statistics.crossed import Estimate, mean_over_seeds, mean_over_seeds_and_images
from loopynet.statistics.holm import holm
from loopynet.statistics.scores import image_scores

__all__ = [
    "Estimate",
    "holm",
    "image_scores",
    "mean_over_seeds",
    "mean_over_seeds_and_images",
]
