"""A threshold of confidence from the logits of all unrolls, and the two ways of running timed."""

import pytest
import torch

from loopynet import Confident
from loopynet.run import ExitTimes, choose_exit, evaluate_exit, exit_point, time_exit, unroll_logits
from loopynet.run.exit_choice import THRESHOLDS


def logits(probability):
    """Return the logits of two classes, the first of which has this probability."""
    return torch.tensor([probability, 1 - probability], dtype=torch.float64).log()


@pytest.fixture
def by_hand():
    """Ten samples of class 0: nine are right at once and surer than 0.7; one is wrong, then right.

    The wrong answer has a probability of 0.755.
    """
    first = torch.stack([*[logits(0.7 + 0.02 * i + 0.005) for i in range(1, 10)], logits(0.245)])
    second = torch.stack([logits(0.99)] * 10)
    return torch.stack([first, second]), torch.zeros(10, dtype=torch.int64)


def test_the_threshold_is_the_first_that_sends_the_wrong_sample_on(by_hand):
    # Confidences of unroll 1 are 0.725, 0.745, ..., 0.885, and 0.755 of the wrong answer.
    found = choose_exit(*by_hand, lost=0.0)
    assert found.rule == Confident(0.76)
    assert found.accuracy == 1
    assert found.mean_unrolls == pytest.approx((7 * 1 + 3 * 2) / 10)


def test_what_may_be_lost_is_lost_for_fewer_unrolls(by_hand):
    found = choose_exit(*by_hand, lost=0.1, before=2)
    assert found.accuracy == 0.9
    assert found.mean_unrolls == 2 + 1
    assert choose_exit(*by_hand, lost=0.09).accuracy == 1


def test_all_unrolls_are_chosen_where_no_threshold_serves(by_hand):
    each, labels = by_hand
    wrong_and_sure = torch.stack([logits(0.001)] * 10)
    found = choose_exit(torch.stack([wrong_and_sure, each[1]]), labels, lost=0.0)
    assert found.rule is None
    assert found.mean_unrolls == 2


def test_the_chosen_threshold_is_the_best_of_all_that_were_tried():
    generator = torch.Generator().manual_seed(0)
    each = 2 * torch.randn(4, 400, 3, generator=generator)
    labels = each.sum(0).argmax(-1)
    full = float((each[-1].argmax(-1) == labels).double().mean())
    found = choose_exit(each, labels, lost=0.02)
    kept = []
    for p in THRESHOLDS:
        right, unrolls = [], []
        for i in range(400):
            confident = [t for t in range(4) if each[t, i].softmax(0).max() >= p]
            t = min([*confident, 3])
            right.append(int(each[t, i].argmax()) == int(labels[i]))
            unrolls.append(t + 1)
        if sum(right) / 400 >= full - 0.02:
            kept.append(sum(unrolls) / 400)
    assert found.mean_unrolls == pytest.approx(min([*kept, 4]))


def test_a_point_is_what_a_run_of_its_rule_gives(parts):
    each, labels = unroll_logits(*parts)
    assert each.shape == (4, 300, 3)
    for rule in (None, Confident(0.4), Confident(0.6)):
        point, run = exit_point(each, labels, rule), evaluate_exit(*parts, rule)
        assert point.mean_unrolls == pytest.approx(run.mean_unrolls)
        assert point.accuracy == pytest.approx(run.accuracy)


def test_each_batch_is_timed_in_both_ways(parts):
    times = time_exit(*parts, Confident(0.5), batch_size=64)
    assert (times.batch_size, times.images, times.device) == (64, 300, "cpu")
    assert len(times.all_unrolls) == len(times.early) == 5
    assert min(times.all_unrolls + times.early) > 0


def test_the_ratio_is_the_median_of_the_batches(parts):
    times = ExitTimes(2, 8, "cpu", 1, (2.0, 2.0, 1.0, 4.0), (1.0, 1.5, 0.9, 1.0))
    assert times.ratios == [0.25, 0.5, 0.75, 0.9]
    assert times.ratio == pytest.approx(0.625)
    assert times.middle == (0.5, 0.75)
