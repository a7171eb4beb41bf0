"""The spectral radius, against the dense Jacobian's eigenvalues and against known loops."""

import math

import pytest
import torch

from loopynet import LoopyNet, LoopyNetError, NetworkSpec
from loopynet.explain import spectral_radius
from loopynet.explain.passes import pass_function
from reference.strategies import tiny
from reference.values import random_input, random_net


def linear_loop(matrix, steps=3):
    """Return a network whose pass is s -> matrix (x + s)."""
    size = len(matrix)
    net = LoopyNet(
        NetworkSpec(
            input={"shape": (size,)},
            layers={
                "a": {"type": "dense", "units": size, "bias": False},
                "fc": {"type": "dense", "units": 2},
            },
            main=("a", "fc"),
            loops={"back": {"from": "a", "to": "a"}},
            unroll={"steps": steps},
        )
    ).double()
    with torch.no_grad():
        net.layers["a"].op.weight.copy_(torch.as_tensor(matrix, dtype=torch.float64))
    return net.eval()


def rotation(angle, size=1.0):
    c, s = math.cos(angle), math.sin(angle)
    return [[size * c, -size * s], [size * s, size * c]]


def test_a_diagonal_loop_has_its_largest_entry():
    net = linear_loop([[0.5, 3.0, 0.0], [0.0, -0.8, 1.0], [0.0, 0.0, 0.1]])
    found = spectral_radius(net, random_input(net), after=2)
    assert torch.allclose(found.radius, torch.full((3,), 0.8, dtype=torch.float64), atol=1e-10)
    assert torch.allclose(found.angle, torch.full((3,), math.pi, dtype=torch.float64))
    assert found.settled.all()
    exact = torch.linalg.matrix_norm(net.layers["a"].op.weight, 2).item()
    assert torch.allclose(found.norm, torch.full((3,), exact, dtype=torch.float64), rtol=1e-3)
    assert (found.norm <= exact + 1e-12).all()


@pytest.mark.parametrize("size", [0.7, 1.3])
def test_a_rotating_loop_has_a_complex_pair(size):
    net = linear_loop(rotation(0.6, size))
    found = spectral_radius(net, random_input(net), after=2)
    assert torch.allclose(found.radius, torch.full((3,), size, dtype=torch.float64), atol=1e-10)
    assert torch.allclose(found.angle, torch.full((3,), 0.6, dtype=torch.float64), atol=1e-8)
    assert found.plain()["complex"] == 1.0
    assert found.plain()["above_one"] == float(size > 1)


def test_a_skewed_rotation_grows_by_its_radius_though_no_single_step_does():
    turn = torch.tensor(rotation(1.0, 0.9)).double()
    skew = torch.tensor([[1.0, 4.0], [0.0, 1.0]]).double()
    net = linear_loop(skew @ turn @ torch.linalg.inv(skew))
    found = spectral_radius(net, random_input(net), after=2)
    assert torch.allclose(found.radius, torch.full((3,), 0.9, dtype=torch.float64), atol=1e-9)
    assert (found.norm > 2.0).all()


def test_a_loop_that_forgets_has_radius_zero():
    net = linear_loop([[0.0, 1.0], [0.0, 0.0]])
    found = spectral_radius(net, random_input(net), after=2)
    assert (found.radius < 1e-12).all()


def test_a_space_too_small_to_settle_says_so():
    torch.manual_seed(0)
    net = linear_loop(torch.randn(40, 40) / 6)
    rough = spectral_radius(net, random_input(net), after=2, iterations=2, tolerance=1e-6)
    assert not rough.settled.any()
    exact = torch.linalg.eigvals(net.layers["a"].op.weight).abs().max().item()
    assert torch.allclose(rough.growth, torch.full((3,), exact, dtype=torch.float64), rtol=0.3)
    whole = spectral_radius(net, random_input(net), after=2, iterations=40, tolerance=1e-6)
    assert whole.settled.all()
    assert torch.allclose(whole.radius, torch.full((3,), exact, dtype=torch.float64), rtol=1e-8)


NETWORK = """
input: {shape: [2, 4, 4]}
layers:
  stem: {type: conv2d, filters: 2}
  a: {type: conv2d, filters: 2, activation: ACTIVATION}
  pool: {type: pool2d}
  b: {type: conv2d, filters: 2, activation: tanh}
  way: {type: conv2d, filters: 2, activation: ACTIVATION}
  fc: {type: dense, units: 3}
main: [stem, a, pool, b, fc]
loops:
  back: {from: b, to: a, through: [way], fit: project, merge: MERGE}
  far: {from: b, to: pool, fit: project, delay: 2, merge: sum}
norm: {type: NORM, over_time: per_step}
unroll: {steps: 4}
"""


@pytest.mark.parametrize(
    ("activation", "merge", "norm"),
    [("relu", "sum", "batch"), ("tanh", "gate", "group"), ("prelu", "mul", "layer"),
     ("softplus", "modulate", "none"), ("elu", "max", "batch")],
)  # fmt: skip
def test_equal_to_the_dense_jacobian(activation, merge, norm):
    text = NETWORK.replace("ACTIVATION", activation).replace("MERGE", merge)
    net = random_net(tiny(text.replace("NORM", norm))).eval()
    x = random_input(net)
    for after in (2, 3):
        size = pass_function(net, x, after)[0].shape[1]
        found = spectral_radius(net, x, after=after, iterations=size, batch_size=2)
        for i in range(len(x)):
            carry, run = pass_function(net, x[i : i + 1], after)
            dense = torch.autograd.functional.jacobian(run, carry).reshape(size, size)
            exact = torch.linalg.eigvals(dense).abs().max()
            assert torch.allclose(found.radius[i], exact, rtol=1e-6)
            largest = torch.linalg.matrix_norm(dense, 2)
            assert found.norm[i] <= largest * (1 + 1e-10)
            assert found.norm[i] >= 0.9 * largest


def test_the_pass_is_that_of_the_network():
    net = random_net(tiny(NETWORK.replace("ACTIVATION", "relu").replace("MERGE", "sum")
                          .replace("NORM", "batch"))).eval()  # fmt: skip
    x = random_input(net)
    before, run = pass_function(net, x, 2)
    after, _ = pass_function(net, x, 3)
    assert torch.allclose(run(before), after, atol=1e-12)


def test_what_cannot_be_looked_at_is_refused():
    net = linear_loop(rotation(0.3))
    x = random_input(net)
    with pytest.raises(LoopyNetError, match="after 1 or more"):
        spectral_radius(net, x, after=0)
    with pytest.raises(LoopyNetError, match="untied"):
        spectral_radius(net.untie(), x, after=2)
    assert spectral_radius(net.untie(), x, after=1).radius[0] == pytest.approx(1)
    with pytest.raises(LoopyNetError, match="training mode"):
        spectral_radius(net.train(), x, after=1)
    with pytest.raises(LoopyNetError, match="no loops"):
        spectral_radius(linear_loop(rotation(0.3), steps=1), x, after=1)
