"""The recurrent network with recall against its equations (Bansal et al. 2022, section 3)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from loopynet import Each, LoopyNet, Truncated, build_graph, load_spec
from loopynet.graph import costs


def test_the_number_of_parameters() -> None:
    """Of 3x3 convolutions without biases: projection, recall, two blocks of two, head."""
    pairs = [(1, 32), (33, 32), *[(32, 32)] * 4, (32, 32), (32, 8), (8, 10)]
    expected = sum(9 * before * after for before, after in pairs)
    assert costs(build_graph(load_spec("deep-thinking"))).parameters == expected


def test_every_thought_and_answer_equal_the_reference() -> None:
    torch.manual_seed(0)
    net = LoopyNet.from_yaml("deep-thinking").double()
    state = net.state_dict()

    def convolved(name: str, x: Tensor) -> Tensor:
        return functional.conv2d(x, state[f"layers.{name}.op.weight"], padding=1)

    def block(number: int, x: Tensor) -> Tensor:
        change = convolved(f"block_{number}b", convolved(f"block_{number}a", x).relu())
        return (change + x).relu()

    x = torch.rand(3, 1, 8, 8, dtype=torch.float64)
    trace, answers = net.trace(x), net(x, readout=Each())
    thought = convolved("project", x).relu()
    for t in range(1, 7):
        recalled = convolved("recall", torch.cat((thought, x), 1))
        thought = block(2, block(1, recalled))
        torch.testing.assert_close(trace[f"block_2@{t}"], thought, rtol=1e-10, atol=1e-10)
        head = convolved("head_2", convolved("head_1", thought).relu()).relu()
        logits = convolved("head_3", head).mean((2, 3))
        torch.testing.assert_close(answers[t - 1], logits, rtol=1e-10, atol=1e-10)


def test_the_gradient_of_a_pass_ends_where_the_progressive_loss_says() -> None:
    """The first thought gets none if the unrolls with a gradient come later."""
    net = LoopyNet.from_yaml("deep-thinking")
    assert load_spec("deep-thinking").loss.progressive == 0.5
    x = torch.rand(2, 1, 8, 8)
    net(x, unrolls=5, gradient=Truncated(2)).sum().backward()
    assert net.layers["project"].op.weight.grad is None
    assert net.layers["recall"].op.weight.grad.any()
