"""The unexplained share, for linear networks and for nonlinear ones whose share is known."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression

from loopynet import LoopyNet, LoopyNetError, load_spec
from loopynet.explain import linearity
from loopynet.explain.field import receptive_fields
from loopynet.explain.patches import grid_of, patches
from reference.strategies import tiny
from reference.values import random_input, random_net

LINEAR = """
input: {shape: [2, 12, 12]}
layers:
  a: {type: conv2d, filters: 3}
  b: {type: conv2d, filters: 2, activation: ACTIVATION}
  fc: {type: dense, units: 3}
main: [a, b, fc]
loops: {back: {from: b, to: a}}
norm: {type: batch, over_time: per_step}
unroll: {steps: 2}
"""


def test_a_linear_network_leaves_nothing_unexplained():
    net = random_net(tiny(LINEAR.replace("ACTIVATION", "linear"))).eval()
    found = linearity(net, random_input(net, batch=60), positions=16, bootstrap=50)
    assert (found.fit_images, found.held_out_images) == (30, 30)
    for layer in found.layers.values():
        assert not layer.cut
        for one in (*layer.own_field, *layer.equal_field):
            assert max(one.each) < 1e-10
            assert one.fitted < 1e-10
    fields = [one.field for one in found.layers["b"].own_field]
    assert fields == [(5, 5), (9, 9)]
    assert found.layers["b"].own_field[1].regressors == 2 * 81


def test_the_first_convolution_is_linear_before_its_activation_only():
    net = random_net(tiny(LINEAR.replace("ACTIVATION", "relu"))).eval()
    x = random_input(net, batch=80)
    before = linearity(net, x, positions=16, bootstrap=50)
    assert max(before.layers["b"].own_field[0].each) < 1e-10
    assert min(before.layers["a"].own_field[1].each) > 1e-3
    after = linearity(net, x, positions=16, bootstrap=50, side="after")
    assert min(after.layers["b"].own_field[0].each) > 1e-3
    assert max(after.layers["a"].own_field[0].each) < 1e-10
    rise = before.layers["b"].total_increase
    assert 0 < rise.low <= rise.mean <= rise.high


POINT = """
input: {shape: [1, 8, 8]}
layers:
  a: {type: conv2d, filters: 2, size: 1, activation: ACTIVATION}
  fc: {type: dense, units: 2}
main: [a, fc]
loops: {back: {from: a, to: a, merge: MERGE, fit: project}}
unroll: {steps: 2}
"""


@pytest.mark.parametrize(
    ("activation", "share"),
    # Of a normal z, cov(relu(z), z) = 1/2 and var(relu(z)) = (1 - 1/pi) / 2.
    [("relu", 1 - 0.25 / (0.5 - 0.5 / math.pi)), ("linear", 0.0)],
)
def test_the_known_share_of_a_rectified_normal(activation, share):
    text = POINT.replace("ACTIVATION", activation).replace("MERGE", "sum")
    net = random_net(tiny(text)).eval()
    with torch.no_grad():
        net.layers["a"].op.weight.fill_(1.0)
        net.layers["a"].op.bias.zero_()
    x = random_input(net, batch=1500)
    found = linearity(net, x, layers=["a"], unrolls=1, side="after").layers["a"].own_field[0]
    assert found.each == pytest.approx([share] * 2, abs=0.01)
    assert found.over_images.low - 0.01 <= share <= found.over_images.high + 0.01


def test_the_same_as_a_regression_of_scikit_learn():
    net = random_net(tiny(LINEAR.replace("ACTIVATION", "tanh"))).eval()
    x = random_input(net, batch=60)
    found = linearity(net, x, layers=["b"], positions=16, bootstrap=10, side="after")
    grid = grid_of(receptive_fields(net.graph)["b@2"], (12, 12), (12, 12), 16, 0)
    pixels = patches(x, grid).numpy()
    with torch.no_grad():
        y = net.trace(x)["b@2"][:, :, grid.places[:, 0], grid.places[:, 1]].transpose(1, 2).numpy()
    model = LinearRegression().fit(pixels[:30].reshape(-1, 162), y[:30].reshape(-1, 2))
    tested = y[30:].reshape(-1, 2)
    error = tested - model.predict(pixels[30:].reshape(-1, 162))
    share = (error**2).sum(0) / ((tested - tested.mean(0)) ** 2).sum(0)
    assert found.layers["b"].own_field[1].each == pytest.approx(share.tolist(), rel=1e-6)
    assert found.layers["b"].equal_field[1].each == pytest.approx(share.tolist(), rel=1e-6)


def test_the_pixels_of_a_position_are_those_about_it():
    net = random_net(tiny(LINEAR.replace("ACTIVATION", "tanh"))).eval()
    x = random_input(net)
    grid = grid_of(receptive_fields(net.graph)["b@1"], (12, 12), (12, 12), 5, 0)
    for i, (row, column) in enumerate(grid.places.tolist()):
        wanted = x[:, :, row - 2 : row + 3, column - 2 : column + 3]
        assert torch.equal(patches(x, grid)[:, i], wanted.flatten(1))
    columns = grid.columns(receptive_fields(net.graph)["a@1"], 2)
    inner = torch.arange(50).reshape(2, 5, 5)[:, 1:4, 1:4].flatten()
    assert torch.equal(columns, inner)


def test_a_field_beyond_the_image_is_filled_with_zeros():
    net = LoopyNet(load_spec("digits-loopy")).eval()
    x = torch.rand(1500, 1, 8, 8)
    found = linearity(net, x, layers=["conv_2"], positions=4, bootstrap=10)
    assert found.layers["conv_2"].cut
    assert all(np.isfinite(one.over_images.mean) for one in found.layers["conv_2"].own_field)


def test_nothing_stays_on_the_network():
    net = random_net(tiny(LINEAR.replace("ACTIVATION", "relu"))).eval()
    linearity(net, random_input(net, batch=60), positions=16, bootstrap=5)
    assert not any(module._forward_pre_hooks for module in net.modules())


def test_what_cannot_be_fitted_is_refused():
    net = random_net(tiny(LINEAR.replace("ACTIVATION", "relu"))).eval()
    x = random_input(net, batch=6)
    with pytest.raises(LoopyNetError, match="more images"):
        linearity(net, x, positions=16)
    with pytest.raises(LoopyNetError, match=r'no layer "bb". Did you mean "b"'):
        linearity(net, x, layers=["bb"])
    with pytest.raises(LoopyNetError, match="whole image"):
        linearity(net, x, layers=["fc"])
    with pytest.raises(LoopyNetError, match="training mode"):
        linearity(net.train(), x)
