"""The convolutional maxout network (Goodfellow et al. 2013) against its equations."""

from __future__ import annotations

import re

import torch
from torch import Tensor
from torch.nn import functional

from loopynet import LoopyNet, build_graph, load_spec
from loopynet.graph import costs
from loopynet.zoo import zoo_text

PUBLISHED = re.findall(r"layers\.\w+=\d+|layers\.\w+\.\w+=\d+", zoo_text("maxout-network"))


def test_the_published_size_is_a_change_away() -> None:
    """Each part is pieces * units * (inputs + 1): 192, 384, 384 filters, 2500 and 10 units."""
    expected = 192 * (3 * 64 + 1) + 384 * (96 * 64 + 1) + 384 * (192 * 25 + 1)
    expected += 2500 * (192 * 5 * 5 + 1) + 10 * (500 + 1)
    graph = build_graph(load_spec("maxout-network", tuple(PUBLISHED)))
    assert costs(graph).parameters == expected == 16_247_830
    sizes = [
        graph.layers[f"{kind}_{i}"].output_shape for i in (1, 2, 3) for kind in ("max", "pool")
    ]
    assert sizes == [
        (96, 33, 33), (96, 16, 16), (192, 15, 15), (192, 7, 7), (192, 9, 9), (192, 5, 5)
    ]  # fmt: skip


def test_the_default_size() -> None:
    assert costs(build_graph(load_spec("maxout-network"))).parameters == 1_281_062


def maximum(x: Tensor, pieces: int) -> Tensor:
    """Neighboring channels compete."""
    return x.unflatten(1, (x.shape[1] // pieces, pieces)).amax(2)


def test_the_logits_equal_the_reference() -> None:
    torch.manual_seed(0)
    net = LoopyNet.from_yaml("maxout-network").double().eval()
    x = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    state, y = net.state_dict(), x
    for i, padding, window in ((1, 4, 4), (2, 3, 4), (3, 3, 2)):
        weight, bias = (state[f"layers.conv_{i}.op.{key}"] for key in ("weight", "bias"))
        y = maximum(functional.conv2d(y, weight, bias, padding=padding), 2)
        y = functional.max_pool2d(y, window, 2, padding=1)
    first, second = (
        [state[f"layers.fc_{i}.op.{key}"] for key in ("weight", "bias")] for i in (1, 2)
    )
    y = functional.linear(maximum(functional.linear(y.flatten(1), *first), 5), *second)
    with torch.no_grad():
        torch.testing.assert_close(net(x), y, rtol=1e-10, atol=1e-10)
