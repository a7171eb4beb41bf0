"""A small network with two loops and a skip, to export."""

from __future__ import annotations

from loopynet import LoopyNet
from reference.strategies import tiny
from reference.values import random_net

TEXT = """
name: example
input: {shape: [3, 6, 6]}
layers:
  stem: {type: conv2d, filters: 4, activation: relu}
  conv_1: {type: conv2d, filters: 4, activation: relu}
  pool: {type: pool2d}
  conv_2: {type: conv2d, filters: 4, activation: relu}
  fc: {type: dense, units: 3}
  way: {type: conv2d, filters: 2, activation: tanh}
main: [stem, conv_1, pool, conv_2, fc]
loops:
  back: {from: conv_2, to: conv_1, through: [way], fit: project, merge: gate}
  far: {from: conv_2, to: pool, delay: 2, fit: resize, merge: concat}
skips:
  over: {from: stem, to: conv_2, fit: project}
unroll: {steps: 3}
norm: {type: batch, over_time: per_step}
"""


def small_net(tied: bool = True, **changes: object) -> LoopyNet:
    """Return the network with random weights and statistics, in float64, evaluating."""
    net = random_net(tiny(TEXT, **changes)).eval()
    return net if tied else net.untie()
