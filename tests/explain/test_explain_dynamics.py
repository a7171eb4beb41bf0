"""What happens from unroll to unroll, against the network's own answers and known loops."""

import math

import pytest
import torch

from explain.test_explain_jacobian import linear_loop, rotation
from loopynet import Each, LoopyNetError, LoopyNetWarning
from loopynet.explain import dynamics
from reference.strategies import tiny
from reference.values import random_input, random_net

NETWORK = """
input: {shape: [2, 4, 4]}
layers:
  stem: {type: conv2d, filters: 2}
  a: {type: conv2d, filters: 3, activation: tanh}
  b: {type: conv2d, filters: 2, activation: relu}
  fc: {type: dense, units: 3}
main: [stem, a, b, fc]
loops: {back: {from: b, to: a}}
norm: {type: batch, over_time: per_step}
unroll: {steps: 4}
"""


@pytest.fixture(scope="module")
def measured():
    net = random_net(tiny(NETWORK)).eval()
    x = random_input(net, batch=50)
    labels = torch.arange(50) % 3
    return net, x, labels, dynamics(net, x, labels, batch_size=7)


def test_the_answers_of_each_unroll(measured):
    net, x, labels, found = measured
    for t, logits in enumerate(net(x, readout=Each())):
        unroll = found.unrolls[t]
        assert unroll.accuracy.mean == pytest.approx((logits.argmax(1) == labels).double().mean())
        loss = torch.nn.functional.cross_entropy(logits, labels).item()
        assert unroll.loss.mean == pytest.approx(loss, abs=1e-12)
        assert unroll.confidence.mean == pytest.approx(logits.softmax(1).max(1)[0].mean().item())
        margins = [row[y] - max(row[c] for c in range(3) if c != y)
                   for row, y in zip(logits.tolist(), labels.tolist(), strict=True)]  # fmt: skip
        assert unroll.margin.mean == pytest.approx(sum(margins) / 50)
        assert unroll.accuracy.low <= unroll.accuracy.mean <= unroll.accuracy.high


def test_movement_is_that_of_the_traced_activations(measured):
    net, x, _, found = measured
    trace = net.trace(x)
    assert set(found.movement) == {"a", "b"}
    for name, movements in found.movement.items():
        assert len(movements) == 3
        for t, movement in enumerate(movements, start=2):
            now, before = trace[f"{name}@{t}"], trace[f"{name}@{t - 1}"]
            share = (now - before).flatten(1).norm(dim=1) / before.flatten(1).norm(dim=1)
            assert movement.mean.mean == pytest.approx(share.mean().item())
            assert movement.quantiles[2] == pytest.approx(share.quantile(0.5).item())


def test_changes_of_mind_are_counted(measured):
    net, x, labels, found = measured
    answers = net(x, readout=Each()).argmax(-1).tolist()
    last = [0, 0, 0, 0]
    for i in range(50):
        changed = [t for t in range(1, 4) if answers[t][i] != answers[t - 1][i]]
        last[max(changed, default=0)] += 1
    assert found.last_change == tuple(last)
    assert sum(last[1:]) > 0
    for t, changes in enumerate(found.changes, start=1):
        pairs = [(answers[t - 1][i], answers[t][i], labels[i].item()) for i in range(50)]
        assert changes.right_to_wrong == sum(a == y != b for a, b, y in pairs)
        assert changes.wrong_to_right == sum(a != y == b for a, b, y in pairs)
        assert changes.wrong_to_wrong == sum(a != y and b not in (y, a) for a, b, y in pairs)


def behavior(matrix, unrolls=24):
    net = linear_loop(matrix)
    x = random_input(net, batch=10)
    labels = torch.zeros(10, dtype=torch.int64)
    return dynamics(net, x, labels, unrolls=unrolls).convergence


def test_a_shrinking_loop_converges_with_its_rate():
    found = behavior([[0.8, 0.0], [0.0, 0.8]])
    assert found.shrinking == 10
    assert found.damped == 0
    assert found.rate == pytest.approx([0.8] * 5)
    assert found.cosine[-1] == pytest.approx(1)


def test_a_loop_that_shrinks_fast_settles():
    assert behavior([[0.2, 0.0], [0.0, 0.1]]).settled == 10


def test_a_loop_that_turns_back_oscillates():
    found = behavior([[-1.0, 0.0], [0.0, -1.0]])
    assert found.oscillating == 10
    assert found.cosine[-1] == pytest.approx(-1)
    damped = behavior([[-0.8, 0.0], [0.0, -0.8]])
    assert (damped.shrinking, damped.damped, damped.oscillating) == (10, 10, 0)


def test_a_loop_that_turns_stays():
    found = behavior(rotation(0.6))
    assert found.staying == 10
    assert found.rate == pytest.approx([1.0] * 5)
    assert found.cosine[-1] == pytest.approx(math.cos(0.6))


def test_a_loop_that_grows_grows():
    found = behavior([[1.2, 0.0], [0.0, 1.2]])
    assert found.growing == 10
    assert found.rate == pytest.approx([1.2] * 5)


def test_nothing_of_the_network_is_changed(measured):
    net, x, labels, _ = measured
    before = {key: value.clone() for key, value in net.state_dict().items()}
    with pytest.warns(LoopyNetWarning, match="6 unrolls"):
        assert len(dynamics(net, x, labels, unrolls=6).unrolls) == 6
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert not net.training
    assert all(p.grad is None for p in net.parameters())


def test_wrong_samples_are_refused(measured):
    net, x, labels, _ = measured
    with pytest.raises(LoopyNetError, match="one class number for each image"):
        dynamics(net, x, labels[:3])
    with pytest.raises(LoopyNetError, match=r"takes inputs \[N, 2, 4, 4\]"):
        dynamics(net, x[:, :1], labels)
    with pytest.raises(LoopyNetError, match="no images"):
        dynamics(net, x[:0], labels[:0])
