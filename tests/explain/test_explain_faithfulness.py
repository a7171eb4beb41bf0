"""Deletion and insertion, against curves that are known and a loop over single pixels."""

import pytest
import torch

from loopynet import LoopyNet, LoopyNetError, NetworkSpec
from loopynet.explain import faithfulness
from reference.strategies import tiny
from reference.values import random_net


def reads_one_pixel(row, column, size=4):
    """Return a network whose answer is the sign of one pixel, surely."""
    net = LoopyNet(
        NetworkSpec(
            input={"shape": (1, size, size)},
            layers={"fc": {"type": "dense", "units": 2, "bias": False}},
            main=("fc",),
        )
    )
    with torch.no_grad():
        net.layers["fc"].op.weight.zero_()
        net.layers["fc"].op.weight[0, row * size + column] = 100.0
    return net.eval()


def test_the_pixel_that_is_read_decides():
    net = reads_one_pixel(1, 2)
    images = torch.rand(20, 1, 4, 4) + 0.5
    right = torch.zeros(20, 4, 4)
    right[:, 1, 2] = 1
    found = faithfulness(net, images, {"right": right, "wrong": -right}, steps=16).maps
    # Without the pixel both classes have 1/2.
    assert found["right"].deletion == pytest.approx([1.0] + [0.5] * 16, abs=1e-6)
    assert found["right"].insertion == pytest.approx([0.5] + [1.0] * 16, abs=1e-6)
    assert found["wrong"].deletion == pytest.approx([1.0] * 16 + [0.5], abs=1e-6)
    assert found["right"].deletion_area.mean == pytest.approx(0.5 + 0.25 / 16)
    assert found["gradient"].deletion_area == found["right"].deletion_area
    assert found["right"].deletion_less["random"].high < 0
    assert found["right"].insertion_less["random"].low > 0
    assert found["wrong"].deletion_less["gradient"].mean == pytest.approx(0.5 - 0.5 / 16)
    assert set(found["random"].deletion_less) == {"gradient"}


def test_random_maps_are_random():
    net = reads_one_pixel(0, 0)
    images = torch.rand(400, 1, 4, 4) + 0.5
    found = faithfulness(net, images, {}, steps=16, random_maps=4).maps["random"]
    expected = [1 - i / 32 for i in range(17)]  # the chance that the pixel is gone is i / 16
    assert found.deletion == pytest.approx(expected, abs=0.05)
    assert found.deletion[0] == pytest.approx(1)
    constant = faithfulness(net, images, {"constant": torch.ones(400, 4, 4)}, steps=16)
    assert constant.maps["constant"].deletion == pytest.approx(expected, abs=0.1)


LOOPY = """
input: {shape: [2, 5, 5]}
layers:
  a: {type: conv2d, filters: 3, activation: tanh}
  b: {type: conv2d, filters: 2, activation: relu}
  fc: {type: dense, units: 3}
main: [a, b, fc]
loops: {back: {from: b, to: a}}
unroll: {steps: 2}
readout: each
"""


def test_equal_to_pixel_after_pixel():
    net = random_net(tiny(LOOPY)).eval()
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(3, 2, 5, 5, generator=generator, dtype=torch.float64)
    maps = torch.rand(3, 5, 5, generator=generator, dtype=torch.float64)
    classes = torch.tensor([0, 1, 2])
    found = faithfulness(net, images, {"m": maps}, classes=classes, steps=25, batch_size=2)
    total = torch.zeros(26, dtype=torch.float64)
    for image, one, y in zip(images, maps, classes, strict=True):
        x = image.clone()
        for i in range(26):
            total[i] += net(x[None], readout="last").softmax(1)[0, y].detach() / 3
            if i < 25:
                place = int(one.flatten().argsort(descending=True)[i])
                x[:, place // 5, place % 5] = 0
    assert found.maps["m"].deletion == pytest.approx(total.tolist())


def test_blur_keeps_what_is_even():
    net = reads_one_pixel(1, 2, size=6)
    images = torch.full((4, 1, 6, 6), 0.5)
    found = faithfulness(net, images, {}, steps=4, replacement="blur")
    assert found.maps["random"].deletion == pytest.approx([1.0] * 5, abs=1e-6)
    assert found.replacement == "blur"


def test_nothing_of_the_network_is_changed():
    net = random_net(tiny(LOOPY)).eval()
    faithfulness(net, torch.randn(2, 2, 5, 5, dtype=torch.float64), {}, steps=2)
    assert all(p.grad is None and p.requires_grad for p in net.parameters())


def test_wrong_maps_are_refused():
    net, images = reads_one_pixel(0, 0), torch.rand(3, 1, 4, 4)
    with pytest.raises(LoopyNetError, match=r'"m" is \[3, 5, 4\], and the images need \[3, 4, 4\]'):
        faithfulness(net, images, {"m": torch.rand(3, 5, 4)})
    with pytest.raises(LoopyNetError, match="taken by the random maps"):
        faithfulness(net, images, {"random": torch.rand(3, 4, 4)})
    with pytest.raises(LoopyNetError, match="training mode"):
        faithfulness(net.train(), images, {})
