"""Intervals over seeds and images: against formulas, and how often they cover the truth."""

import numpy as np
import pytest
from scipy import stats

from loopynet.statistics import image_scores, mean_over_seeds, mean_over_seeds_and_images


def test_over_seeds_is_students_interval():
    values = np.array([0.5, 0.6, 0.65, 0.52])
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    found = mean_over_seeds(values)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.p == pytest.approx(stats.ttest_1samp(values, 0).pvalue)


def test_one_seed_has_no_interval_over_seeds():
    assert mean_over_seeds(np.array([0.5])).low is None


def test_one_seed_is_students_interval_over_the_images():
    scores = np.random.default_rng(0).random((1, 50))
    test = stats.ttest_1samp(scores[0], 0)
    found = mean_over_seeds_and_images(scores)
    assert found.p == pytest.approx(test.pvalue)
    assert found.low == pytest.approx(test.confidence_interval(0.95).low)


def test_one_image_is_the_interval_over_seeds():
    scores = np.random.default_rng(0).random((6, 1))
    assert mean_over_seeds_and_images(scores) == mean_over_seeds(scores[:, 0])


def test_equal_answers_of_all_seeds_leave_the_images_spread():
    row = np.random.default_rng(0).random(80)
    many, one = (mean_over_seeds_and_images(np.tile(row, (n, 1))) for n in (5, 1))
    assert many.low == pytest.approx(one.low, abs=1e-12)


def test_no_spread_at_all():
    same = mean_over_seeds_and_images(np.zeros((3, 9)))
    assert (same.mean, same.low, same.high, same.p) == (0, 0, 0, 1)
    sure = mean_over_seeds_and_images(np.ones((3, 9)))
    assert (sure.low, sure.p) == (1, 0)


@pytest.mark.parametrize(
    ("seed_spread", "image_spread"), [(0.0, 1.0), (0.3, 1.0), (1.0, 0.1), (0.0, 0.0), (0.2, 0.2)]
)
@pytest.mark.parametrize("seeds", [3, 5])
def test_the_interval_covers_the_truth_as_often_as_it_says(seed_spread, image_spread, seeds):
    draw = np.random.default_rng(7)
    covered, rounds, images = 0, 1_000, 60
    for _ in range(rounds):
        scores = (
            seed_spread * draw.standard_normal((seeds, 1))
            + image_spread * draw.standard_normal((1, images))
            + draw.standard_normal((seeds, images))
        )
        found = mean_over_seeds_and_images(scores)
        covered += found.low <= 0 <= found.high
    assert 0.93 <= covered / rounds <= 1.0, covered / rounds


def test_an_interval_over_images_alone_would_not_cover_it():
    """The reason for the crossed interval: with spread between seeds, images alone are too sure."""
    draw = np.random.default_rng(7)
    covered = 0
    for _ in range(300):
        scores = draw.standard_normal((3, 1)) + draw.standard_normal((3, 60))
        found = mean_over_seeds_and_images(scores.mean(0, keepdims=True))
        covered += found.low <= 0 <= found.high
    assert covered / 300 < 0.5


def test_scores_have_the_weighted_mean():
    right = np.array([[1, 0, 1, 1], [0, 0, 1, 0]], dtype=bool)
    weights = np.array([1, 2, 3, 4])
    means = image_scores(right, weights).mean(1)
    assert means == pytest.approx((right * weights).sum(1) / weights.sum())


def test_equal_weights_leave_right_and_wrong():
    right = np.array([[1, 0, 1]], dtype=bool)
    assert image_scores(right, np.array([11, 11, 11])) == pytest.approx(right.astype(float))
