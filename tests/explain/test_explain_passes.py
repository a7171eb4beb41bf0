"""What is measured of one pass holds without delays on the way forward; others are refused."""

import pytest
import torch

from loopynet.errors import LoopyNetError
from loopynet.explain import dynamics, linearity, spectral_radius
from reference.strategies import tiny
from reference.values import random_input, random_net

PARALLEL = """
input: {shape: [1, 6, 6]}
layers:
  a: {type: conv2d, filters: 2}
  b: {type: conv2d, filters: 2}
  fc: {type: dense, units: 3}
main: [a, b, fc]
loops:
  back: {from: b, to: a, fit: project}
unroll: {steps: 4, schedule: parallel}
"""


@pytest.mark.parametrize("measure", [dynamics, linearity, spectral_radius])
def test_delays_on_the_way_forward_are_refused(measure):
    net = random_net(tiny(PARALLEL)).eval()
    x = random_input(net, 8)
    labels = (torch.arange(8) % 3,) if measure is dynamics else ()
    with pytest.raises(LoopyNetError, match=r'delays on its way forward \(at "b"\)'):
        measure(net, x, *labels)
