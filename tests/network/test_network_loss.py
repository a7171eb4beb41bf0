import math

import pytest
import torch

from loopynet.network.loss import loss_over_time

UNIFORM = torch.zeros(4, 10, dtype=torch.float64)
LABELS = torch.tensor([0, 3, 5, 9])


def sure(classes=10):
    logits = torch.full((4, classes), -100.0, dtype=torch.float64)
    return logits.scatter(1, LABELS[:, None], 100.0)


def test_uniform_logits_cost_the_logarithm_of_the_number_of_classes():
    assert loss_over_time(UNIFORM, LABELS).item() == pytest.approx(math.log(10), abs=1e-12)


def test_last_reads_only_the_last_unroll():
    assert loss_over_time(torch.stack([UNIFORM, sure()]), LABELS, "last").item() < 1e-12


def test_all_is_the_mean_over_unrolls():
    loss = loss_over_time(torch.stack([UNIFORM, sure(), sure(), UNIFORM]), LABELS, "all")
    assert loss.item() == pytest.approx(math.log(10) / 2, abs=1e-12)


def test_weights_are_normalized():
    loss = loss_over_time(torch.stack([UNIFORM, sure()]), LABELS, (1.0, 3.0))
    assert loss.item() == pytest.approx(math.log(10) / 4, abs=1e-12)


def test_label_smoothing_spreads_the_label():
    logits = torch.randn(4, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    logs = logits.log_softmax(-1)
    target = torch.full((4, 10), 0.01, dtype=torch.float64)
    target[torch.arange(4), LABELS] += 0.9
    expected = -(target * logs).sum(-1).mean()
    assert torch.allclose(loss_over_time(logits, LABELS, "last", 0.1), expected, atol=1e-12)
