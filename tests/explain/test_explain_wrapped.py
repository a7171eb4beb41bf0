"""Attributions and merge maps of models with loops added to them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from loopynet import Loop, LoopyModel, LoopyNetError, add_loops, explain


class Residual(nn.Module):
    """Changes a convolution's output in place, as residual networks do, and normalizes it."""

    def __init__(self) -> None:
        super().__init__()
        self.low = nn.Conv2d(2, 3, 3, padding=1)
        self.same = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.act = nn.ReLU(inplace=True)
        self.head = nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.low(x)
        y = self.same(x)
        y += x
        y = self.act(self.norm(y))
        return self.head(y.mean((2, 3)))


def network(merge: str = "sum", gain: float = 0.6) -> LoopyModel:
    torch.manual_seed(0)
    model = Residual().double().eval()
    model.norm.running_mean.normal_()
    net = add_loops(model, [Loop(from_="norm", to="same", merge=merge)], example=images())
    net.loops.loop_1.gain.data.fill_(gain)
    return net


def images() -> Tensor:
    return torch.randn(3, 2, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("name", ["logits@1", "logits@2", "norm@2", "loop_1@2", "same@2", "act@1"])
def test_gradients_are_those_of_autograd(name: str) -> None:
    net, x = network(), images().requires_grad_()
    told: dict[str, Tensor] = {}
    net(x, record=told.__setitem__)
    value = told[name.replace("logits", "head")]
    expected = torch.autograd.grad(value[:, 1].sum(), x)[0]
    torch.testing.assert_close(explain.gradient(net, x, name, 1), expected)


@pytest.mark.parametrize("method", [explain.guided_backprop, explain.deconvnet])
def test_rules_act_on_every_pass(method: object) -> None:
    """tests/wrap/test_wrap_transformers.py has the comparison with hooks by hand."""
    net, x = network(), images()
    found = method(net, x, "logits@2", 1)
    assert found.shape == x.shape
    assert not torch.allclose(found, explain.gradient(net, x, "logits@2", 1))
    assert not torch.allclose(found, method(net, x, "logits@1", 1))


def test_nothing_of_the_model_changes() -> None:
    net, x = network(), images()
    hooks = [len(m._forward_hooks) for m in net.modules()]
    before = net(x)
    explain.guided_backprop(net, x, "logits@2", 1)
    assert torch.equal(net(x), before)
    assert [len(m._forward_hooks) for m in net.modules()] == hooks
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize("merge", ["mul", "modulate", "gain"])
@pytest.mark.parametrize("gain", [0.0, 0.6])
def test_a_merge_map_is_the_factor_that_acts(merge: str, gain: float) -> None:
    net, x = network(merge, gain), images()
    (view,) = explain.merges(net, x).values()
    torch.testing.assert_close(view.attention, (view.result / view.forward).mean(1))


def test_a_loop_that_does_not_act_has_no_share() -> None:
    (view,) = explain.merges(network("sum", gain=0.0), images()).values()
    assert not view.attention.any()


def test_every_name_can_be_explained() -> None:
    net = network()
    shapes = explain.activation_shapes(net)
    assert shapes["loop_1@2"] == (3, 6, 6)
    assert shapes["output@2"] == (4,)
    occluded = explain.occlusion(net, images(), "logits@2", 1)
    assert occluded.shape[0] == 3


def test_measurements_of_the_loopy_section_say_that_they_need_one() -> None:
    net, x = network(), images()
    with pytest.raises(LoopyNetError, match="is a model with loops added"):
        explain.spectral_radius(net, x)
    with pytest.raises(LoopyNetError, match="is a model with loops added"):
        explain.dynamics(net, x, torch.tensor([0, 1, 2]))
