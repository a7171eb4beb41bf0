"""One pass as a function of the carry, with delays on the way forward too where that is sound."""

import pytest
import torch

from loopynet.errors import LoopyNetError
from loopynet.explain import dynamics, linearity, spectral_radius
from loopynet.explain.passes import pass_function
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


@pytest.mark.parametrize("measure", [dynamics, linearity])
def test_delays_on_the_way_forward_are_refused(measure):
    net = random_net(tiny(PARALLEL)).eval()
    x = random_input(net, 8)
    labels = (torch.arange(8) % 3,) if measure is dynamics else ()
    with pytest.raises(LoopyNetError, match=r'delays on its way forward \(at "b"\)'):
        measure(net, x, *labels)


LINEAR = """
input: {shape: [3]}
layers:
  a: {type: dense, units: 3}
  b: {type: dense, units: 3}
  fc: {type: dense, units: 2}
main: [a, b, fc]
loops:
  back: {from: b, to: a}
unroll: {steps: 6, schedule: parallel}
"""


def test_in_parallel_a_round_takes_as_many_passes_as_layers():
    net = random_net(tiny(LINEAR)).eval()
    found = spectral_radius(net, random_input(net), after=4)
    around = net.layers["b"].op.weight @ net.layers["a"].op.weight
    wanted = torch.linalg.eigvals(around).abs().max().sqrt()
    assert torch.allclose(found.radius, wanted.expand(3), rtol=1e-9)


DELAYS = """
input: {shape: [2, 3, 3]}
layers:
  stem: {type: conv2d, filters: 2}
  a: {type: conv2d, filters: 2, activation: tanh}
  b: {type: conv2d, filters: 2, activation: relu}
  c: {type: conv2d, filters: 2, activation: tanh}
  fc: {type: dense, units: 3}
main: [stem, a, b, c, fc]
loops:
  back: {from: c, to: a, merge: mul}
  far: {from: b, to: a, delay: 2}
skips:
  over: {from: a, to: c, delay: 2, merge: gate}
norm: {type: batch, over_time: per_step}
unroll: {steps: 9, delays: {b: 2, c: 1}, initial: INITIAL}
"""


@pytest.mark.parametrize("initial", ["absent", "zero"])
def test_delays_on_the_way_forward_count_as_carry(initial):
    net = random_net(tiny(DELAYS.replace("INITIAL", initial))).eval()
    x = random_input(net)
    after = 4
    before, run = pass_function(net, x, after)
    assert before.shape[1] == 8 * 18  # 1 + 2 of the loops, 2 of the skip, 2 + 1 of the main stack
    assert torch.allclose(run(before), pass_function(net, x, after + 1)[0], atol=1e-12)
    found = spectral_radius(net, x, after=after, iterations=before.shape[1])
    copy = spectral_radius(net.untie(), x, after=after, iterations=before.shape[1])
    assert torch.allclose(copy.radius, found.radius, rtol=1e-6)
    for i in range(len(x)):
        carry, one = pass_function(net, x[i : i + 1], after)
        dense = torch.autograd.functional.jacobian(one, carry).reshape(carry.shape[1], -1)
        assert torch.allclose(found.radius[i], torch.linalg.eigvals(dense).abs().max(), rtol=1e-5)


def test_it_says_from_when_to_when_a_pass_can_be_looked_at():
    net = random_net(tiny(DELAYS.replace("INITIAL", "absent"))).eval()
    x = random_input(net, 1)
    with pytest.raises(LoopyNetError, match=r"after 3 passes .* after 4 or more"):
        spectral_radius(net, x, after=3)
    spectral_radius(net, x, after=4)
    with pytest.raises(LoopyNetError, match=r"untied .* after 4 or fewer"):
        spectral_radius(net.untie(), x, after=5)
    spectral_radius(net.untie(), x, after=4)
    short = random_net(tiny(LINEAR, unroll={"steps": 2, "tied": False})).eval()
    with pytest.raises(LoopyNetError, match=r"give it more unroll.steps"):
        spectral_radius(short, random_input(short), after=1)
