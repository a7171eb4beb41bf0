"""Damped loops against the recursion written out by hand; a swinging loop settles."""

import pytest
import torch

from loopynet import LoopyNet
from loopynet.describe.words import edge_words, route_words
from loopynet.modules.gradient import Implicit, Recompute
from loopynet.modules.solvers import Damped
from loopynet.network import Converged, Each
from reference.strategies import tiny
from reference.values import assert_all_close, assert_close, gradients, random_input, random_net

NETWORK = """
input: {shape: [3]}
layers:
  a: {type: dense, units: 4, activation: tanh}
  b: {type: dense, units: 4, activation: tanh}
  way: {type: dense, units: 3, activation: sigmoid}
  fc: {type: dense, units: 2}
main: [a, b, fc]
loops:
  back: {from: b, to: a, through: [way], damping: 0.3, delay: DELAY, initial: INITIAL}
unroll: {steps: 5}
readout: each
"""


def by_hand(net: LoopyNet, x: torch.Tensor, delay: int, initial: str) -> torch.Tensor:
    """Return the logits of each of five unrolls."""

    def layer(name, value, function):
        op = net.layers[name].op
        return function(value @ op.weight.T + op.bias)

    logits, sent = [], []
    ones = torch.ones(3, dtype=torch.float64)
    start = {"absent": None, "zero": 0 * ones, "one": ones}[initial]
    for t in range(5):
        arriving = sent[t - delay] if t >= delay else start
        total = x if arriving is None else x + arriving
        b = layer("b", layer("a", total, torch.tanh), torch.tanh)
        new = layer("way", b, torch.sigmoid)
        before = sent[-1] if sent else start
        sent.append(new if before is None else 0.3 * new + 0.7 * before)
        logits.append(layer("fc", b, lambda value: value))
    return torch.stack(logits)


@pytest.mark.parametrize("delay", [1, 2, 3])
@pytest.mark.parametrize("initial", ["absent", "zero", "one"])
def test_logits_and_gradients_are_those_of_the_recursion(delay, initial):
    text = NETWORK.replace("DELAY", str(delay)).replace("INITIAL", initial)
    net = random_net(tiny(text))
    x = random_input(net)
    wanted = by_hand(net, x, delay, initial)
    wanted.square().sum().backward()
    expected = {key: g.clone() for key, g in gradients(net).items()}
    for options in ({}, {"gradient": Recompute()}):
        net.zero_grad()
        found = net(x, **options)
        assert_close(found, wanted, "logits", 1e-12)
        found.square().sum().backward()
        assert_all_close(gradients(net), expected, 1e-12)
    assert_close(net.untie()(x, readout=Each()), wanted, "logits of copies", 1e-12)


SWING = """
input: {shape: [1]}
layers:
  a: {type: dense, units: 1}
  fc: {type: dense, units: 1}
main: [a, fc]
loops:
  back: {from: a, to: a, damping: SHARE}
unroll: {steps: 2}
"""


def swinging(share: float) -> LoopyNet:
    """Return s -> -2 (x + s), which is not stable by itself, with the fixed point -2/3 x."""
    net = LoopyNet(tiny(SWING.replace("SHARE", str(share)))).double().eval()
    with torch.no_grad():
        net.layers["a"].op.weight.fill_(-2.0)
        net.layers["fc"].op.weight.fill_(1.0)
    return net


def test_a_loop_that_swings_settles_where_it_would_have():
    x = torch.tensor([[1.0], [-2.0]], dtype=torch.float64)
    with torch.no_grad():
        assert_close(swinging(0.4)(x, unrolls=60), -2 / 3 * x, "logits", 1e-10)
        assert swinging(1)(x, unrolls=60).abs().min() > 1e6
        outcome = swinging(0.4).run(x, Converged(1e-12, 100))
        assert outcome.converged.all()
        by_solver = swinging(1).run(x, Converged(1e-12, 100, Damped(0.4)))
        assert by_solver.converged.all()
        assert_close(outcome.logits, by_solver.logits, "logits", 1e-10)


def test_the_implicit_gradient_of_a_damped_loop():
    net = swinging(0.4)
    x = torch.tensor([[1.0]], dtype=torch.float64, requires_grad=True)
    net(x, stop=Converged(1e-13, 200), gradient=Implicit(1e-13, 200)).sum().backward()
    assert_close(x.grad, -2 / 3 * torch.ones_like(x), "gradient", 1e-10)


def test_drawings_say_it():
    (edge,) = swinging(0.4).graph.loops
    assert edge_words(edge) == "back, damping 0.4"
    assert route_words(edge) == "a → a, sum, damping 0.4"
