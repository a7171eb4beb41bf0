"""Early exit against the same rule applied to the logits of every unroll."""

import pytest
import torch

from loopynet import LoopyNet
from loopynet.errors import LoopyNetError
from loopynet.network import Agreed, Confident, Each
from reference.strategies import tiny
from reference.values import assert_close, random_input, random_net

EXAMPLE = """
input: {shape: [3, 6, 6]}
layers:
  stem: {type: conv2d, filters: 4, activation: relu}
  conv: {type: conv2d, filters: 4, activation: relu}
  fc: {type: dense, units: 3}
main: [stem, conv, fc]
loops:
  back: {from: conv, to: conv}
  far: {from: conv, to: conv, delay: 2, merge: modulate}
skips:
  over: {from: stem, to: fc, fit: project}
unroll: {steps: 5}
norm: {type: batch, over_time: per_step}
"""


@pytest.fixture
def net() -> LoopyNet:
    return random_net(tiny(EXAMPLE)).eval()


def first_time(each: torch.Tensor, rule) -> list[int]:
    """Return for each sample the first unroll at which the rule holds, or the last."""
    times = []
    for n in range(each.shape[1]):
        times.append(next((t for t in range(1, len(each)) if rule(each[:t, n])), len(each)))
    return times


def confident(p):
    return lambda logits: logits[-1].exp().max() / logits[-1].exp().sum() >= p


def agreed(m):
    return lambda logits: len(logits) >= m and len(set(logits[-m:].argmax(1).tolist())) == 1


@pytest.mark.parametrize(
    ("stop", "rule"),
    [
        (Confident(0.5), confident(0.5)),
        (Confident(0.8), confident(0.8)),
        (Confident(0.0), confident(0.0)),
        (Confident(1.1), confident(1.1)),
        (Agreed(2), agreed(2)),
        (Agreed(3), agreed(3)),
        (Agreed(1), agreed(1)),
    ],
    ids=repr,
)
def test_samples_leave_when_the_rule_says(net, stop, rule):
    x = random_input(net, 40)
    with torch.no_grad():
        each = net(x, readout=Each())
        times = first_time(each, rule)
        outcome = net.run(x, stop)
    assert outcome.unrolls.tolist() == times
    wanted = torch.stack([each[t - 1, n] for n, t in enumerate(times)])
    assert_close(outcome.logits, wanted, "logits", 1e-12)
    assert outcome.residuals is None


def test_fewer_passes_are_computed(net):
    x, sizes = random_input(net, 40), []
    net.layers["conv"].register_forward_hook(lambda _, args, __: sizes.append(len(args[0])))
    with torch.no_grad():
        outcome = net.run(x, Agreed(2))
    taken = outcome.unrolls
    assert sizes == [int((taken >= t).sum()) for t in range(1, int(taken.max()) + 1)]
    assert sizes[:2] == [40, 40]
    assert 40 > sizes[-1] > 0


def test_a_limit_of_unrolls(net):
    x = random_input(net, 10)
    with torch.no_grad():
        outcome = net.run(x, Confident(1.1), unrolls=2)
    assert outcome.unrolls.tolist() == [2] * 10
    assert_close(outcome.logits, net(x, unrolls=2), "logits", 1e-12)


def test_without_a_rule_every_sample_has_the_same_count(net):
    x = random_input(net, 3)
    outcome = net.run(x)
    assert outcome.unrolls.tolist() == [5, 5, 5]
    assert torch.equal(outcome.logits, net(x))


def test_mistakes_are_named(net):
    with pytest.raises(LoopyNetError, match="takes inputs"):
        net.run(torch.zeros(2, 3, 5, 5, dtype=torch.float64), Confident())
    with pytest.raises(LoopyNetError, match="from 1 up"):
        net.run(random_input(net), Confident(), unrolls=0)
