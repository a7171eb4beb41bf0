"""The spectral radius that a loop gives which does not converge."""

import warnings

import pytest
import torch

from loopynet import LoopyNet, LoopyNetWarning
from loopynet.modules.solvers import Anderson
from loopynet.network import Converged
from loopynet.network.stability import radii_of_failed
from reference.strategies import tiny
from reference.values import assert_close, random_input, random_net

LINEAR = """
input: {shape: [6]}
layers:
  a: {type: dense, units: 6}
  way: {type: dense, units: 6}
  fc: {type: dense, units: 2}
main: [a, fc]
loops:
  back: {from: a, to: a, through: [way]}
unroll: {steps: 3}
"""


def linear_loop(radius: float) -> LoopyNet:
    """Return a network whose pass has the Jacobian way @ a, of this spectral radius."""
    net = random_net(tiny(LINEAR)).eval()
    with torch.no_grad():
        product = net.layers["way"].op.weight @ net.layers["a"].op.weight
        size = torch.linalg.eigvals(product).abs().max()
        net.layers["way"].op.weight.mul_(radius / size)
    return net


@pytest.mark.parametrize("radius", [0.95, 1.2])
def test_the_warning_and_the_outcome_have_it(radius):
    net = linear_loop(radius)
    x = random_input(net, 12)
    remedy = "unroll.contract" if radius > 1 else "more max_steps"
    said = (
        rf"spectral radius of one pass {radius} \(median of 8 of them; largest {radius}\).*{remedy}"
    )
    with torch.no_grad(), pytest.warns(LoopyNetWarning, match=said):
        outcome = net.run(x, Converged(1e-12, 9))
    assert outcome.spectral_radius is not None
    wanted = torch.full((8,), radius, dtype=torch.float64)
    assert_close(outcome.spectral_radius[:8], wanted, "radius", 1e-9)
    assert outcome.spectral_radius[8:].isnan().all()


def test_a_loop_that_converges_has_none():
    net = linear_loop(0.5)
    outcome = net.run(random_input(net), Converged(1e-6, 99))
    assert outcome.spectral_radius is None


def test_it_is_that_of_the_samples_that_failed():
    matrices = torch.tensor([0.3, 2.0, 0.7, 5.0]).double()
    found = radii_of_failed(
        lambda z, rows: z * matrices[rows, None],
        torch.randn(4, 3, dtype=torch.float64),
        torch.tensor([False, True, False, True]),
    )
    assert found.isnan().tolist() == [True, False, True, False]
    assert_close(found[[1, 3]], matrices[[1, 3]], "radius", 1e-9)


def test_a_map_that_forgets_and_one_that_overflows():
    z, every = torch.randn(2, 3, dtype=torch.float64), torch.tensor([True, True])
    assert radii_of_failed(lambda z, rows: torch.ones_like(z), z, every).tolist() == [0, 0]
    factor = torch.tensor([[1e300], [0.5]]).double()
    assert radii_of_failed(lambda z, rows: z * factor * factor, z, every).isinf().tolist() == [
        True,
        False,
    ]


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_it_is_found_in_any_mode_and_leaves_no_trace(mode):
    net = linear_loop(1.5)
    x = random_input(net)
    torch.manual_seed(3)
    with mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore", LoopyNetWarning)
        outcome = net.run(x, Converged(1e-12, 20, Anderson(2)))
    after = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(after, torch.rand(1))
    assert outcome.spectral_radius is not None
    assert_close(outcome.spectral_radius, torch.full((3,), 1.5).double(), "radius", 1e-9)
    assert all(p.grad is None for p in net.parameters())
