"""Running to convergence: the fixed point, its gradient, samples on their own, what is refused."""

import warnings

import pytest
import torch

from loopynet import LoopyNet, LoopyNetWarning
from loopynet.errors import LoopyNetError, SpecError
from loopynet.modules.gradient import Full, Implicit, Phantom, Recompute, Truncated
from loopynet.modules.solvers import Anderson, Broyden, Damped, Plain
from loopynet.network import Confident, Converged, Each
from reference.strategies import tiny
from reference.values import (
    assert_all_close,
    assert_close,
    gradients,
    random_input,
    random_net,
    weighed,
)

EXAMPLE = """
input: {shape: [3, 6, 6]}
layers:
  stem: {type: conv2d, filters: 4, activation: tanh}
  conv_1: {type: conv2d, filters: 4, activation: tanh}
  conv_2: {type: conv2d, filters: 4, activation: tanh}
  fc: {type: dense, units: 3}
  way: {type: conv2d, filters: 4, activation: tanh}
main: [stem, conv_1, conv_2, fc]
loops:
  back: {from: conv_2, to: conv_1, through: [way]}
  slow: {from: conv_2, to: conv_2, delay: 2, merge: gate}
skips:
  over: {from: stem, to: conv_2}
unroll: {steps: 3}
norm: {type: group, over_time: shared}
"""
SOLVERS = [Plain(), Damped(0.8), Anderson(), Broyden()]


def contracting(spec=None) -> LoopyNet:
    """Return a network whose loops contract: their layers are small."""
    net = random_net(spec or tiny(EXAMPLE)).eval()
    with torch.no_grad():
        for name in ("conv_1", "conv_2", "way"):
            norm = net.layers[name].norm
            if norm is not None:
                norm.weight.mul_(0.25)
    return net


@pytest.fixture
def net() -> LoopyNet:
    return contracting()


@pytest.fixture
def x(net) -> torch.Tensor:
    return random_input(net, 5)


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_it_ends_where_many_unrolls_end(net, x, solver):
    with torch.no_grad():
        outcome = net.run(x, Converged(1e-11, 200, solver))
        wanted = net(x, unrolls=200)
        assert torch.equal(net(x, stop=Converged(1e-11, 200, solver)), outcome.logits)
    assert_close(outcome.logits, wanted, "logits", 1e-8)
    assert outcome.converged.all()
    assert (outcome.residuals <= 1e-11).all()
    assert (outcome.unrolls < 200).all()


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_a_sample_does_not_depend_on_its_mates(net, x, solver):
    x = x * torch.tensor([0.01, 0.1, 1, 3, 10]).double()[:, None, None, None]
    stop = Converged(1e-6, 200, solver)
    with torch.no_grad():
        together = net.run(x, stop)
        assert len(set(together.unrolls.tolist())) > 1
        for i in range(len(x)):
            alone = net.run(x[i : i + 1], stop)
            assert_close(alone.logits[0], together.logits[i], "logits", 1e-12)
            assert alone.unrolls[0] == together.unrolls[i]


def gradients_of(net: LoopyNet, x: torch.Tensor, **options):
    net.zero_grad()
    x = x.clone().requires_grad_()
    weighed(net(x, **options)).backward()
    return {**{key: g.clone() for key, g in gradients(net).items()}, "x": x.grad}


@pytest.mark.parametrize("training", [True, False])
def test_the_implicit_gradient_is_the_full_one_at_convergence(net, x, training):
    net.train(training)
    found = gradients_of(net, x, stop=Converged(1e-13, 300), gradient=Implicit(1e-13, 300))
    wanted = gradients_of(net, x, unrolls=80)
    assert_all_close(found, wanted, 1e-8)
    assert_all_close(gradients_of(net, x, stop=Converged(1e-13, 300)), wanted, 1e-5)  # the default


def test_the_adjoint_can_be_solved_by_other_solvers(net, x):
    stop = Converged(1e-12, 300)
    wanted = gradients_of(net, x, stop=stop, gradient=Implicit(1e-12, 300))
    for solver in SOLVERS[1:]:
        found = gradients_of(net, x, stop=stop, gradient=Implicit(1e-12, 300, solver))
        assert_all_close(found, wanted, 1e-8)


def test_phantom_gradients_are_truncated_ones_at_the_fixed_point(net, x):
    stop = Converged(1e-13, 300)
    for steps in (1, 2, 5):
        found = gradients_of(net, x, stop=stop, gradient=Phantom(steps))
        wanted = gradients_of(net, x, unrolls=100, gradient=Truncated(steps))
        body = [key for key in found if key.startswith("layers.conv")]
        assert_all_close({k: found[k] for k in body}, {k: wanted[k] for k in body}, 1e-7)


def test_phantom_gradients_near_the_exact_one(net, x):
    stop = Converged(1e-13, 300)
    wanted = gradients_of(net, x, stop=stop, gradient=Implicit(1e-13, 300))[
        "layers.conv_1.op.weight"
    ]
    errors = [
        float((gradients_of(net, x, stop=stop, gradient=Phantom(n))["layers.conv_1.op.weight"]
               - wanted).norm())
        for n in (1, 3, 8)
    ]  # fmt: skip
    assert errors[0] > errors[1] > errors[2]


def test_the_implicit_gradient_keeps_no_passes(net, x):
    sizes = []
    for steps in (5, 60):
        kept: list[int] = []

        def keep(tensor, kept=kept):
            kept.append(tensor.numel())
            return tensor

        with warnings.catch_warnings(), torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
            warnings.simplefilter("ignore", LoopyNetWarning)
            net(x, stop=Converged(1e-300, steps))
        sizes.append(sum(kept))
    assert sizes[0] == sizes[1]


def test_norms_of_each_unroll_run_as_trained_and_then_repeat():
    net = contracting(tiny(EXAMPLE, norm={"type": "batch", "over_time": "per_step"}))
    x = random_input(net, 3)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", LoopyNetWarning)
        wanted = net(x, unrolls=150)
        assert_close(net(x, stop=Converged(1e-12, 300)), wanted, "logits", 1e-8)


def test_loops_that_do_not_converge_say_so(net, x):
    with torch.no_grad():
        net.layers["way"].norm.weight.mul_(1e4)
        net.layers["conv_1"].norm.weight.mul_(40)
        with pytest.warns(LoopyNetWarning, match=r"of 5 samples .* did not converge in 12 unrolls"):
            outcome = net.run(x, Converged(1e-9, 12))
    assert not outcome.converged.all()
    assert outcome.logits.isfinite().all()
    assert (outcome.unrolls == 12).any()


@pytest.mark.parametrize("mode", [Full(), Truncated(2), Recompute()], ids=repr)
def test_gradients_that_keep_passes_are_refused(net, x, mode):
    with pytest.raises(LoopyNetError, match="Implicit"):
        net(x, stop=Converged(), gradient=mode)


@pytest.mark.parametrize("mode", [Implicit(), Phantom()], ids=repr)
def test_fixed_point_gradients_need_a_fixed_point(net, x, mode):
    with pytest.raises(LoopyNetError, match="add stop=Converged"):
        net(x, gradient=mode)


@pytest.mark.parametrize("merge", ["mul", "max"])
def test_loops_that_do_not_converge_say_so_in_inference_mode(net, x, merge):
    net = contracting(tiny(EXAMPLE.replace("[way]", f"[way], merge: {merge}")))
    with torch.inference_mode(), pytest.warns(LoopyNetWarning, match="spectral radius"):
        outcome = net.run(x.detach(), Converged(1e-9, max_steps=4))
    assert not outcome.converged.any()


def test_what_cannot_converge_is_refused(net, x):
    with pytest.raises(LoopyNetError, match="is untied"):
        net.untie()(x, stop=Converged())
    with pytest.raises(LoopyNetError, match="no loops"):
        random_net(tiny(EXAMPLE, unroll={"steps": 1})).eval()(x, stop=Converged())
    batch = random_net(tiny(EXAMPLE, norm={"type": "batch"})).train()
    with pytest.raises(LoopyNetError, match=r"batch norm.*norm: group"):
        batch(x, stop=Converged())
    with pytest.raises(LoopyNetError, match="write max_steps"):
        net.run(x, Converged(), unrolls=4)
    with pytest.raises(LoopyNetError, match="leave readout out"):
        net(x, stop=Confident(), readout=Each())
    with pytest.raises(LoopyNetError, match="write at least 3"):
        net(x, stop=Converged(max_steps=1))


def test_dropout_in_the_loops_is_refused_in_training():
    layers = {
        "a": {"type": "dense", "units": 3},
        "drop": {"type": "dropout", "rate": 0.5},
        "b": {"type": "dense", "units": 3},
    }
    spec = {"layers": layers, "main": ["a", "drop", "b"], "input": {"shape": [3]},
            "loops": {"l": {"from": "drop", "to": "a"}}, "skips": {}, "norm": "none"}  # fmt: skip
    net = random_net(tiny(EXAMPLE, **spec)).train()
    with pytest.raises(LoopyNetError, match="drops out at random"):
        net(random_input(net), stop=Converged())


CONVERGING = {"steps": 3, "until": "converged", "tolerance": 1e-10, "max_steps": 99}


def test_the_spec_asks_for_it(net, x):
    unroll = {**CONVERGING, "solver": {"type": "anderson", "memory": 4}}
    by_spec = LoopyNet(tiny(EXAMPLE, unroll=unroll, training={"gradient": "implicit"})).double()
    by_spec.load_state_dict(net.state_dict())
    by_spec.eval()
    assert by_spec.stop == Converged(1e-10, 99, Anderson(4))
    with torch.no_grad():
        assert_close(by_spec(x), net(x, unrolls=100), "logits", 1e-8)
        assert torch.equal(by_spec(x, unrolls=3), net(x))
        assert torch.equal(by_spec.trace(x)["fc@3"], net(x))


@pytest.mark.parametrize(
    ("changes", "place", "message"),
    [
        ({"unroll": {**CONVERGING, "steps": 1}}, ("unroll", "steps"), "2 or more"),
        ({"unroll": CONVERGING}, ("training", "gradient"), "write implicit or phantom"),
        ({"training": {"gradient": "implicit"}}, ("training", "gradient"), "unroll.until"),
        (
            {"unroll": CONVERGING, "training": {"gradient": "phantom"}, "readout": "each"},
            ("readout",),
            "write last",
        ),
    ],
)
def test_specs_that_do_not_fit_together(changes, place, message):
    with pytest.raises((SpecError, ValueError), match=message) as caught:
        tiny(EXAMPLE, **changes)
    assert str(place[-1]) in str(caught.value)
