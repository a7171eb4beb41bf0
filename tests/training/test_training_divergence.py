"""Numbers that stop being finite: named by layer and unroll, at the step at which it happens."""

import pytest
import torch

from loopynet import LoopyNet, RunError, parse_spec
from loopynet.errors import LoopyNetWarning
from loopynet.training import train
from loopynet.training.divergence import find_culprit
from training.small_runs import small_spec

GROWING = """
input: {shape: [1, 4, 4]}
layers:
  conv_1: {type: conv2d, filters: 2}
  conv_2: {type: conv2d, filters: 2}
  fc_1: {type: dense, units: 3}
main: [conv_1, conv_2, fc_1]
loops: {feedback: {from: conv_2, to: conv_1, merge: mul, fit: project}}
unroll: {steps: 3}
norm: none
"""


@pytest.fixture
def net():
    torch.manual_seed(0)
    return LoopyNet(parse_spec(GROWING))


def batch():
    return torch.ones(2, 1, 4, 4), torch.tensor([0, 1])


@pytest.mark.parametrize("t", [1, 2, 3])
def test_the_first_infinite_activation_is_that_of_a_layer_and_unroll(net, t, monkeypatch):
    calls = []

    def grown(x, *rest):
        calls.append(1)
        return torch.full_like(plain(x, *rest), torch.inf if len(calls) == t else 2.5)

    plain = net.layers["conv_2"].forward
    monkeypatch.setattr(net.layers["conv_2"], "forward", grown)
    found = find_culprit(net, *batch())
    assert (found.what, found.where) == ("activation", f"conv_2@{t}")


def test_what_came_before_is_measured(net):
    with torch.no_grad():
        net.layers["conv_1"].op.weight.fill_(1e30)
        net.layers["conv_2"].op.weight.fill_(1e30)
    x, labels = batch()
    found = find_culprit(net, x, labels)
    assert (found.what, found.where) == ("activation", "conv_2@1")
    assert found.reached == pytest.approx(float(net.layers["conv_1"](x, 1).detach().abs().max()))


def test_a_gradient_is_followed_back_from_the_loss(net):
    # The root's slope at 0 is infinite: all values are finite, and no gradient below it is.
    class Root(torch.nn.Module):
        def forward(self, x):
            return (0 * x).abs().sqrt()

    net.layers["conv_2"].activation = Root()
    found = find_culprit(net, *batch())
    assert found.what == "gradient"
    assert found.where.partition("@")[0] in ("conv_1", "feedback", "feedback.signal", "conv_2")


def test_finite_numbers_have_no_culprit(net):
    assert find_culprit(net, *batch()).where == "loss"


LARGE = ("training.optimizer=sgd", "training.learning_rate=1.0e+30", "norm=none")


def test_a_run_ends_at_the_step_with_the_layer_and_a_remedy(tmp_path):
    with pytest.raises(RunError) as caught:
        train(small_spec(*LARGE), str(tmp_path / "run"))
    said = str(caught.value)
    assert "in epoch 1, step 2: the first activation that is not finite is that of conv_" in said
    assert "@" in said
    assert "training.learning_rate" in said


def test_steps_are_left_out_if_asked_for(tmp_path, monkeypatch):
    """One batch is spoilt; the run goes on, and nothing of it is left in weights or statistics."""
    import loopynet.training.module as module

    plain, calls = module.loss_over_time, []

    def spoilt(*words):
        calls.append(1)
        return plain(*words) * (torch.nan if len(calls) == 5 else 1)

    monkeypatch.setattr(module, "loss_over_time", spoilt)
    changes = ("training.nonfinite=skip", "training.epochs=1", "norm={type: batch}")
    with pytest.warns(LoopyNetWarning, match="left out 1 steps"):
        run = train(small_spec(*changes), str(tmp_path / "run")).run
    weights = run.read_tensors("model.safetensors")
    assert all(bool(torch.isfinite(value).all()) for value in weights.values())
    assert run.results()["test"]["accuracy"] > 0.3


def test_a_run_that_only_leaves_out_steps_ends(tmp_path):
    with pytest.raises(RunError, match=r"left out 20 steps before it"):
        train(small_spec("training.nonfinite=skip", *LARGE), str(tmp_path / "run"))


def losses(monkeypatch, finite):
    """Let the n-th loss that is computed be finite only if `finite(n)` says so."""
    import loopynet.training.module as module

    plain, calls = module.loss_over_time, []

    def spoilt(*words):
        calls.append(1)
        return plain(*words) * (1 if finite(len(calls)) else torch.nan)

    monkeypatch.setattr(module, "loss_over_time", spoilt)


FEW = ("training.nonfinite=skip", "data.split={train: 200, validation: 100, test: 50}",
       "training.batch_size=50")  # fmt: skip


def test_validation_images_are_never_left_out(tmp_path, monkeypatch):
    losses(monkeypatch, lambda n: n != 5)  # the first on validation images
    run = train(small_spec(*FEW, "training.epochs=1"), str(tmp_path / "run")).run
    assert "nan" in run.metrics.read_text().splitlines()[1].split(",")[5]


def test_an_epoch_of_steps_that_are_all_left_out_has_no_figures_of_the_one_before(
    tmp_path, monkeypatch
):
    losses(monkeypatch, lambda n: n <= 4)
    with (
        pytest.warns(LoopyNetWarning, match="left out 4 steps"),
        pytest.raises(RunError, match="the loss became nan in epoch 2"),
    ):
        train(small_spec(*FEW), str(tmp_path / "run"))


def test_evolution_does_without_candidates_that_overflow(tmp_path, monkeypatch):
    pytest.importorskip("cma")
    losses(monkeypatch, lambda n: n % 3)
    changes = ("training.optimizer={type: evolution, population: 4}", "training.learning_rate=0.01")
    run = train(small_spec(*FEW[1:], *changes, "training.epochs=1"), str(tmp_path / "run")).run
    assert "nan" not in run.metrics.read_text().splitlines()[1].split(",")[3]
