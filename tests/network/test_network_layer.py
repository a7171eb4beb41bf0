"""One layer: its operation, then the norm of the unroll, then its activation."""

import pytest
import torch
from torch import nn

from loopynet import LoopyNet
from loopynet.modules.norm import BatchNormOverTime, GroupNormOverTime
from loopynet.network.layer import build_norm
from loopynet.parts.norms import NormSpec
from reference.strategies import tiny


def test_order_of_operation_norm_and_activation():
    net = LoopyNet(
        tiny("""
input: {shape: [2, 4, 4]}
layers:
  a: {type: conv2d, filters: 3, activation: relu, norm: {type: batch, over_time: per_step}}
  fc: {type: dense, units: 2}
main: [a, fc]
loops: {back: {from: a, to: a, fit: project}}
unroll: {steps: 3}
""")
    ).double()
    layer = net.layers["a"].eval()
    with torch.no_grad():
        for values in (layer.norm.weight, layer.norm.bias, layer.norm.running_mean):
            values.normal_()
    x = torch.randn(2, 2, 4, 4, dtype=torch.float64)
    for t in (1, 2, 3):
        row = [values[t - 1][:, None, None] for values in layer.norm.state_dict().values()]
        weight, bias, mean, variance = row
        normed = (layer.op(x) - mean) / (variance + 1e-5).sqrt() * weight + bias
        assert torch.allclose(layer(x, t), normed.relu(), atol=1e-12)


def test_a_layer_without_anything_returns_its_input():
    net = LoopyNet(
        tiny("""
input: {shape: [2]}
layers: {a: {type: identity}, b: {type: identity, activation: tanh}}
main: [a, b]
""")
    )
    x = torch.randn(3, 2)
    assert net.layers["a"](x, 1) is x
    assert torch.equal(net.layers["b"](x, 1), x.tanh())
    assert not list(net.parameters())


@pytest.mark.parametrize(
    ("over_time", "affine", "statistics"),
    [("shared", 1, 1), ("per_step", 4, 4), ("per_step_statistics", 1, 4)],
)
def test_what_the_unrolls_share(over_time, affine, statistics):
    shape = (6, 3, 3)
    spec = NormSpec(type="batch", over_time=over_time, momentum=0.3, eps=0.2)
    batch = build_norm(spec, shape, 4)
    assert isinstance(batch, BatchNormOverTime)
    assert batch.weight.shape == batch.bias.shape == (affine, 6)
    assert batch.running_mean.shape == batch.running_var.shape == (statistics, 6)
    assert (batch.momentum, batch.eps) == (0.3, 0.2)
    for kind, groups in (("layer", 1), ("group", 6)):
        group = build_norm(NormSpec(type=kind, over_time=over_time, eps=0.2), shape, 4)
        assert isinstance(group, GroupNormOverTime)
        assert group.weight.shape == group.bias.shape == (affine, 6)
        assert (group.groups, group.eps) == (groups, 0.2)
        assert not list(group.buffers())


def test_no_norm_is_no_module():
    assert build_norm(NormSpec(), (6, 3, 3), 4) is None


def test_dropout_draws_a_mask_for_each_unroll():
    """This is why tests of gradients use a rate of 0: no two networks draw the same masks."""
    net = LoopyNet(
        tiny("""
input: {shape: [200]}
layers: {a: {type: dropout}, b: {type: dense, units: 2}}
main: [a, b]
loops: {back: {from: a, to: a, merge: mul, initial: one}}
unroll: {steps: 2}
""")
    ).train()
    masks = {}
    net(torch.ones(1, 200), record=masks.__setitem__)
    first, second = masks["a@1"] > 0, masks["a@2"] > 0
    assert 60 < first.sum() < 140
    assert not torch.equal(first & second, first)
    assert torch.equal(masks["a@1"][first], torch.full_like(masks["a@1"][first], 2.0))
    net.eval()(torch.ones(1, 200), record=masks.__setitem__)
    assert torch.equal(masks["a@2"], torch.ones(1, 200))


def test_modules_are_pytorchs_own():
    net = LoopyNet(
        tiny("""
input: {shape: [2, 4, 4]}
layers: {a: {type: conv2d, filters: 3}, b: {type: dense, units: 2}}
main: [a, b]
""")
    )
    assert isinstance(net.layers["a"].op, nn.Conv2d)
    assert isinstance(net.layers["b"].op, nn.Linear)
