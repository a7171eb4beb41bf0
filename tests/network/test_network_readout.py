"""Which unrolls give logits."""

import torch

from loopynet import Each, Last
from loopynet.network.readout import READOUTS


def test_last():
    assert [Last().wants(t, 3) for t in (1, 2, 3)] == [False, False, True]
    logits = torch.randn(2, 5)
    assert Last().join([logits]) is logits


def test_each():
    assert [Each().wants(t, 3) for t in (1, 2, 3)] == [True, True, True]
    logits = [torch.randn(2, 5) for _ in range(3)]
    joined = Each().join(logits)
    assert joined.shape == (3, 2, 5)
    assert all(torch.equal(joined[t], logits[t]) for t in range(3))


def test_readouts_are_values():
    assert Last() == Last()
    assert Last() != Each()
    assert {"last": Last(), "each": Each()} == READOUTS
