"""A small network with two loops and a skip, to export."""

from __future__ import annotations

from loopynet import LoopyNet
from reference.examples import TWO_LOOPS
from reference.strategies import tiny
from reference.values import random_net


def small_net(tied: bool = True, **changes: object) -> LoopyNet:
    """Return the network with random weights and statistics, in float64, evaluating."""
    net = random_net(tiny(TWO_LOOPS, **changes)).eval()
    return net if tied else net.untie()
