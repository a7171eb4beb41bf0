"""What can be explained, and what the messages say of what cannot."""

import pytest
import torch

from loopynet import LoopyNet, LoopyNetError, load_spec
from loopynet.explain import activation_shapes, gradient
from reference.values import random_input

SIZES = ("input.shape=[3, 6, 5]", "layers.conv_1.filters=4", "layers.conv_2.filters=5")


@pytest.fixture(scope="module")
def net():
    return LoopyNet(load_spec("cifar10-loopy", SIZES)).double().eval()


def refused(net, *arguments, **options):
    with pytest.raises(LoopyNetError) as caught:
        gradient(net, random_input(net, 1), *arguments, **options)
    return str(caught.value)


def test_unknown_names(net):
    said = refused(net, "conv_9@2")
    assert said.startswith('no activation "conv_9@2" in 3 unrolls of "cifar10-loopy".')
    assert 'Did you mean "conv_' in said
    for name in net.trace(random_input(net)):
        assert name in said
    assert "\n" not in said
    assert said.endswith("fc_1@3")
    assert refused(net, "conv_2@5").endswith("for more unrolls, say unrolls=5")
    assert "unrolls=" not in refused(net, "conv_2@0")
    assert "no activation" in refused(net, "conv_2")
    assert "in 1 unroll of" in refused(net, "conv_2@2", unrolls=1)


def test_beyond_the_trained_unrolls(net):
    with pytest.warns(UserWarning, match="running 5 unrolls"):
        maps = gradient(net, random_input(net), "conv_2@5", unrolls=5)
    assert maps.abs().sum() > 0


@pytest.mark.parametrize("filter", [5, -1, True, 1.0, [0, 7], "x"])
def test_filters_out_of_range(net, filter):
    assert '"conv_2@1" has 5 filters, 0 to 4, not ' in refused(net, "conv_2@1", filter)


def test_no_activation_and_no_filter(net):
    assert "names no activation" in refused(net, [])
    assert gradient(net, random_input(net), "conv_2@1", []).shape == (0, 3, 3, 6, 5)


def test_positions(net):
    wanted = '"conv_2@1" has 6 rows and 5 columns; there is no position (5, 5)'
    assert refused(net, "conv_2@1", position=(5, 5)) == wanted
    assert "is a vector" in refused(net, "fc_1@1", position=(0, 0))


def test_names_and_shapes(net):
    shapes = activation_shapes(net)
    trace = net.trace(random_input(net))
    assert {k: v for k, v in shapes.items() if "." not in k} == {
        k: tuple(v.shape[1:]) for k, v in trace.items()
    }
    assert shapes["feedback.signal@2"] == (3, 6, 5)


def test_an_activation_that_does_not_see_the_image():
    spec = load_spec("cifar10-loopy", (*SIZES, "loops.feedback.initial=zero"))
    net = LoopyNet(spec).double().eval()
    maps = gradient(net, random_input(net), "feedback.signal@1")
    assert torch.equal(maps, torch.zeros(3, 3, 6, 5, dtype=torch.float64))
