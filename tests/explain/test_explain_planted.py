"""A network whose right answer is known: its loop looks at the bright square, by construction."""

import pytest
import torch

from loopynet import LoopyNet, NetworkSpec
from loopynet.explain import deconvnet, gradient, guided_backprop, merges, occlusion

SQUARE = (slice(4, 8), slice(5, 9))
NEAR = (slice(3, 9), slice(4, 10))  # the loop's filter reaches one pixel further


def network(steps: int) -> LoopyNet:
    """Multiply the image by a mask that opens where it is bright.

    conv_1 has two filters: the image itself, and what exceeds 1.5. conv_2 is the mean of the second
    over 3x3 pixels, and goes back to multiply the image.
    """
    conv = {"type": "conv2d", "padding": "same", "activation": "relu"}
    net = LoopyNet(
        NetworkSpec.model_validate(
            {
                "input": {"shape": [1, 12, 14]},
                "layers": {
                    "conv_1": {**conv, "filters": 2, "size": 1},
                    "conv_2": {**conv, "filters": 1, "size": 3, "bias": False},
                    "fc_1": {"type": "dense", "units": 2},
                },
                "main": ["conv_1", "conv_2", "fc_1"],
                "loops": {"feedback": {"from": "conv_2", "to": "conv_1", "merge": "mul"}},
                "unroll": {"steps": steps},
            }
        )
    )
    with torch.no_grad():
        net.layers["conv_1"].op.weight.fill_(1)
        net.layers["conv_1"].op.bias.copy_(torch.tensor([0.0, -1.5]))
        net.layers["conv_2"].op.weight.zero_()[0, 1] = 1 / 9
    return net.double().eval()


@pytest.fixture(scope="module")
def image():
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(4, 1, 12, 14, generator=generator, dtype=torch.float64)
    x[:, :, SQUARE[0], SQUARE[1]] += 2
    return x


def inside(maps: torch.Tensor) -> float:
    """Return the share of a map's mass [N, 1, H, W] that lies in and at the square."""
    mass = maps.abs().reshape(-1, 12, 14)
    return float(mass[:, NEAR[0], NEAR[1]].sum() / mass.sum())


AREA = 36 / (12 * 14)


@pytest.mark.parametrize("method", [gradient, guided_backprop, occlusion])
def test_later_unrolls_look_at_the_square_and_the_first_at_everything(method, image):
    net, cut = network(3), network(1)
    options = {"window": 1} if method is occlusion else {}
    for at in ("conv_1@2", "conv_1@3"):
        assert inside(method(net, image, at, 0, **options)) > 0.99
    everywhere = method(net, image, "conv_1@1", 0, **options)
    assert torch.equal(everywhere, method(cut, image, "conv_1@1", 0, **options))
    share = inside(everywhere)
    expected = inside(image) if method is occlusion else AREA  # occlusion takes the light away
    assert share == pytest.approx(expected, rel=1e-6)
    assert share < 0.6


def test_the_merge_map_opens_at_the_square(image):
    views = merges(network(3), image)
    assert list(views) == ["feedback@2", "feedback@3"]
    for view in views.values():
        assert view.measure == "factor"
        assert inside(view.attention) == pytest.approx(1, abs=1e-12)
        assert inside(view.result) == pytest.approx(1, abs=1e-12)
    first = views["feedback@2"].attention
    assert float(first[:, SQUARE[0], SQUARE[1]].min()) > 0
    assert inside(views["feedback@2"].forward) < 0.6
    assert merges(network(1), image) == {}


def test_a_deconvnet_does_not_know_which_rectifiers_were_open(image):
    """It says less of where the loop looked, here as in the comparison of Springenberg et al."""
    net = network(3)
    assert inside(deconvnet(net, image, "conv_1@2", 0)) < 0.6
