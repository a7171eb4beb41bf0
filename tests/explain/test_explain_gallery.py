"""The maps of many filters, in the order that a page shows them."""

import pytest
import torch

from loopynet import LoopyNetError, NetworkSpec, load_spec
from loopynet.cli.explaining import METHODS as WORDS
from loopynet.explain import guided_backprop
from loopynet.explain.gallery import METHODS, FilterMaps, default_layers, filter_maps, layer_unrolls
from reference.values import assert_close, random_input, random_net

SIZES = ("input.shape=[3, 6, 5]", "layers.conv_1.filters=4", "layers.conv_2.filters=6")


@pytest.fixture(scope="module")
def net():
    return random_net(load_spec("cifar10-loopy", SIZES)).eval()


def test_the_command_line_knows_the_methods():
    assert tuple(METHODS) == WORDS


def test_named_filters(net):
    x = random_input(net)
    found = list(filter_maps(net, x, ["conv_2", "feedback", "logits"], [2, 0]))
    assert [(f.layer, f.filter) for f in found] == [
        (layer, f) for layer in ("conv_2", "feedback", "fc_1") for f in (2, 0)
    ]
    assert found[0].names == ("conv_2@1", "conv_2@2", "conv_2@3")
    assert found[2].names == ("feedback@2", "feedback@3")
    wanted = guided_backprop(net, x, "conv_2@3", 2).sum(1)
    assert_close(found[0].maps[2], wanted, "conv_2@3")


def test_the_most_active_filters_and_the_default_layers(net):
    x = random_input(net)
    assert default_layers(net) == ["conv_1", "conv_2", "conv_3"]
    means = net.trace(x)["conv_2@3"].mean((0, 2, 3))
    wanted = sorted(sorted(range(6), key=lambda i: -means[i])[:4])
    assert [f.filter for f in filter_maps(net, x, ["conv_2"])] == wanted
    assert len(list(filter_maps(net, x, ["conv_3"], None))) == 3
    plain = random_net(load_spec("cifar10-vanilla", SIZES))
    assert default_layers(plain) == ["conv_1", "conv_2", "conv_3"]


def test_colors_end_where_99_of_100_values_lie():
    maps = torch.zeros(2, 3, 10, 10)
    maps[:, 0] = torch.linspace(-1, 1, 200).view(2, 10, 10)
    maps[1, 1, 4, 4] = -5
    reach = FilterMaps("conv_1", 0, (1, 2), maps).reach
    assert reach[0] == pytest.approx(0.99, abs=0.01)
    assert reach[1] == 5
    assert reach[2] > 0


def test_unrolls_of_layers(net):
    with pytest.warns(UserWarning, match="running 4 unrolls"):
        assert layer_unrolls(net, ["conv_1", "feedback"], 4) == {
            "conv_1": (1, 2, 3, 4), "feedback": (2, 3, 4),
        }  # fmt: skip
    wrong = 'no layer or merge "conv_4" in "cifar10-loopy". Did you mean "conv_[123]"'
    with pytest.raises(LoopyNetError, match=wrong):
        layer_unrolls(net, ["conv_4"])


def test_vectors_cannot_be_shown():
    spec = NetworkSpec.model_validate(
        {"input": {"shape": [4]}, "layers": {"a": {"type": "dense", "units": 2}}, "main": ["a"]}
    )
    with pytest.raises(LoopyNetError, match="takes vectors"):
        list(filter_maps(random_net(spec).eval(), torch.zeros(1, 4).double(), ["a"]))
