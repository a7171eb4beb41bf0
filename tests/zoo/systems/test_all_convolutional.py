"""All-CNN-C against its table (Springenberg et al. 2015, tables 1 and 2)."""

from __future__ import annotations

import torch
from torch.nn import functional

from loopynet import LoopyNet, build_graph, load_spec
from loopynet.graph import costs

CONVOLUTIONS = (  # filters, size, stride, padding
    (96, 3, 1, 1), (96, 3, 1, 1), (96, 3, 2, 1),
    (192, 3, 1, 1), (192, 3, 1, 1), (192, 3, 2, 1),
    (192, 3, 1, 0), (192, 1, 1, 0), (10, 1, 1, 0),
)  # fmt: skip


def test_the_number_of_parameters() -> None:
    total, channels = 0, 3
    for filters, size, _, _ in CONVOLUTIONS:
        total += filters * (channels * size * size + 1)
        channels = filters
    graph = build_graph(load_spec("all-convolutional"))
    assert costs(graph).parameters == total == 1_369_738
    assert graph.layers["conv_9"].output_shape == (10, 6, 6)  # the paper averages 6x6 positions


def test_the_logits_equal_the_reference() -> None:
    torch.manual_seed(0)
    net = LoopyNet.from_yaml("all-convolutional").double().eval()
    x = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    state, y = net.state_dict(), x
    for i, (_, _, stride, padding) in enumerate(CONVOLUTIONS, start=1):
        weight, bias = (state[f"layers.conv_{i}.op.{key}"] for key in ("weight", "bias"))
        y = functional.conv2d(y, weight, bias, stride, padding)
        y = y if i == len(CONVOLUTIONS) else y.relu()
    with torch.no_grad():
        torch.testing.assert_close(net(x), y.mean((2, 3)), rtol=1e-10, atol=1e-10)


def test_dropout_is_where_the_paper_has_it() -> None:
    spec = load_spec("all-convolutional")
    rates = {name: getattr(spec.layers[name], "rate", None) for name in spec.main}
    assert {n: rate for n, rate in rates.items() if rate} == {
        "drop_1": 0.2, "drop_2": 0.5, "drop_3": 0.5
    }  # fmt: skip
    assert [spec.main[spec.main.index(f"drop_{i}") - 1] for i in (2, 3)] == ["conv_3", "conv_6"]
