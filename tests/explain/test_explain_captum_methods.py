"""Captum through our adapter against Captum on an untied network written out by hand."""

import sys

import pytest
import torch
from captum.attr import IntegratedGradients, Occlusion
from torch import nn

from loopynet import LoopyNetError, load_spec
from loopynet.explain import Score, Target, gradient, integrated_gradients, occlusion
from reference.values import assert_close, random_input, random_net

SIZES = ("input.shape=[3, 6, 5]", "layers.conv_1.filters=4", "layers.conv_2.filters=5",
         "norm.type=none")  # fmt: skip


class ByHand(nn.Module):
    """cifar10-loopy without norm, every layer of every unroll a module of its own."""

    def __init__(self, net, stop):
        super().__init__()
        self.stop, self.steps = stop, nn.ModuleDict()
        for t in (1, 2, 3):
            for name in ("conv_1", "conv_2", "conv_3"):
                op = net.layers[name].op
                conv = nn.Conv2d(op.in_channels, op.out_channels, 3, padding=1).double()
                conv.load_state_dict(op.state_dict())
                self.steps[f"{name}@{t}"] = nn.Sequential(conv, nn.ReLU())

    def forward(self, x):
        signal = 0
        for t in (1, 2, 3):
            h = x + signal
            for name in ("conv_1", "conv_2", "conv_3"):
                h = self.steps[f"{name}@{t}"](h)
                if f"{name}@{t}" == self.stop:
                    return h.sum((2, 3))
            signal = h
        raise AssertionError(self.stop)


@pytest.fixture(scope="module")
def net():
    return random_net(load_spec("cifar10-loopy", SIZES)).eval()


@pytest.mark.parametrize("at", ["conv_2@1", "conv_2@2", "conv_1@3", "conv_3@3"])
def test_integrated_gradients(net, at):
    x = random_input(net, batch=5)
    ours = integrated_gradients(net, x, at, [0, 2], steps=20)
    for row, filter in enumerate((0, 2)):
        method = IntegratedGradients(ByHand(net, at))
        wanted = method.attribute(x.clone().requires_grad_(), target=filter, n_steps=20)
        assert_close(ours[row], wanted.detach(), at)
    assert torch.equal(integrated_gradients(net, x, at, 2, steps=20), ours[1])


@pytest.mark.parametrize("at", ["conv_2@1", "conv_3@3"])
def test_occlusion(net, at):
    x = random_input(net)
    ours = occlusion(net, x, at, 1, window=2, baseline=0.5)
    method = Occlusion(ByHand(net, at))
    wanted = method.attribute(x, (3, 2, 2), (3, 1, 1), baselines=0.5, target=1)
    assert_close(ours, wanted, at)
    assert occlusion(net, x, [at, at], [1, 0], window=3, stride=2).shape == (2, 2, *x.shape)


def test_integrated_gradients_are_complete(net):
    x = random_input(net)
    maps = integrated_gradients(net, x, "logits@2", 4, steps=3000)
    score = Score(net, Target("logits@2", 4))
    assert_close(maps.flatten(1).sum(1), score(x) - score(0 * x), "the sum", 1e-2)


def test_a_score_is_the_sum_over_positions_or_one_of_them(net):
    x = random_input(net)
    value = net.trace(x)["conv_2@2"]
    targets = [Target("conv_2@2", 1), Target("conv_2@2", 1, (2, 3)), Target("logits@3", 7)]
    columns = Score(net, targets)(x)
    wanted = [value[:, 1].sum((1, 2)), value[:, 1, 2, 3], net(x)[:, 7]]
    assert_close(columns, torch.stack(wanted, 1), "scores")
    assert Score(net, targets[0])(x).shape == (3,)


def test_a_score_leaves_the_weights_without_gradients(net):
    x = random_input(net).requires_grad_()
    Score(net, Target("conv_2@2", 1))(x).sum().backward()
    assert_close(x.grad, gradient(net, x, "conv_2@2", 1), "the input's gradient")
    assert all(p.grad is None and p.requires_grad for p in net.parameters())


def test_what_cannot_be_is_refused(net, monkeypatch):
    x = random_input(net)
    with pytest.raises(LoopyNetError, match="1 to 5 pixels"):
        occlusion(net, x, "conv_2@2", window=6)
    with pytest.raises(LoopyNetError, match="5 filters, 0 to 4, not 9"):
        integrated_gradients(net, x, "conv_2@2", 9)
    with pytest.raises(LoopyNetError, match="no position"):
        occlusion(net, x, "conv_2@2", position=(6, 0))
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    for method in (integrated_gradients, occlusion):
        with pytest.raises(LoopyNetError, match=r'pip install "loopynet\[explain\]"'):
            method(net, x, "conv_2@2")
